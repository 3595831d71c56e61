import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { isPciAddress } from '../inventory/report-names.js';
import type { SourceOff } from '../source-states.js';
import { codeOf, ifReadable, isAnswer } from '../sysfs/errors.js';
import type { SysFs } from '../sysfs/fs.js';
import type { PhysicalFunction, VirtualFunction } from './device.js';
import { describePciDevice, netdevsOf, ownNetdev, parseNumber, rdmaDevicesOf } from './pci-device.js';

const DEVICES = 'bus/pci/devices';
/** Base class 02h, network controllers. */
const LINK_LAYERS: readonly (readonly [RegExp, PhysicalFunction['linkLayer']])[] = [
  [/^0x0200[0-9a-f]{2}$/, 'ethernet'],
  [/^0x0207[0-9a-f]{2}$/, 'infiniband'],
];
/** TotalVFs of the SR-IOV capability has 16 bits. */
const MAX_TOTAL_VFS = 65_535;
/** The device was removed, also while a file of it was open. */
const GONE = new Set(['ENOENT', 'ENODEV']);
const VIRTFN = /^virtfn(0|[1-9][0-9]{0,4})$/;
/** Told one by one; of more, how many there are. */
const PROBLEMS_NAMED = 32;

/** Why there is nothing to be found. */
export type BusOff = Extract<SourceOff, 'not_found' | 'not_permitted' | 'failed'>;

export interface Discovery {
  /** By PCI address. */
  readonly found: readonly PhysicalFunction[];
  /** What was left out, and why. */
  readonly problems: readonly string[];
  /** The devices of the PCI bus cannot be listed. */
  readonly off?: BusOff;
}

/**
 * The SR-IOV physical functions of the node and their virtual functions, as sysfs has them now: for every sweep, as either may come and go
 * at any time. What vanishes meanwhile is not there; what cannot be understood is left out and costs the rest nothing.
 * @throws an error that says nothing of the devices, such as EMFILE
 * @see Linux Documentation/ABI/testing/sysfs-bus-pci
 */
export function discoverPhysicalFunctions(sysfs: SysFs): Discovery {
  let devices: string[];
  try {
    devices = sysfs.list(DEVICES).sort();
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return { found: [], problems: [], off: reasonOf(error) };
  }
  const round = new Round(sysfs);
  for (const device of devices) round.look(device);
  return { found: round.found, problems: round.problems() };
}

class Round {
  readonly found: PhysicalFunction[] = [];
  readonly #sysfs: SysFs;
  readonly #names = new Set<string>();
  readonly #vfAddresses = new Set<string>();
  readonly #problems: string[] = [];
  #unnamed = 0;

  constructor(sysfs: SysFs) {
    this.#sysfs = sysfs;
  }

