import { Counter, Gauge, type Registry } from 'prom-client';
import type { Ending, Scrapes } from './scrapes.js';

/** What became of a scrape. */
export type ScrapeResult = 'complete' | 'broken_off' | 'refused' | Ending;

const RESULTS: readonly ScrapeResult[] = ['complete', 'broken_off', 'refused', 'gave_way', 'too_slow'];
const ENCODINGS = ['gzip', 'identity'] as const;

/** What the server says of those that scrape it. */
export interface ScrapeMetrics {
  readonly results: Counter<'result'>;
  readonly bytes: Counter<'encoding'>;
}

export function createScrapeMetrics(registry: Registry, scrapes: Pick<Scrapes, 'count' | 'heldBytes'>): ScrapeMetrics {
  const registers = [registry];
  new Gauge({
    name: 'podnet_apiserver_scrapes_under_way',
    help: 'Scrapes of /metrics that are being answered.',
    registers,
    collect() {
      this.set(scrapes.count);
    },
  });
  new Gauge({
    name: 'podnet_apiserver_scrape_held_bytes',
    help: 'Bytes of deflated lines that scrapes under way are of; those that no report has replaced yet are held in any case.',
    registers,
    collect() {
      this.set(scrapes.heldBytes);
    },
  });
  const results = new Counter({
    name: 'podnet_apiserver_scrapes_total',
    help: 'Scrapes of /metrics by result: complete, broken_off (by the client, or as it took nothing), refused (too many were under way), gave_way (to a new one), too_slow.',
    labelNames: ['result'],
    registers,
  });
  const bytes = new Counter({
    name: 'podnet_apiserver_scrape_bytes_total',
    help: 'Bytes of scrapes of /metrics that were handed over to be sent, by encoding.',
    labelNames: ['encoding'],
    registers,
  });
  for (const result of RESULTS) results.inc({ result }, 0);
  for (const encoding of ENCODINGS) bytes.inc({ encoding }, 0);
  return { results, bytes };
}
