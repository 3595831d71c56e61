import type { SelfMetrics } from '../self-metrics.js';
import { createNetnsPods, type NetnsPodsDeps } from './netns-pods.js';
import { NetnsScan } from './netns-scan.js';
import type { PodInventory } from './pod-inventory.js';

const RUN_NETNS = '/run/netns';

export interface NetnsInventoryDeps extends Pick<NetnsPodsDeps, 'procfs' | 'bootId' | 'describe'> {
  readonly metrics: Pick<SelfMetrics, 'deniedProcesses'>;
}

/** `--pod-source netns`: every network namespace is a pod. */
export function createNetnsInventory({ metrics, ...deps }: NetnsInventoryDeps): PodInventory {
  const scan = new NetnsScan(deps.procfs);
  return {
    source: createNetnsPods({ ...deps, scan, runNetns: RUN_NETNS }),
    ready: Promise.resolve(),
    forget: (pid) => scan.forget(pid),
    tell: () => metrics.deniedProcesses.set(scan.denied),
    close: () => Promise.resolve(),
  };
}
