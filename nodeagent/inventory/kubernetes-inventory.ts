import { CgroupFs } from '../cgroupfs/fs.js';
import { CriClient } from '../cri/client.js';
import { Disagreements } from '../cri/disagreements.js';
import { parseSocketEndpoint } from '../grpc/endpoint.js';
import { Sandboxes } from '../cri/sandboxes.js';
import { Backoff } from '../../runtime/backoff.js';
import { sleep } from '../../runtime/sleep.js';
import { errorMessage } from '../../runtime/logger.js';
import { LogLimit } from '../../runtime/log-limit.js';
import type { NodeagentOptions } from '../options.js';
import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import type { SelfMetrics } from '../self-metrics.js';
import type { SourceStates } from '../source-states.js';
import { addressOwners } from './address-owners.js';
import { createKubernetesPods } from './kubernetes-pods.js';
import type { ListedPod } from './listed-pod.js';
import type { PodInventory } from './pod-inventory.js';
import { PodProcesses, type Located } from './pod-processes.js';
import { ResourceClaims } from './resource-claims.js';
import { startListedPods, type ListedPodsDeps } from './start-listed-pods.js';

export interface KubernetesInventoryDeps extends ListedPodsDeps {
  readonly procfs: ProcFs;
  readonly metrics: Pick<SelfMetrics, 'podListAge' | 'badAnnotations'>;
  readonly states: SourceStates;
}

const CRI_BACKOFF = { firstMs: 500, maxMs: 30_000 } as const;
/** The runtime is asked no more often, however short the interval. */
const CRI_MIN_INTERVAL_MS = 1_000;
const ERRORS_LOGGED_PER_SECOND = 1;

/**
 * `--pod-source kubernetes`: the pods that the API lists for this node, found by their cgroups and, where it may be asked, with what the
 * container runtime knows.
 * @throws {StartError} when nothing says where the API is
 */
export async function startKubernetesInventory(
  options: NodeagentOptions,
  { procfs, metrics, states, ...deps }: KubernetesInventoryDeps,
): Promise<PodInventory> {
  const { clock, log } = deps;
  const synced: { resolve?: () => void } = {};
  const ready = new Promise<void>((resolve) => (synced.resolve = resolve));
  const listing = await startListedPods(options, { ...deps, onListed: () => synced.resolve?.() });
  const runtime = startRuntime(options, { states, clock, log });
  states.off('resource-claims', 'not_needed');
  const resourceClaims = new ResourceClaims({
    ...{ api: listing.api, node: options.nodeName, clock, states },
    random: Math.random,
  });
  const disagreements = new Disagreements(log);
  const logLimit = new LogLimit(clock, ERRORS_LOGGED_PER_SECOND);
  const processes = new PodProcesses({
    procfs,
    cgroupfs: new CgroupFs(options.pathCgroupfs),
    onError: (uid, error) => {
      if (logLimit.take()) log.warn({ uid, reason: errorMessage(error) }, 'the processes of a pod cannot be told');
    },
  });
  const sandboxOf = ({ cgroupUid }: ListedPod) => runtime?.sandboxes.get(cgroupUid);

  const locate = (pods: readonly ListedPod[], nowMs: number): ReadonlyMap<string, Located> => {
    const byUid = new Map(pods.map((pod) => [pod.uid, pod]));
    const pidOf = (uid: string): number | undefined => {
      const pod = byUid.get(uid);
      return pod && sandboxOf(pod)?.pid;
    };
    const located = processes.locate(pods, nowMs, pidOf);
    if (runtime === undefined) return located;
    for (const [uid, { namespace, name }] of byUid) {
      const found = located.get(uid);
      const pid = pidOf(uid);
      disagreements.check({
        ...{ uid, namespace, name },
        byCgroups: found !== undefined && 'netns' in found ? found.netns.inode : undefined,
        byCri: pid === undefined ? undefined : ifReadable(() => procfs.netInode(pid)),
      });
    }
    disagreements.keepOnly(new Set(byUid.keys()));
    return located;
  };

  metrics.podListAge.set(NaN);
  return {
    ready,
    source: createKubernetesPods({
      listed: () => (listing.pods.isSynced ? listing.pods.pods() : undefined),
      isCurrent: (nowMs) => listing.pods.isCurrent(nowMs),
      ...{ locate, sandboxOf },
    }),
    forget: () => undefined, // the next sweep looks at each process anyway
    tell: () => {
      const { state, problem } = listing.pods;
      if (state !== undefined) setState(states, 'kubernetes', state, problem);
      if (listing.pods.isSynced) {
        const { off, detail } = processes.state; // before that nothing was looked for
        setState(states, 'cgroups', off ?? 'up', detail);
      }
      metrics.podListAge.set(listing.pods.ageMs(clock.monotonicMs()) / 1_000);
      metrics.badAnnotations.reset();
      for (const [reason, count] of listing.pods.badAnnotations()) metrics.badAnnotations.set({ reason }, count);
    },
    claims: (virtualFunctions) => resourceClaims.known(listing.pods.pods(), virtualFunctions),
    owners: () => {
      const isCurrent = listing.pods.isCurrent(clock.monotonicMs());
      return addressOwners(isCurrent ? listing.pods.pods() : undefined, runtime?.sandboxes.known);
    },
    close: async () => {
      await resourceClaims.close(); // before its connections go
      await Promise.all([listing.close(), runtime?.close()]);
    },
  };
}

function setState(
  states: SourceStates,
  source: Parameters<SourceStates['up']>[0],
  state: Parameters<SourceStates['off']>[1] | 'up',
  detail?: string,
): void {
  if (state === 'up') states.up(source);
  else states.off(source, state, detail);
}

interface Runtime {
  readonly sandboxes: Sandboxes;
  readonly close: () => Promise<void>;
}

/** Undefined where no flag names its socket. */
function startRuntime(
  { criEndpoint, interval }: NodeagentOptions,
  { states, clock, log }: Pick<KubernetesInventoryDeps, 'states' | 'clock' | 'log'>,
): Runtime | undefined {
  const socketPath = criEndpoint === undefined ? undefined : parseSocketEndpoint(criEndpoint);
  if (socketPath === undefined) {
    states.off('cri', 'not_configured');
    return undefined;
  }
  const sandboxes = new Sandboxes({
    ...{ states, clock, log, sleep },
    client: new CriClient({ socketPath }),
    backoff: new Backoff({ ...CRI_BACKOFF, random: Math.random }),
    intervalMs: Math.max(CRI_MIN_INTERVAL_MS, interval),
  });
  const stop = new AbortController();
  const running = sandboxes.run(stop.signal);
  return {
    sandboxes,
    close: async () => {
      stop.abort();
      await running;
    },
  };
}
