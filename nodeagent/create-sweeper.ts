import { randomUUID } from 'node:crypto';
import type { Clock } from '../runtime/clock.js';
import { errorMessage, type Logger } from '../runtime/logger.js';
import { StartError } from '../runtime/start-error.js';
import { COLLECTORS } from './collectors/registry.js';
import type { SriovSources } from './collectors/sriov.js';
import { countingDriver } from './devices/counting-drivers.js';
import { startKubernetesInventory, type KubernetesInventoryDeps } from './inventory/kubernetes-inventory.js';
import { NetnsLayouts } from './inventory/layout.js';
import { createNetlinkSources } from './inventory/netlink-sources.js';
import { createNetnsInventory } from './inventory/netns-inventory.js';
import type { NetnsPodsDeps } from './inventory/netns-pods.js';
import type { PodInventory } from './inventory/pod-inventory.js';
import type { NodeagentOptions } from './options.js';
import { ifReadable } from './procfs/errors.js';
import { ProcFs } from './procfs/fs.js';
import type { SelfMetrics } from './self-metrics.js';
import { SourceStates } from './source-states.js';
import { Sweeper } from './sweeper.js';
import { SysFs } from './sysfs/fs.js';

export interface CreateSweeperDeps extends Pick<KubernetesInventoryDeps, 'onGone' | 'onEnding' | 'env'> {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  readonly describe: NetnsPodsDeps['describe'];
  readonly metrics: SelfMetrics;
  /** How far back the samples are wanted, milliseconds. */
  readonly historyMs: () => number;
}

export interface CreatedSweeper {
  readonly sweeper: Sweeper;
  /** Resolved as soon as a sweep can tell which pods there are. */
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * The sources of the flags, and what reads them.
 * @throws {StartError} when procfs cannot be read, or nothing says where the Kubernetes API is
 */
export async function createSweeper(options: NodeagentOptions, deps: CreateSweeperDeps): Promise<CreatedSweeper> {
  const { clock, log, version, metrics, historyMs } = deps;
  const procfs = new ProcFs(options.pathProcfs);
  const bootId = readBootId(procfs, options.pathProcfs);
  const states = new SourceStates({ log, metrics });
  const inventory = await createInventory(options, { ...deps, procfs, bootId, states });
  const netlink = await createNetlinkSources({ procfs, states });
  const { hostInterfaces, podLinks } = netlink;
  const sysfs = new SysFs(options.pathSysfs);
  const layouts = new NetnsLayouts(procfs, sysfs, podLinks);
  const collectorDeps = {
    ...{ procfs, layouts, forget: inventory.forget, ...(hostInterfaces && { hostInterfaces }) },
    sriov: sriovSources(options, { procfs, sysfs, states, vfLinks: netlink.vfLinks }),
  };
  const enabled = COLLECTORS.filter(({ name }) => options[`collector.${name}`]);
  const sweeper = new Sweeper({
    ...{ clock, log, metrics, historyMs },
    sender: {
      node: options.nodeName,
      role: 'node',
      bootId,
      instance: { id: randomUUID(), startedAt: clock.monotonicMs() },
      intervalMs: options.interval,
      agentVersion: version,
    },
    podSource: inventory.source,
    collectors: new Map(enabled.map(({ name, create }) => [name, create(collectorDeps)])),
    onAsked: inventory.tell,
    onPods: (pods) => layouts.keepOnly(new Set(pods.map(({ uid }) => uid))),
  });
  return {
    sweeper,
    ready: inventory.ready,
    close: async () => {
      await inventory.close();
      netlink.close();
    },
  };
}

interface InventoryDeps extends CreateSweeperDeps {
  readonly procfs: ProcFs;
  readonly bootId: string;
  readonly states: SourceStates;
}

async function createInventory(options: NodeagentOptions, deps: InventoryDeps): Promise<PodInventory> {
  if (options.podSource === 'kubernetes') return startKubernetesInventory(options, deps);
  const { procfs, bootId, metrics, describe } = deps;
  return createNetnsInventory({ procfs, bootId, metrics, ...(describe !== undefined && { describe }) });
}

interface SriovDeps extends Pick<SriovSources, 'sysfs' | 'vfLinks'> {
  readonly procfs: ProcFs;
  readonly states: SourceStates;
}

function sriovSources(
  { sriovCounterSources }: NodeagentOptions,
  { procfs, states, ...sources }: SriovDeps,
): SriovSources {
  const kernelRelease = ifReadable(() => procfs.read('sys/kernel/osrelease'))?.trim() ?? '';
  return {
    ...sources,
    order: sriovCounterSources,
    countedBy: (pf, source) => countingDriver({ ...pf, source, kernelRelease })?.counters,
    state: { up: () => states.up('sriov'), off: (reason, detail) => states.off('sriov', reason, detail) },
  };
}

/** Also the proof that there is a procfs, and that it can be read. */
function readBootId(procfs: ProcFs, root: string): string {
  try {
    procfs.pids();
    return procfs.read('sys/kernel/random/boot_id').trim();
  } catch (error) {
    throw new StartError(`--path.procfs ${root}: cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}
