import { Counter, Gauge, type Registry } from 'prom-client';

/** What the programs' own /metrics say of authentication and authorization. */
export interface AuthMetrics {
  readonly attempts: Counter<'method' | 'result'>;
  readonly decisions: Counter<'result' | 'cached'>;
  readonly ignoredHeaders: Counter;
  readonly overLimit: Counter<'limit'>;
  readonly unlogged: Counter;
}

/** What a gauge looks at when it is scraped. */
export interface AuthGauges {
  /** Entries by cache. */
  readonly caches: Readonly<Record<string, { readonly cacheSize: number }>>;
  readonly inFlight: () => number;
}

export function createAuthMetrics(registry: Registry): AuthMetrics {
  const registers = [registry];
  return {
    attempts: new Counter({
      name: 'podnet_apiserver_authentication_attempts_total',
      help: 'Credentials looked at, by method and result: authenticated, refused, or error where a token could not be reviewed.',
      labelNames: ['method', 'result'],
      registers,
    }),
    decisions: new Counter({
      name: 'podnet_apiserver_authorization_decisions_total',
      help: 'Requests allowed, denied, or not reviewed (error), by whether the answer was asked for or known.',
      labelNames: ['result', 'cached'],
      registers,
    }),
    ignoredHeaders: new Counter({
      name: 'podnet_apiserver_ignored_remote_headers_total',
      help: 'Requests whose X-Remote headers were ignored, because they did not come from the front proxy.',
      registers,
    }),
    overLimit: new Counter({
      name: 'podnet_apiserver_requests_over_limit_total',
      help: 'Requests refused because too many were in flight: of the user, of direct callers, overall, of the node that reports, or of reports.',
      labelNames: ['limit'],
      registers,
    }),
    unlogged: new Counter({
      name: 'podnet_apiserver_denied_requests_unlogged_total',
      help: 'Denied requests that were not logged because others had been in the same second.',
      registers,
    }),
  };
}

export function addAuthGauges(registry: Registry, { caches, inFlight }: AuthGauges): void {
  new Gauge({
    name: 'podnet_apiserver_auth_cache_entries',
    help: 'Answers of reviews remembered.',
    labelNames: ['cache'],
    registers: [registry],
    collect() {
      for (const [cache, { cacheSize }] of Object.entries(caches)) this.set({ cache }, cacheSize);
    },
  });
  new Gauge({
    name: 'podnet_apiserver_requests_in_flight',
    help: 'Requests being answered.',
    registers: [registry],
    collect() {
      this.set(inFlight());
    },
  });
}
