import type { NodeCpus } from '../openapi/device-report.js';
import type { Clock } from '../runtime/clock.js';
import { errorMessage, type Logger } from '../runtime/logger.js';
import { LogLimit } from '../runtime/log-limit.js';
import { CgroupFs } from './cgroupfs/fs.js';
import type { SriovSources } from './collectors/sriov.js';
import type { Allocations } from './devices/allocation.js';
import { BaseRecovery } from './devices/base-recovery.js';
import { ExclusiveCpus } from './devices/exclusive-cpu-sources.js';
import { countingDriver } from './devices/counting-drivers.js';
import { DeviceBook } from './devices/device-book.js';
import { discoverPhysicalFunctions } from './devices/discover.js';
import { DeviceOwners, type DeviceOwnersDeps } from './devices/device-owners.js';
import { Ledger } from './devices/ledger.js';
import type { VfLinks } from './inventory/vf-links.js';
import type { NodeagentOptions } from './options.js';
import { ifReadable } from './procfs/errors.js';
import type { ProcFs } from './procfs/fs.js';
import type { SelfMetrics } from './self-metrics.js';
import type { SourceStates } from './source-states.js';
import type { SysFs } from './sysfs/fs.js';
import { readNodeCpus } from './sysfs/node-cpus.js';

export interface CreateDevicesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SelfMetrics;
  readonly states: SourceStates;
  readonly procfs: ProcFs;
  readonly sysfs: SysFs;
  readonly vfLinks: VfLinks;
  readonly kubelet: AwaitedAllocations | undefined;
  readonly claims: DeviceOwnersDeps['claims'];
  readonly arePodsListed: boolean;
  /** That are pushed to now; undefined while it is not known which there are. */
  readonly servers: () => readonly string[] | undefined;
  /** Of this start of the agent. */
  readonly instanceId: string;
}

interface AwaitedAllocations extends Allocations {
  /** Resolved when the first attempt has ended, whatever came of it. */
  readonly ready: Promise<void>;
}

export interface CreatedDevices {
  readonly book: DeviceBook;
  readonly recovery: BaseRecovery;
  /** Resolved as soon as a sweep can tell who has the devices, which were looked for: else its report would say that pods have none. */
  readonly ready: Promise<void>;
  /** For the collector. */
  readonly sriov: SriovSources;
}

/** A server that does not answer is waited for that long, and no less than some intervals. */
const RECOVERY = { leastMs: 60_000, intervals: 3, othersMs: 5_000 } as const;
const ERRORS_LOGGED_PER_SECOND = 1;
/** CPUs come and go with a hotplug, if ever. */
const NODE_CPUS_EVERY_MS = 60_000;
/** Without a socket of the kubelet. */
const NO_KUBELET: AwaitedAllocations = {
  ...{ list: undefined, askedMs: -Infinity, isAwaited: false, ready: Promise.resolve() },
  start: () => undefined,
  refresh: () => undefined,
};

/** Who has which device, what it counted, and what the servers remember of it. */
export function createDevices(
  options: NodeagentOptions,
  {
    clock,
    log,
    metrics,
    states,
    procfs,
    sysfs,
    vfLinks,
    kubelet = NO_KUBELET,
    claims,
    arePodsListed,
    ...deps
  }: CreateDevicesDeps,
): CreatedDevices {
  const { interval, pathCgroupfs, pathCpuManagerState, sriovCounterSources } = options;
  const isKubeletAsked = options['collector.sriov'] && hasVirtualFunctions(sysfs);
  if (isKubeletAsked) kubelet.start();
  const nodeCpus = rarely(() => readNodeCpus(sysfs), clock);
  const recovery = new BaseRecovery({
    servers: deps.servers,
    startedMs: clock.monotonicMs(),
    patienceMs: Math.max(RECOVERY.leastMs, RECOVERY.intervals * interval),
    othersMs: Math.max(RECOVERY.othersMs, interval),
  });
  const cpus = new ExclusiveCpus({
    ...{ states, nodeCpus },
    cgroupfs: new CgroupFs(pathCgroupfs),
    statePath: pathCpuManagerState,
  });
  const logLimit = new LogLimit(clock, ERRORS_LOGGED_PER_SECOND);
  const isKubeletWanted = (nowMs: number): boolean => !cpus.hasCheckpoint(nowMs);
  const book = new DeviceBook({
    ...{ recovery, nodeCpus, arePodsListed, cpus, areDevicesCollected: options['collector.sriov'] },
    ledger: new Ledger(deps.instanceId),
    onCpuError: (error) => {
      if (logLimit.take()) log.warn({ reason: errorMessage(error) }, 'the CPUs of pods cannot be read');
    },
    owners: new DeviceOwners({ kubelet, isKubeletWanted, claims, arePodsListed, metrics, log }),
  });
  const kernelRelease = ifReadable(() => procfs.read('sys/kernel/osrelease'))?.trim() ?? '';
  return {
    ...{ book, recovery },
    ready: isKubeletAsked ? kubelet.ready : Promise.resolve(),
    sriov: {
      ...{ sysfs, vfLinks },
      order: sriovCounterSources,
      countedBy: (pf, source) => countingDriver({ ...pf, source, kernelRelease })?.counters,
      hasOwner: (pciAddress) => book.hasOwner(pciAddress),
      state: { up: () => states.up('sriov'), off: (reason, detail) => states.off('sriov', reason, detail) },
    },
  };
}

/** Now; where that cannot be told, the first sweep says why. */
function hasVirtualFunctions(sysfs: SysFs): boolean {
  try {
    return discoverPhysicalFunctions(sysfs).found.some(({ virtualFunctions }) => virtualFunctions.length > 0);
  } catch {
    return false;
  }
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
