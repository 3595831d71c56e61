import { Registry } from 'prom-client';
import { createAgentTokenMetrics } from '../apiserver/auth/agent-token-metrics.js';
import { addAuthGauges, createAuthMetrics } from '../apiserver/auth/auth-metrics.js';
import { lookupCounter } from '../apiserver/cache-lookups.js';
import { addEventLoopGauge } from '../apiserver/event-loop.js';
import { addExposerMetrics } from '../apiserver/exposition/lease-exposer.js';
import { createScrapeMetrics } from '../apiserver/exposition/scrape-metrics.js';
import { addListMetrics } from '../apiserver/pods/list-metrics.js';
import { createPublishMetrics } from '../apiserver/publish/publish-metrics.js';
import { createRefusedConnections } from '../apiserver/refused-connections.js';
import { createSelfMetrics as createApiserverMetrics } from '../apiserver/self-metrics.js';
import { Store } from '../apiserver/store/store.js';
import { createTlsMetrics } from '../apiserver/tls/metrics.js';
import { createProbeMetrics } from '../nodeagent/probes/probe-metrics.js';
import { createSelfMetrics as createNodeagentMetrics } from '../nodeagent/self-metrics.js';
import { systemClock } from '../runtime/clock.js';
import { VERSION } from '../runtime/version.js';

/** The families that the programs have of themselves, nothing counted yet. */
export interface OwnMetrics {
  readonly apiserver: Registry;
  readonly nodeagent: Registry;
}

export function ownMetrics(): OwnMetrics {
  const [apiserver, nodeagent] = [new Registry(), new Registry()];
  const store = new Store({ historyMs: 0 });
  createApiserverMetrics(apiserver, { store, clock: systemClock, version: VERSION });
  lookupCounter(apiserver, 'selectors');
  createRefusedConnections(apiserver);
  createScrapeMetrics(apiserver, { count: 0, heldBytes: 0 });
  addEventLoopGauge(apiserver, () => []);
  createTlsMetrics(apiserver);
  createAgentTokenMetrics(apiserver, { count: 0, ageMs: undefined });
  createAuthMetrics(apiserver);
  addAuthGauges(apiserver, { caches: {}, inFlight: () => 0 });
  addListMetrics(apiserver, {}, systemClock);
  addExposerMetrics(apiserver, { isExposing: () => false }, systemClock);
  createPublishMetrics(apiserver);
  createNodeagentMetrics(nodeagent, VERSION);
  createProbeMetrics(nodeagent);
  return { apiserver, nodeagent };
}
