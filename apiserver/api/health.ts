import type { FastifySchema } from 'fastify';
import { queryValue, type App, type Reply, type Request } from './app-types.js';
import { ApiError, RESOURCE_NOT_FOUND } from './errors.js';
import { routeSchema } from './route-schema.js';

/** One condition of a probe; the name is shown by `?verbose` and is a sub-path of its own. */
export interface HealthCheck {
  readonly name: string;
  isMet(): boolean;
  /** What `?verbose` says of it besides, and a failure, to anybody; undefined: nothing. */
  detail?(): string | undefined;
}

const PING: HealthCheck = { name: 'ping', isMet: () => true };

/** /healthz, /livez and /readyz in the manner of kube-apiserver: `ok`, or what failed; `?verbose`, `?exclude=` and sub-paths. */
export function healthRoutes(app: App, readiness: readonly HealthCheck[]): void {
  const probes = { healthz: [PING], livez: [PING], readyz: [PING, ...readiness] };
  for (const [probe, checks] of Object.entries(probes)) {
    app.get(`/${probe}`, { schema: probeSchema(probe) }, (request, reply) =>
      sendProbe(request, reply, { probe, checks }),
    );
    const schema = probeSchema(probe, { check: 'Name of a check.' });
    app.get<{ Params: { check: string } }>(`/${probe}/:check`, { schema }, (request, reply) => {
      const check = checks.find(({ name }) => name === request.params.check);
      if (check === undefined) throw new ApiError('NotFound', RESOURCE_NOT_FOUND);
      return sendProbe(request, reply, { probe: `${probe}/${check.name}`, checks: [check] });
    });
  }
}

function probeSchema(probe: string, params?: Record<string, string>): FastifySchema {
  return routeSchema({
    operationId: `get${probe.charAt(0).toUpperCase()}${probe.slice(1)}${params === undefined ? '' : 'Check'}`,
    summary: 'Whether the server is well: 200, or 500 and what failed.',
    query: { verbose: 'Names what was looked at.', exclude: 'Checks to leave out, separated by commas.' },
    ...(params !== undefined && { params }),
    answer: 'ok, or one line for each check.',
  });
}

function sendProbe(
  request: Request,
  reply: Reply,
  { probe, checks }: { readonly probe: string; readonly checks: readonly HealthCheck[] },
): Reply {
  const excluded = (queryValue(request.query, 'exclude') ?? '').split(',');
  const results = checks.filter(({ name }) => !excluded.includes(name)).map((check) => ({ check, met: check.isMet() }));
  const passed = results.every(({ met }) => met);
  const lineOf = ({ check, met }: (typeof results)[number]): string => {
    const detail = check.detail?.();
    if (!met) return `[-]${check.name} failed: ${detail ?? 'reason withheld'}`;
    return `[+]${check.name} ok${detail === undefined ? '' : `: ${detail}`}`;
  };
  const verdict = `${probe} check ${passed ? 'passed' : 'failed'}`;
  const verbose = !passed || queryValue(request.query, 'verbose') !== undefined;
  return reply
    .code(passed ? 200 : 500)
    .type('text/plain; charset=utf-8')
    .header('cache-control', 'no-cache, private')
    .send(verbose ? `${[...results.map(lineOf), verdict].join('\n')}\n` : 'ok');
}
