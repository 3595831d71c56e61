import { randomUUID } from 'node:crypto';
import { COLLECTORS } from './collectors/registry.js';
import { createIpam } from './ipam/create-ipam.js';
import { startKubernetesInventory, type KubernetesInventoryDeps } from './inventory/kubernetes-inventory.js';
import { NetnsLayouts } from './inventory/layout.js';
import { createNetlinkSources, type LoadLibc } from './inventory/netlink-sources.js';
import { createNetnsInventory } from './inventory/netns-inventory.js';
import type { NetnsPodsDeps } from './inventory/netns-pods.js';
import type { PodInventory } from './inventory/pod-inventory.js';
import type { NodeagentOptions } from './options.js';
import { createDevices } from './create-devices.js';
import type { BaseRecovery } from './devices/base-recovery.js';
import { createAllocationLister } from './podresources/start-lister.js';
import { readBootId } from './procfs/boot-id.js';
import { ProcFs } from './procfs/fs.js';
import type { RoleDeps } from './role.js';
import { SourceStates } from './source-states.js';
import { Sweeper } from './sweeper.js';
import { SysFs } from './sysfs/fs.js';

export interface CreateSweeperDeps
  extends Omit<RoleDeps, 'notify'>, Pick<KubernetesInventoryDeps, 'onGone' | 'onEnding'> {
  readonly describe: NetnsPodsDeps['describe'];
  /** Another kernel than the machine's. */
  readonly loadLibc: LoadLibc | undefined;
}

export interface CreatedSweeper {
  readonly sweeper: Sweeper;
  /** Resolved as soon as a sweep can tell which pods there are, and what devices they have. */
  readonly ready: Promise<void>;
  /** To be told what the servers answer. */
  readonly recovery: BaseRecovery;
  readonly close: () => Promise<void>;
}

/**
 * The sources of the flags, and what reads them.
 * @throws {StartError} when procfs cannot be read, or nothing says where the Kubernetes API is
 */
export async function createSweeper(options: NodeagentOptions, deps: CreateSweeperDeps): Promise<CreatedSweeper> {
  const { clock, log, version, metrics, servers, historyMs } = deps;
  const procfs = new ProcFs(options.pathProcfs);
  const bootId = readBootId(procfs, options.pathProcfs);
  const states = new SourceStates({ log, metrics });
  const inventory = await createInventory(options, { ...deps, procfs, bootId, states });
  const netlink = await createNetlinkSources({ procfs, states, loadLibc: deps.loadLibc });
  const { hostInterfaces, podLinks, vfLinks } = netlink;
  const kubelet = createAllocationLister(options, { states, metrics, clock, log });
  const sysfs = new SysFs(options.pathSysfs);
  const layouts = new NetnsLayouts(procfs, sysfs, podLinks);
  const instanceId = randomUUID();
  const devices = createDevices(options, {
    ...{ clock, log, metrics, states, procfs, sysfs, vfLinks, kubelet, servers, instanceId },
    claims: inventory.claims,
    arePodsListed: options.podSource !== 'none',
  });
  const collectorDeps = {
    ...{ procfs, layouts, forget: inventory.forget, sriov: devices.sriov },
    ...(hostInterfaces && { hostInterfaces }),
  };
  const enabled = COLLECTORS.filter(({ name }) => options[`collector.${name}`]);
  const ipam = createIpam(options, { clock, log, states, metrics, owners: () => inventory.owners?.() });
  const sweeper = new Sweeper({
    ...{ clock, log, metrics, historyMs },
    sender: {
      node: options.nodeName,
      role: 'node',
      bootId,
      instance: { id: instanceId, startedAt: clock.monotonicMs() },
      intervalMs: options.interval,
      agentVersion: version,
    },
    podSource: inventory.source,
    collectors: new Map(enabled.map(({ name, create }) => [name, create(collectorDeps)])),
    devices: devices.book,
    ...(ipam !== undefined && { ipam }),
    onAsked: inventory.tell,
    onPods: (pods) => layouts.keepOnly(new Set(pods.map(({ uid }) => uid))),
  });
  return {
    sweeper,
    ready: Promise.all([inventory.ready, devices.ready]).then(() => undefined),
    recovery: devices.recovery,
    close: async () => {
      await Promise.all([inventory.close(), kubelet?.close(), ipam?.close()]);
      netlink.close();
    },
  };
}

/** `--pod-source none`: the devices and CPUs of the node are read, and nobody is asked for pods. */
const NO_PODS: PodInventory = {
  source: { pods: () => [] },
  ready: Promise.resolve(),
  forget: () => undefined,
  tell: () => undefined,
  close: () => Promise.resolve(),
};

interface InventoryDeps extends CreateSweeperDeps {
  readonly procfs: ProcFs;
  readonly bootId: string;
  readonly states: SourceStates;
}

async function createInventory(options: NodeagentOptions, deps: InventoryDeps): Promise<PodInventory> {
  if (options.podSource === 'kubernetes') return startKubernetesInventory(options, deps);
  if (options.podSource === 'none') return NO_PODS;
  const { procfs, bootId, metrics, describe } = deps;
  return createNetnsInventory({ procfs, bootId, metrics, ...(describe !== undefined && { describe }) });
}
