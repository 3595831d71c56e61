import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import type { InterfaceReading } from '../collectors/collector.js';
import type { Owner } from './device.js';

/** A VF of a pod. */
export interface OwnedVf {
  readonly pciAddress: string;
  readonly owner: Owner;
  readonly epoch: string;
  /** Whether its PF counts for it: PF-side counters include what bypasses the kernel (DPDK, RoCE). */
  readonly isCountedByPf: boolean;
  /** Whether its driver makes a netdev of it, which is not on the node: one of the pod may be it. */
  readonly mayBeNetdev: boolean;
  /** What the PF counted for the pod, by names of VF_COUNTERS; undefined where that could not be told this time. */
  readonly counted?: Readonly<Record<string, number>>;
}

const UNKNOWN: readonly number[] = INTERFACE_COUNTERS.map(() => NaN);

/**
 * One pod, one number: of an interface that is backed by a VF either the PF's counters of that VF are reported or those of the netdev in the
 * pod, never both. Which of them is fixed, but for one change: to the PF's as soon as it is proven to count. That is another
 * identity, so nobody takes the step for traffic.
 */
export class PodInterfaces {
  /** VFs that the PF's counters have been reported of, by pod. */
  readonly #countedByPf = new Map<string, Set<string>>();

  /**
   * The interfaces of a pod with those that its VFs back. One without a netdev in the pod has the name that its network gave it, else its
   * PCI address. One that may be a netdev of the pod while nobody tells which is none of its own: it would be counted twice.
   */
  withVfs(uid: string, interfaces: readonly InterfaceReading[], vfs: readonly OwnedVf[]): readonly InterfaceReading[] {
    if (vfs.length === 0) return interfaces;
    const byName = new Map(interfaces.map((one) => [one.meta.name, one]));
    const named = new Set<string>();
    for (const vf of vfs) {
      const told = nameOf(vf, interfaces);
      const isTold = told !== undefined && !named.has(told);
      if (!isTold && vf.mayBeNetdev && interfaces.some(mayBeVf)) continue;
      const name = isTold ? told : vf.pciAddress;
      named.add(name);
      const reading = this.#reading(uid, name, vf, byName.get(name));
      byName.set(name, reading);
    }
    return [...byName.values()];
  }

  /** Forgets the pods that are not among these. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#countedByPf.keys()) if (!uids.has(uid)) this.#countedByPf.delete(uid);
  }

  #reading(uid: string, name: string, vf: OwnedVf, netdev: InterfaceReading | undefined): InterfaceReading {
    const { pciAddress, owner, epoch, counted } = vf;
    const { network, nadNamespace } = owner;
    const described = netdev?.meta ?? { name, network, nadNamespace, primary: false };
    if (this.#isCountedByPf(uid, vf)) {
      const counters = INTERFACE_COUNTERS.map((counter) => counted?.[counter] ?? NaN);
      const { receiveUnreliable: _, ...meta } = { receiveUnreliable: false, ...described };
      return { meta: { ...meta, identity: epoch, source: 'vf', pciAddress }, counters };
    }
    if (netdev !== undefined) return { ...netdev, meta: { ...netdev.meta, pciAddress } };
    return { meta: { ...described, identity: '', source: 'vf', unproven: true, pciAddress }, counters: UNKNOWN };
  }

  #isCountedByPf(uid: string, { pciAddress, isCountedByPf }: OwnedVf): boolean {
    const known = this.#countedByPf.get(uid);
    if (known?.has(pciAddress) === true) return true;
    if (!isCountedByPf) return false;
    if (known === undefined) this.#countedByPf.set(uid, new Set([pciAddress]));
    else known.add(pciAddress);
    return true;
  }
}

/** Undefined where nobody tells. */
function nameOf({ pciAddress, owner }: OwnedVf, interfaces: readonly InterfaceReading[]): string | undefined {
  return owner.interface ?? interfaces.find(({ meta }) => meta.pciAddress === pciAddress)?.meta.name;
}

/** What is known to be another device, one end of a pair, or stacked on others is no VF. */
function mayBeVf({ meta }: InterfaceReading): boolean {
  return meta.pciAddress === undefined && meta.hostInterface === undefined && meta.lowerDevices === undefined;
}
