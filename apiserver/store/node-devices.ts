import type {
  DeviceOwner,
  NodeCpus,
  PhysicalFunctionReport,
  VirtualFunctionBase,
  VirtualFunctionReport,
} from '../../openapi/device-report.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import type { AcceptedDevices, PodMeta } from './report.js';

/** Shared by all nodes that have none, which are nearly all. */
const NO_FUNCTIONS: ReadonlyMap<string, VirtualFunctionReport> = new Map();

/** The SR-IOV devices of a node and its CPUs, as its agent reports them. PCI addresses are those of one node. */
export class NodeDevices {
  /** Each of these is of the newest report, by PCI address; undefined where that said nothing of them. */
  physicalFunctions: readonly PhysicalFunctionReport[] | undefined;
  virtualFunctions: readonly VirtualFunctionReport[] | undefined;
  cpus: readonly NodeCpus[] | undefined;
  /** The VFs of the newest report that said any: an agent that was started again knows them only after a while, and they are there. */
  #last = NO_FUNCTIONS;
  /** Their PCI addresses by the key of their owner; made when it is asked for. */
  #ofOwners: ReadonlyMap<string, readonly string[]> | undefined;
  #isWhole = false;

  /** Takes over what a report says. */
  add({ physicalFunctions, virtualFunctions, isPartial = false, cpus }: AcceptedDevices = {}): void {
    this.physicalFunctions = physicalFunctions?.toSorted(byPciAddress);
    this.virtualFunctions = virtualFunctions?.toSorted(byPciAddress);
    this.cpus = cpus?.toSorted((a, b) => a.numaNode - b.numaNode);
    if (this.virtualFunctions === undefined) return;
    this.#isWhole = !isPartial;
    this.#last = byAddress(this.virtualFunctions);
    this.#ofOwners = undefined;
  }

  /** The VF of a PCI address, as it was reported last. */
  at(pciAddress: string): VirtualFunctionReport | undefined {
    return this.#last.get(pciAddress);
  }

  /** PCI addresses of the VFs that a pod has, as they were reported last. */
  ofPod({ uid, namespace, name }: Pick<PodMeta, 'uid' | 'namespace' | 'name'>): readonly string[] {
    this.#ofOwners ??= byOwner(this.#last.values());
    return [uid, `${namespace}/${name}`].flatMap((key) => this.#ofOwners?.get(key) ?? []);
  }

  /** Whether a device that is none of the VFs is none: all of them were reported once. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** What the VFs stood at, as reported last; of those that could be read. So many as an agent takes: what is left out begins anew. */
  bases(): VirtualFunctionBase[] {
    const read = [...this.#last.values()].filter(({ raw = {} }) => Object.keys(raw).length > 0);
    const whole = read.map((one) => baseOf(one, () => true));
    return fitting(bytesOf(whole) <= MAX_BASES ? whole : read.map((one) => baseOf(one, isOfVf)));
  }
}

const MAX_BASES = REPORT_LIMITS.virtualFunctionBaseBytes;
type Wanted = (counter: string) => boolean;

/** Those of its RDMA device, some fifty, begin anew where there is no room for all. */
const isOfVf: Wanted = (counter) => !counter.includes('/');

function baseOf(
  { pciAddress, epoch, owner, raw = {}, counted, unattributed }: VirtualFunctionReport,
  isWanted: Wanted,
): VirtualFunctionBase {
  return {
    ...{ pciAddress, epoch, raw: only(raw, isWanted) },
    ...(owner !== undefined && { ownerKey: keyOf(owner) }),
    ...(counted !== undefined && { counted: only(counted, isWanted) }),
    ...(unattributed !== undefined && { unattributed: only(unattributed, isWanted) }),
  };
}

function only<Value>(counters: Readonly<Record<string, Value>>, isWanted: Wanted): Record<string, Value> {
  return Object.fromEntries(Object.entries(counters).filter(([counter]) => isWanted(counter)));
}

function bytesOf(bases: readonly VirtualFunctionBase[]): number {
  return bases.reduce((sum, base) => sum + JSON.stringify(base).length, 0);
}

function fitting(bases: readonly VirtualFunctionBase[]): VirtualFunctionBase[] {
  let bytes = 0;
  return bases.filter((base) => (bytes += JSON.stringify(base).length) <= MAX_BASES);
}

function byAddress(functions: readonly VirtualFunctionReport[]): ReadonlyMap<string, VirtualFunctionReport> {
  return functions.length === 0 ? NO_FUNCTIONS : new Map(functions.map((one) => [one.pciAddress, one]));
}

function byOwner(functions: Iterable<VirtualFunctionReport>): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, string[]>();
  for (const { owner, pciAddress } of functions) {
    if (owner === undefined) continue;
    const known = addresses.get(keyOf(owner));
    if (known === undefined) addresses.set(keyOf(owner), [pciAddress]);
    else known.push(pciAddress);
  }
  return addresses;
}

/** The name where its agent lists no pods. */
function keyOf({ podUid, namespace, pod }: DeviceOwner): string {
  return podUid ?? `${namespace}/${pod}`;
}

function byPciAddress(a: { readonly pciAddress: string }, b: { readonly pciAddress: string }): number {
  return a.pciAddress < b.pciAddress ? -1 : 1;
}
