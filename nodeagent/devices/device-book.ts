import type { NodeCpus, PhysicalFunctionReport, VirtualFunctionReport } from '../../openapi/device-report.js';
import type { PodReport } from '../../openapi/node-report.js';
import type { InterfaceReading } from '../collectors/collector.js';
import type { Pod } from '../inventory/pod.js';
import type { Allocation } from './allocation.js';
import type { BaseRecovery } from './base-recovery.js';
import type { ExclusiveCpus, UnnamedCpu } from './exclusive-cpu-sources.js';
import { describePf, describeVfs } from './device-reports.js';
import { ownerKey, type Owner, type PfReading, type VfReading } from './device.js';
import type { DeviceOwners } from './device-owners.js';
import type { Ledger, LedgerReading } from './ledger.js';
import { numaAligned } from './numa.js';
import { PodInterfaces, type OwnedVf } from './pod-interfaces.js';

export interface DeviceBookDeps {
  readonly ledger: Ledger;
  readonly owners: Pick<DeviceOwners, 'ownersOf'>;
  readonly recovery: Pick<BaseRecovery, 'take'>;
  readonly cpus: Pick<ExclusiveCpus, 'resolve' | 'list'>;
  /** The CPUs of the NUMA nodes. */
  readonly nodeCpus: () => readonly NodeCpus[];
  /** Whether devices are looked for at all. */
  readonly areDevicesCollected: boolean;
  /** Whether pods are listed: else the CPUs of containers are told without them. */
  readonly arePodsListed: boolean;
  /** Told that the CPUs of pods could not be read at all: that costs nothing else. */
  readonly onCpuError: (error: unknown) => void;
}

/** The devices of a node as they were found last. */
export interface DeviceState {
  readonly physicalFunctions: readonly PhysicalFunctionReport[];
  /** Undefined while it is not known what they stood at before: nobody is to be told then that they stand at nothing. */
  readonly virtualFunctions: readonly VirtualFunctionReport[] | undefined;
  readonly cpus: readonly NodeCpus[];
  /** By uid. */
  readonly ofPods: ReadonlyMap<string, Placement>;
  /** Of containers of pods that nobody lists. */
  readonly unlistedCpus: readonly UnnamedCpu[];
}

/** What of a pod's description its devices and CPUs tell. */
type Placement = Pick<PodReport, 'exclusiveCpus' | 'numaAligned'>;

type Interfaces = ReadonlyMap<string, readonly InterfaceReading[]>;

/** Drivers that make no netdev of a VF: they hand it to a program, or keep it for one. */
const USERSPACE = /^vfio|^uio_|^igb_uio$|[-_]vfio[-_]pci$|^pci-stub$/;

export const NO_DEVICES: DeviceState = {
  ...{ physicalFunctions: [], virtualFunctions: undefined, cpus: [], unlistedCpus: [] },
  ofPods: new Map(),
};

/** Joins what was read of the devices with who has them, and gives each pod what was counted while it had them. */
export class DeviceBook {
  readonly #deps: DeviceBookDeps;
  readonly #podInterfaces = new PodInterfaces();
  #owners: ReadonlyMap<string, Owner> = new Map();
  /** Of those that several pods are said to have. */
  #claimants: ReadonlyMap<string, readonly Owner[]> = new Map();
  #allocations: readonly Allocation[] | undefined;
  #devices: readonly PfReading[] = [];
  #hasBases = false;
  #wasRead: boolean;
  #state: DeviceState = NO_DEVICES;

  constructor(deps: DeviceBookDeps) {
    this.#deps = deps;
    this.#wasRead = !deps.areDevicesCollected;
  }

  get state(): DeviceState {
    return this.#state;
  }

  hasOwner(pciAddress: string): boolean {
    return this.#owners.has(pciAddress);
  }