  look(device: string): void {
    const path = `${DEVICES}/${device}`;
    // most devices of a node are none, or VFs of a PF before them
    if (this.#vfAddresses.has(device) || !this.#sysfs.exists(`${path}/sriov_totalvfs`)) return;
    const linkLayer = this.#linkLayerOf(path);
    const totalVirtualFunctions = linkLayer && this.#totalOf(`${path}/sriov_totalvfs`);
    if (linkLayer === undefined || totalVirtualFunctions === undefined || totalVirtualFunctions === 0) return;
    const entries = this.#ask(path, () => this.#sysfs.list(path));
    if (entries === undefined) return;
    const indices = entries.flatMap((entry) => VIRTFN.exec(entry)?.[1] ?? []).map(Number);
    if (!this.#canTake(device, indices.length)) return;
    const virtualFunctions = indices
      .sort((a, b) => a - b)
      .flatMap((index) => this.#virtualFunction(`${path}/virtfn${index}`, index) ?? []);
    this.found.push({
      ...{ ...this.#namesOf(path, device), pciAddress: device, linkLayer, totalVirtualFunctions },
      ...{ ...describePciDevice(this.#sysfs, path), virtualFunctions },
    });
  }

  problems(): string[] {
    return this.#unnamed === 0 ? this.#problems : [...this.#problems, `and ${this.#unnamed} more`];
  }

  /** Undefined of what is no network controller. */
  #linkLayerOf(path: string): PhysicalFunction['linkLayer'] | undefined {
    const text = this.#ask(`${path}/class`, () => this.#sysfs.read(`${path}/class`))?.trim() ?? '';
    return LINK_LAYERS.find(([pciClass]) => pciClass.test(text))?.[1];
  }

  #totalOf(path: string): number | undefined {
    const text = this.#ask(path, () => this.#sysfs.read(path));
    if (text === undefined) return undefined;
    const total = parseNumber(text) ?? Infinity;
    return this.#expect(total <= MAX_TOTAL_VFS, path, 'not the number of VFs that a PF can have') ? total : undefined;
  }

  /** As a whole or not at all: with some of its VFs it would be one with fewer. */
  #canTake(device: string, virtualFunctions: number): boolean {
    const { physicalFunctions: maxPfs, virtualFunctions: maxVfs } = REPORT_LIMITS;
    return (
      this.#expect(isPciAddress(device), device, 'not the address of a PCI device') &&
      this.#expect(this.found.length < maxPfs, device, `there are more than ${maxPfs} PFs`) &&
      this.#expect(this.#vfAddresses.size + virtualFunctions <= maxVfs, device, `there are more than ${maxVfs} VFs`)
    );
  }

  /** A name is of one PF: while interfaces are renamed it may be read for two. */
  #namesOf(path: string, pciAddress: string): Pick<PhysicalFunction, 'name' | 'netdev'> {
    const own = ownNetdev(this.#sysfs, path);
    if (own !== undefined && this.#take(own)) {
      const ifindex = parseNumber(ifReadable(() => this.#sysfs.read(`${path}/net/${own}/ifindex`)) ?? '');
      return { name: own, netdev: { name: own, ...(ifindex !== undefined && ifindex > 0 && { ifindex }) } };
    }
    const [rdmaDevice] = rdmaDevicesOf(this.#sysfs, path);
    return { name: rdmaDevice !== undefined && this.#take(rdmaDevice) ? rdmaDevice : pciAddress };
  }

  #take(name: string): boolean {
    return this.#names.size < this.#names.add(name).size;
  }

  #virtualFunction(path: string, index: number): VirtualFunction | undefined {
    const target = this.#ask(path, () => this.#sysfs.linkName(path));
    if (target === undefined) return undefined;
    const pciAddress = target.toLowerCase();
    if (!this.#expect(isPciAddress(pciAddress), path, `${target} is not the address of a PCI device`)) return undefined;
    if (!this.#expect(!this.#vfAddresses.has(pciAddress), path, `${pciAddress} is another VF already`))
      return undefined;
    this.#vfAddresses.add(pciAddress);
    const [netdev] = netdevsOf(this.#sysfs, path);
    return {
      ...{ index, pciAddress, ...describePciDevice(this.#sysfs, path) },
      ...(netdev !== undefined && { netdev }),
      rdmaDevices: rdmaDevicesOf(this.#sysfs, path),
    };
  }

  /** Undefined of what is gone; where it is still there, that is a problem. */
  #ask<T>(path: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!isAnswer(error)) throw error;
      const code = codeOf(error);
      if (!GONE.has(code)) this.#problem(path, code);
      return undefined;
    }
  }

  #expect(isMet: boolean, what: string, otherwise: string): boolean {
    if (!isMet) this.#problem(what, otherwise);
    return isMet;
  }

  #problem(what: string, why: string): void {
    if (this.#problems.length < PROBLEMS_NAMED) this.#problems.push(`${what}: ${why}`);
    else this.#unnamed++;
  }
}

function reasonOf(error: unknown): BusOff {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'not_found';
  return code === 'EACCES' || code === 'EPERM' ? 'not_permitted' : 'failed';
}
