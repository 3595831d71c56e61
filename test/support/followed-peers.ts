import type { TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { KubernetesPeers, type KubernetesPeersDeps } from '../../nodeagent/probes/kubernetes-peers.js';
import { createSelfMetrics } from '../../nodeagent/self-metrics.js';
import { SourceStates } from '../../nodeagent/source-states.js';
import { Backoff } from '../../runtime/backoff.js';
import { renderHostPort } from '../../runtime/options/kinds.js';
import { startKubernetes, type Kubernetes } from './kube-client.js';
import { PROBE_SERVICE } from './probe-objects.js';
import { createShiftedClock, eventually, type ShiftedClock } from './programs.js';

/** The agents of a Service, followed over a real connection, and how the sources stand. */
export interface FollowedPeers extends Kubernetes {
  readonly clock: ShiftedClock;
  readonly peers: KubernetesPeers;
  /** `<node> <network>=<addresses>…` of each, with `?` where it was never ready; as soon as they are these. */
  readonly lists: (...expected: string[]) => Promise<void>;
  /** Name, value and reason of each source, as soon as they are these. */
  readonly states: (...expected: string[]) => Promise<void>;
  /** What was asked for, without its query. */
  readonly asked: (pattern: RegExp) => number;
}

export function sourceStates(log: Kubernetes['log']) {
  const metrics = createSelfMetrics(new Registry(), '0');
  const shown = async (): Promise<string> => {
    const { values } = await metrics.sourceUp.get();
    return values
      .map(({ labels, value }) => `${labels.source} ${value} ${labels.reason}`.trim())
      .sort()
      .join(', ');
  };
  return { states: new SourceStates({ log, metrics }), shown };
}

export const fastBackoff = (): Backoff => new Backoff({ firstMs: 10, maxMs: 40, random: () => 0 });

export async function followPeers(
  t: TestContext,
  prepare: (kubernetes: Kubernetes) => void,
  options: Partial<KubernetesPeersDeps> = {},
): Promise<FollowedPeers> {
  const kubernetes = await startKubernetes(t);
  const { api, log } = kubernetes;
  prepare(kubernetes);
  const clock = createShiftedClock();
  const { states, shown } = sourceStates(log);
  const peers = new KubernetesPeers({
    ...{ api: kubernetes.client, clock, log, states, node: 'a', service: PROBE_SERVICE, usualPort: 1 },
    ...{ hasSecondaryNetworks: true, random: () => 0, createBackoff: fastBackoff, tellEveryMs: 20 },
    ...options,
  }).start();
  t.after(() => peers.close());
  return {
    ...{ ...kubernetes, clock, peers },
    lists: (...expected) => becomes(() => render(peers), expected.join(', ')),
    states: (...expected) => becomes(shown, expected.join(', ')),
    asked: (pattern) => api.requests.filter(({ path }) => pattern.test(path.replace(/\?.*/, ''))).length,
  };
}

async function becomes(look: () => string | Promise<string>, expected: string): Promise<void> {
  await eventually(look, (seen) => seen === expected);
}

function render(peers: KubernetesPeers): string {
  const { peers: listed, service } = peers.list() ?? {};
  if (listed === undefined) return 'unknown';
  const shown = listed.map(({ node, addresses, isStarted }) => {
    const networks = [...addresses].map(([network, all]) => `${network}=${all.map(renderHostPort).join('+')}`).sort();
    return `${node}${isStarted ? '' : '?'} ${networks.join(' ')}`;
  });
  if (service !== undefined) shown.push(`${service.host} ${service.addresses.map(renderHostPort).join('+')}`);
  return shown.join(', ');
}
