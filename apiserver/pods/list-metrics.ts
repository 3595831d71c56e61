import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../runtime/clock.js';
import type { Reflector } from '../../runtime/kube/reflector.js';

/** How the following of a list goes, for readiness and self-metrics. */
export type FollowedList = Pick<Reflector<unknown>, 'isSynced' | 'lastContactMs' | 'problem' | 'skipped'>;

/** How the following of the API server's lists goes. */
export function addListMetrics(
  registry: Registry,
  sources: Readonly<Record<string, FollowedList>>,
  clock: Pick<Clock, 'monotonicMs'>,
): void {
  const registers = [registry];
  const startedMs = clock.monotonicMs();
  new Gauge({
    name: 'podnet_apiserver_kubernetes_contact_age_seconds',
    help: 'Seconds since the API server last said something of a list that is followed; before it first did, since the start of the process.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, { lastContactMs = startedMs }] of Object.entries(sources)) {
        this.set({ resource }, (clock.monotonicMs() - lastContactMs) / 1_000);
      }
    },
  });
  new Gauge({
    name: 'podnet_apiserver_kubernetes_objects_skipped',
    help: 'Objects of a list that is followed which could not be read, since the start.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, { skipped }] of Object.entries(sources)) this.set({ resource }, skipped);
    },
  });
}
