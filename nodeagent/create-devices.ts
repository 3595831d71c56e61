import type { NodeCpus } from '../openapi/device-report.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/logger.js';
import { CgroupFs } from './cgroupfs/fs.js';
import type { Allocations } from './devices/allocation.js';
import { BaseRecovery } from './devices/base-recovery.js';
import { ExclusiveCpus } from './devices/exclusive-cpu-sources.js';
import { DeviceBook } from './devices/device-book.js';
import { DeviceOwners, type DeviceOwnersDeps } from './devices/device-owners.js';
import { Ledger } from './devices/ledger.js';
import type { NodeagentOptions } from './options.js';
import type { SelfMetrics } from './self-metrics.js';
import type { SourceStates } from './source-states.js';
import type { SysFs } from './sysfs/fs.js';
import { readNodeCpus } from './sysfs/node-cpus.js';

export interface CreateDevicesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SelfMetrics;
  readonly states: SourceStates;
  readonly sysfs: SysFs;
  readonly kubelet: Allocations | undefined;
  readonly claims: DeviceOwnersDeps['claims'];
  readonly arePodsListed: boolean;
  /** That are pushed to. */
  readonly servers: readonly string[];
  /** Of this start of the agent. */
  readonly instanceId: string;
}

/** A server that does not answer is waited for that long, and no less than some intervals. */
const RECOVERY = { leastMs: 60_000, intervals: 3 } as const;
/** CPUs come and go with a hotplug, if ever. */
const NODE_CPUS_EVERY_MS = 60_000;
/** Without a socket of the kubelet. */
const NO_KUBELET: Allocations = { list: undefined, askedMs: -Infinity, isAwaited: false, refresh: () => undefined };

/** Who has which device, what it counted, and what the servers remember of it. */
export function createDevices(
  { interval, pathCgroupfs, pathCpuManagerState }: NodeagentOptions,
  { clock, log, metrics, states, sysfs, kubelet = NO_KUBELET, claims, arePodsListed, ...deps }: CreateDevicesDeps,
): { readonly book: DeviceBook; readonly recovery: BaseRecovery } {
  const nodeCpus = rarely(() => readNodeCpus(sysfs), clock);
  const recovery = new BaseRecovery({
    servers: deps.servers,
    startedMs: clock.monotonicMs(),
    patienceMs: Math.max(RECOVERY.leastMs, RECOVERY.intervals * interval),
  });
  const book = new DeviceBook({
    ...{ recovery, nodeCpus, arePodsListed },
    ledger: new Ledger(deps.instanceId),
    owners: new DeviceOwners({ kubelet, claims, arePodsListed, metrics, log }),
    cpus: new ExclusiveCpus({
      ...{ states, nodeCpus },
      cgroupfs: new CgroupFs(pathCgroupfs),
      statePath: pathCpuManagerState,
    }),
  });
  return { book, recovery };
}

/** The same array for as long as it is not read again. */
function rarely(read: () => readonly NodeCpus[], clock: Clock): () => readonly NodeCpus[] {
  let known: readonly NodeCpus[] = [];
  let readMs = -Infinity;
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - readMs >= NODE_CPUS_EVERY_MS) [known, readMs] = [read(), nowMs];
    return known;
  };
}