  /** Whether any of these pods has a VF. */
  hasDevices(uids: ReadonlySet<string>): boolean {
    return [...this.#owners.values()].some(({ podUid }) => podUid !== undefined && uids.has(podUid));
  }

  /**
   * Takes over what a round over all pods read.
   * @param devices undefined where they could not be read: then nothing is known of what they count
   * @returns the interfaces of the pods, those that VFs back among them
   */
  account(
    pods: readonly Pod[],
    devices: readonly PfReading[] | undefined,
    read: Interfaces,
    nowMs: number,
  ): Interfaces {
    const isRead = devices !== undefined;
    this.#wasRead ||= isRead;
    const readings = devices ?? this.#devices.map(withoutCounters);
    this.#devices = readings;
    const isKnown = this.#learnOwners(readings, pods, nowMs);
    if (isKnown && isRead) this.#deps.ledger.update(this.#ledgerReadings(readings));
    this.#podInterfaces.keepOnly(new Set(pods.map(({ uid }) => uid)));
    this.#state = {
      physicalFunctions: readings.map(describePf),
      virtualFunctions:
        isKnown && this.#wasRead
          ? describeVfs(readings, { owners: this.#owners, ledger: this.#deps.ledger, isRead })
          : undefined,
      ...this.#findCpus(pods, readings, nowMs),
    };
    return this.#merge(pods, readings, { read, isKnown: isKnown && isRead });
  }

  /**
   * The same for a round over pods that are about to end: what they have is counted for them once more, and nobody else's is touched. One
   * that cannot be read any more may have lost its VF to the next pod since.
   */
  accountEnding(pods: readonly Pod[], devices: readonly PfReading[] | undefined, read: Interfaces): Interfaces {
    const isTheirs = ({ vf }: VfReading): boolean => read.has(this.#owners.get(vf.pciAddress)?.podUid ?? '');
    const readings = devices ?? this.#devices.map(withoutCounters);
    const theirs = readings.map((one) => ({ ...one, virtualFunctions: one.virtualFunctions.filter(isTheirs) }));
    const isKnown = devices !== undefined && this.#hasBases;
    if (isKnown) this.#deps.ledger.updateSome(this.#ledgerReadings(theirs));
    return this.#merge(pods, theirs, { read, isKnown });
  }

  /** @returns whether it can be told who has what, and what it stood at before */
  #learnOwners(readings: readonly PfReading[], pods: readonly Pod[], nowMs: number): boolean {
    const { owners, recovery, ledger } = this.#deps;
    const addresses = new Set(addressesOf(readings));
    const found = owners.ownersOf(addresses, pods, nowMs);
    if (found !== undefined) {
      this.#owners = found.owners;
      this.#claimants = new Map(found.conflicts.map(({ pciAddress, claimants }) => [pciAddress, claimants]));
      this.#allocations = found.allocations;
    }
    if (addresses.size === 0) return true;
    if (found === undefined) return false;
    const bases = this.#hasBases ? undefined : recovery.take(nowMs);
    if (bases !== undefined) ledger.adopt(bases);
    this.#hasBases ||= bases !== undefined;
    return this.#hasBases;
  }

  #findCpus(
    pods: readonly Pod[],
    readings: readonly PfReading[],
    nowMs: number,
  ): Pick<DeviceState, 'cpus' | 'ofPods' | 'unlistedCpus'> {
    const { nodeCpus, cpus, arePodsListed, onCpuError } = this.#deps;
    try {
      return {
        cpus: nodeCpus(),
        ofPods: this.#placePods(pods, readings, nowMs),
        unlistedCpus: arePodsListed ? [] : cpus.list(nowMs),
      };
    } catch (error) {
      onCpuError(error);
      const { cpus: none, ofPods, unlistedCpus } = NO_DEVICES;
      return { cpus: none, ofPods, unlistedCpus };
    }
  }

  #placePods(pods: readonly Pod[], readings: readonly PfReading[], nowMs: number): Map<string, Placement> {
    const cpus = this.#deps.cpus.resolve(pods, { list: this.#allocations }, nowMs);
    const numaNodes = new Map<string, (number | undefined)[]>();
    const listed = listedNumaNodes(this.#allocations ?? []);
    for (const { vf } of readings.flatMap(({ virtualFunctions }) => virtualFunctions)) {
      const uid = this.#owners.get(vf.pciAddress)?.podUid;
      const numaNode = vf.numaNode ?? listed.get(vf.pciAddress);
      if (uid !== undefined) numaNodes.set(uid, [...(numaNodes.get(uid) ?? []), numaNode]);
    }
    return new Map(
      [...cpus].map(([uid, own]) => {
        const isAligned = numaAligned({ cpus: own, devices: numaNodes.get(uid) ?? [] });
        return [uid, { exclusiveCpus: [...own], ...(isAligned !== undefined && { numaAligned: isAligned }) }];
      }),
    );
  }

  #ledgerReadings(readings: readonly PfReading[]): LedgerReading[] {
    return readings.flatMap(({ counterSource: source, virtualFunctions }) =>
      virtualFunctions.map(({ vf: { pciAddress }, counters }) => {
        const owner = this.#owners.get(pciAddress);
        return { pciAddress, source, counters, ownerKey: owner && ownerKey(owner) };
      }),
    );
  }

