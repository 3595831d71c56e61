import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { NODE_FAMILIES } from '../metrics/catalogue.js';
import { negotiateFormat } from '../metrics/negotiate.js';
import { renderNode, type NodeView } from '../metrics/node-families.js';
import { CONTENT_TYPE, EPILOGUE, renderHeader, type ExpositionFormat } from '../metrics/render.js';
import { renderSelfMetrics } from '../metrics/self-metrics.js';

export interface AgentHttpDeps {
  /** What was read last; undefined when that says nothing of the present. */
  readonly view: () => NodeView | undefined;
  readonly registry: Registry;
}

/** The agent's own endpoints: /metrics of this node, /healthz. */
export function createAgentHttp({ view, registry }: AgentHttpDeps): FastifyInstance {
  const app = Fastify({ exposeHeadRoutes: false, forceCloseConnections: true });
  app.get('/metrics', async (request, reply) => {
    const format = negotiateFormat(request.headers.accept);
    const own = await renderSelfMetrics(registry, format);
    return reply.type(CONTENT_TYPE[format]).send(renderFamilies(view(), format) + own + EPILOGUE[format]);
  });
  app.get('/healthz', (_request, reply) => {
    const healthy = view() !== undefined;
    return reply
      .code(healthy ? 200 : 500)
      .type('text/plain; charset=utf-8')
      .send(healthy ? 'ok' : 'no fresh sample\n');
  });
  return app;
}

function renderFamilies(view: NodeView | undefined, format: ExpositionFormat): string {
  if (view === undefined) return '';
  const blocks = renderNode(view);
  return NODE_FAMILIES.map((family, i) =>
    (blocks[i] ?? '') === '' ? '' : renderHeader(family, format) + (blocks[i] ?? ''),
  ).join('');
}
