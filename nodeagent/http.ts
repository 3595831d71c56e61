import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Registry } from 'prom-client';
import { NODE_FAMILIES, type MetricFamily } from '../metrics/catalogue.js';
import { Compat } from '../metrics/compat/compat.js';
import { extraFamilies } from '../metrics/ipam/lines.js';
import { negotiateFormat } from '../metrics/negotiate.js';
import { renderNode, type NodeView } from '../metrics/node-families.js';
import { CONTENT_TYPE, EPILOGUE, renderHeader, type ExpositionFormat } from '../metrics/render.js';
import { renderSelfMetrics } from '../metrics/self-metrics.js';
import { errorMessage } from '../runtime/logger.js';
import type { RateLimit } from '../runtime/rate-limit.js';
import { closeOldestBeyond } from './close-oldest.js';

export interface AgentHttpDeps {
  /** What was read last; undefined when that says nothing of the present. */
  readonly view: () => NodeView | undefined;
  readonly registry: Registry;
  /** What fails as a whole at present; empty when nothing does. */
  readonly problem: () => string;
  /** Whether nothing is left of what the agent is there for, where something fails; so it is where nobody says. */
  readonly isBlind?: () => boolean;
  /** What has to be learnt from others before anything can be read; empty when nothing has. */
  readonly waiting?: () => string;
  /** Families of predecessors that are served as well. */
  readonly compat?: Compat;
  /** How often a client may ask; as often as it likes without one. */
  readonly limit?: Pick<RateLimit, 'take'>;
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TEXT = 'text/plain; charset=utf-8';
const NOT_FOUND: Answer = { code: 404, type: TEXT, body: 'there are /metrics and /healthz, to GET\n' };
/** A client has another request a second later at the latest: the least rate is one a second. */
const TOO_MANY: Answer = { code: 429, type: TEXT, body: 'Too Many Requests\n', headers: { 'retry-after': '1' } };
/** A request is a few headers. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A Prometheus and a kubelet take two. One more is accepted all the same, and the oldest closed. */
const MAX_CONNECTIONS = 256;

/**
 * The agent's own endpoints: /metrics of this node, /healthz. Node's own server does for two of them; a framework would take ten of the
 * agent's 80 MiB.
 *
 * Whoever restarts what is not healthy must not do so because the Kubernetes API is away: the agent would not learn the sooner which
 * pods there are, and one that has started without it is as good as any other. Nor because one collector fails, as with a broken NIC: a
 * restart would cost what the others read, and mend nothing.
 */
export function createAgentHttp(deps: AgentHttpDeps): Server {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request, deps).then(
      (given) => send(response, given),
      (error: unknown) => send(response, { code: 500, type: TEXT, body: `${errorMessage(error)}\n` }),
    );
  });
  closeOldestBeyond(MAX_CONNECTIONS, server);
  return server;
}

async function answer(request: IncomingMessage, deps: AgentHttpDeps): Promise<Answer> {
  const { method, url = '', headers, socket } = request;
  const [path] = url.split('?');
  if (!mayAsk(path, socket, deps)) return TOO_MANY;
  if (method === 'GET' && path === '/metrics') return metrics(headers.accept, deps);
  if (method === 'GET' && path === '/healthz') return health(deps);
  return NOT_FOUND;
}

/**
 * The kubelet is not held up by a scraper: where they share an address (it asks a pod of its own network from the node's end of it, as whatever
 * else is on the node does, or is translated to that) /healthz has a bucket of its own.
 */
function mayAsk(path: string | undefined, socket: Socket, { limit }: AgentHttpDeps): boolean {
  if (limit === undefined || path !== '/healthz') return limit?.take(socket.remoteAddress ?? '') ?? true;
  return isOfThisNode(socket) || limit.take(socket.remoteAddress ?? '', path);
}

/** From loopback, or as the kubelet asks who shares the network of the node: from the address that it asks. */
function isOfThisNode({ remoteAddress = '', localAddress }: Socket): boolean {
  return remoteAddress === localAddress || /^(::1$|(::ffff:)?127\.)/.test(remoteAddress);
}

async function metrics(
  accept: string | undefined,
  { view, registry, compat = new Compat([]) }: AgentHttpDeps,
): Promise<Answer> {
  const format = negotiateFormat(accept);
  const own = await renderSelfMetrics(registry, format);
  const body = renderFamilies(view(), compat, format) + own + EPILOGUE[format];
  return { code: 200, type: CONTENT_TYPE[format], body };
}

function health({ view, problem, isBlind = () => true, waiting = () => '' }: AgentHttpDeps): Answer {
  const [expected, failing] = [waiting(), problem()];
  const unread = view() === undefined && expected === '' ? 'no fresh sample' : '';
  const told = [failing, unread].filter((text) => text !== '').join('; ');
  if (unread !== '' || (failing !== '' && isBlind())) return { code: 500, type: TEXT, body: `${told}\n` };
  const reservations = [failing, expected === '' ? '' : `waiting: ${expected}`].filter((text) => text !== '');
  const body = reservations.length === 0 ? 'ok' : `ok, but ${reservations.join('; ')}\n`;
  return { code: 200, type: TEXT, body };
}

function send(response: ServerResponse, { code, type, body, headers }: Answer): void {
  response.writeHead(code, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

function renderFamilies(view: NodeView | undefined, compat: Compat, format: ExpositionFormat): string {
  if (view === undefined) return '';
  const families = (all: readonly MetricFamily[], texts: readonly string[]) =>
    all.map((family, i) => ({ family, lines: texts[i] ?? '' }));
  return [
    ...families(NODE_FAMILIES, renderNode(view)),
    ...extraFamilies(view),
    ...families(compat.families, compat.render(view)),
    ...compat.read(view),
  ]
    .map(({ family, lines }) => (lines === '' ? '' : renderHeader(family, format) + lines))
    .join('');
}