  #merge(
    pods: readonly Pod[],
    readings: readonly PfReading[],
    { read, isKnown }: { readonly read: Interfaces; readonly isKnown: boolean },
  ): Interfaces {
    const byPod = this.#vfsByPod(readings, isKnown);
    if (byPod.size === 0) return read;
    const merged = new Map(read);
    for (const { uid, hostNetwork, netnsAbsence } of pods) {
      const interfaces = read.get(uid);
      const vfs = byPod.get(uid);
      // one that has no network yet, or no more, has none through a device either
      if (interfaces === undefined || vfs === undefined || hostNetwork || netnsAbsence === 'none') continue;
      merged.set(uid, this.#podInterfaces.withVfs(uid, interfaces, vfs));
    }
    return merged;
  }

  #vfsByPod(readings: readonly PfReading[], isKnown: boolean): Map<string, OwnedVf[]> {
    const byPod = new Map<string, OwnedVf[]>();
    for (const { counterSource, virtualFunctions } of readings) {
      const isCountedByPf = counterSource === 'rtnetlink' || counterSource === 'sysfs';
      for (const { vf } of virtualFunctions) {
        const { pciAddress, driver, netdev } = vf;
        const mayBeNetdev = netdev === undefined && driver !== undefined && !USERSPACE.test(driver);
        const add = (owner: Owner, counted: Pick<OwnedVf, 'isCountedByPf' | 'epoch' | 'counted'>): void => {
          if (owner.podUid === undefined) return;
          const owned = { ...{ pciAddress, owner, mayBeNetdev }, ...counted };
          byPod.set(owner.podUid, [...(byPod.get(owner.podUid) ?? []), owned]);
        };
        const owner = this.#owners.get(pciAddress);
        const entry = isKnown ? this.#deps.ledger.of(pciAddress) : undefined;
        if (owner !== undefined) {
          const counted = entry?.isCurrent === true && { counted: entry.counted };
          add(owner, { isCountedByPf, epoch: entry?.epoch ?? '', ...counted });
        }
        // each of them may have its traffic: without the interface their sums would be too small
        for (const one of this.#claimants.get(pciAddress) ?? []) add(one, { isCountedByPf: false, epoch: '' });
      }
    }
    return byPod;
  }
}

/** By device, as its plugin told the kubelet; not of one that is near to several. */
function listedNumaNodes(allocations: readonly Allocation[]): ReadonlyMap<string, number> {
  const devices = allocations.flatMap(({ devices: ofContainer }) => ofContainer);
  return new Map(
    devices.flatMap(({ id, numaNodes: [numaNode, ...others] }) =>
      numaNode === undefined || others.length > 0 ? [] : [[id, numaNode] as const],
    ),
  );
}

function addressesOf(readings: readonly PfReading[]): string[] {
  return readings.flatMap(({ virtualFunctions }) => virtualFunctions.map(({ vf }) => vf.pciAddress));
}

function withoutCounters({ virtualFunctions, ...reading }: PfReading): PfReading {
  return { ...reading, virtualFunctions: virtualFunctions.map(({ vf, settings }) => ({ vf, settings })) };
}
