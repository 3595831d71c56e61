import { Counter, type Registry } from 'prom-client';

const NAME = 'podnet_apiserver_cache_lookups_total';

/** Counts what is looked up in a cache; all caches of a registry have one family. */
export function lookupCounter(registry: Registry, cache: string): (isHit: boolean) => void {
  const known = registry.getSingleMetric(NAME);
  const family =
    known instanceof Counter
      ? known
      : new Counter({
          name: NAME,
          help: 'Lookups in caches of label selectors, of reviews of bearer tokens and of verified tokens of agents, by result: hit or miss.',
          labelNames: ['cache', 'result'],
          registers: [registry],
        });
  const [hits, misses] = [family.labels({ cache, result: 'hit' }), family.labels({ cache, result: 'miss' })];
  for (const counted of [hits, misses]) counted.inc(0);
  return (isHit) => {
    (isHit ? hits : misses).inc();
  };
}
