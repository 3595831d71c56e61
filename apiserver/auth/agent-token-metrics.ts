import { Counter, Gauge, type Registry } from 'prom-client';

/** What is known of the published keys. */
export interface KeysState {
  readonly count: number;
  readonly ageMs: number | undefined;
}

/** What the apiserver says of the tokens of agents. */
export function createAgentTokenMetrics(registry: Registry, keys: KeysState): Counter<'source' | 'result'> {
  const registers = [registry];
  new Gauge({
    name: 'podnet_apiserver_service_account_keys',
    help: 'Published keys of service account tokens that are known.',
    registers,
    collect() {
      this.set(keys.count);
    },
  });
  new Gauge({
    name: 'podnet_apiserver_service_account_keys_age_seconds',
    help: 'Time since the published keys were fetched.',
    registers,
    collect() {
      if (keys.ageMs === undefined) this.remove();
      else this.set(keys.ageMs / 1_000);
    },
  });
  return new Counter({
    name: 'podnet_apiserver_agent_tokens_total',
    help: 'Tokens of agents that were judged, by what judged them (keys, or review: a TokenReview) and by result: ok, or why not.',
    labelNames: ['source', 'result'],
    registers,
  });
}
