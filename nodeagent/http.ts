import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { NODE_FAMILIES } from '../metrics/catalogue.js';
import { Compat } from '../metrics/compat/compat.js';
import { negotiateFormat } from '../metrics/negotiate.js';
import { renderNode, type NodeView } from '../metrics/node-families.js';
import { CONTENT_TYPE, EPILOGUE, renderHeader, type ExpositionFormat } from '../metrics/render.js';
import { renderSelfMetrics } from '../metrics/self-metrics.js';

export interface AgentHttpDeps {
  /** What was read last; undefined when that says nothing of the present. */
  readonly view: () => NodeView | undefined;
  readonly registry: Registry;
  /** What fails as a whole at present; empty when nothing does. */
  readonly problem: () => string;
  /** What has to be learnt from others before anything can be read; empty when nothing has. */
  readonly waiting?: () => string;
  /** Families of predecessors that are served as well. */
  readonly compat?: Compat;
}

/**
 * The agent's own endpoints: /metrics of this node, /healthz. Whoever restarts what is not healthy must not do so because the Kubernetes
 * API is away: the agent would not learn the sooner which pods there are, and one that has started without it is as good as any other.
 */
export function createAgentHttp(deps: AgentHttpDeps): FastifyInstance {
  const { view, registry, problem, waiting = () => '', compat = new Compat([]) } = deps;
  const app = Fastify({ exposeHeadRoutes: false, forceCloseConnections: true });
  app.get('/metrics', async (request, reply) => {
    const format = negotiateFormat(request.headers.accept);
    const own = await renderSelfMetrics(registry, format);
    return reply.type(CONTENT_TYPE[format]).send(renderFamilies(view(), compat, format) + own + EPILOGUE[format]);
  });
  app.get('/healthz', (_request, reply) => {
    const expected = waiting();
    const unread = view() === undefined && expected === '' ? 'no fresh sample' : '';
    const complaint = [problem(), unread].filter((text) => text !== '').join('; ');
    const praise = expected === '' ? 'ok' : `ok, but waiting: ${expected}\n`;
    return reply
      .code(complaint === '' ? 200 : 500)
      .type('text/plain; charset=utf-8')
      .send(complaint === '' ? praise : `${complaint}\n`);
  });
  return app;
}

function renderFamilies(view: NodeView | undefined, compat: Compat, format: ExpositionFormat): string {
  if (view === undefined) return '';
  const blocks = [...renderNode(view), ...compat.render(view)];
  return [...NODE_FAMILIES, ...compat.families]
    .map((family, i) => ((blocks[i] ?? '') === '' ? '' : renderHeader(family, format) + (blocks[i] ?? '')))
    .join('');
}
