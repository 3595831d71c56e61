import type { ClaimedDevice } from './allocation.js';

/** A device that a ResourceClaim gives to a pod. */
export interface HeldDevice extends ClaimedDevice {
  /** Of a pod that names the claim and that it is reserved for. */
  readonly podUid: string;
  /** What its driver calls it in the pod (`networkData` in the status of the claim). */
  readonly interfaceName?: string;
}

/** A device that a claim may look at, whoever has it (KEP-5018, `adminAccess`). */
export interface WatchedDevice extends ClaimedDevice {
  /** Of the claim. */
  readonly namespace: string;
  readonly claim: string;
}

/** What Dynamic Resource Allocation says of the devices of this node. */
export interface KnownClaims {
  readonly held: readonly HeldDevice[];
  readonly watched: readonly WatchedDevice[];
  /** In lower case; undefined where no ResourceSlice of the node tells it. */
  readonly pciAddressOf: (device: ClaimedDevice) => string | undefined;
}

/** Domain, bus, device and function, as the SR-IOV driver and DRANET write them into names: 0000-3b-02-1, pci-0000-3b-02-1. */
const SPELLED = /^(?:pci-)?([0-9a-f]{4,8})-([0-9a-f]{2})-([0-9a-f]{2})-([0-7])$/;

/** The PCI address that the name of a device spells. */
export function spelledPciAddress(device: string): string | undefined {
  const [, domain, bus, slot, fn] = SPELLED.exec(device) ?? [];
  return domain === undefined ? undefined : `${domain}:${bus}:${slot}.${fn}`;
}

/** What a device is told apart by: neither a driver nor a device has a `/` in its name. */
export function deviceKey({ driver, pool, device }: ClaimedDevice): string {
  return `${driver}/${pool}/${device}`;
}
