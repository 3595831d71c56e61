import type { DeviceOwner, VirtualFunctionReport } from '../../openapi/device-report.js';
import { DEVICE_LABELS, selectorValue, type DeviceLabel, type InterfaceLabel } from '../../metrics/labels.js';
import type { InterfaceSeries } from './interface-series.js';
import type { PodSeries } from './pod-series.js';

type Reader<Source> = (source: Source) => string | number | undefined;

const OF_INTERFACE: Readonly<Record<InterfaceLabel, (pod: PodSeries, series: InterfaceSeries) => string>> = {
  node: ({ node }) => node.node,
  namespace: ({ meta }) => meta.namespace,
  pod: ({ meta }) => meta.name,
  interface: (_pod, { meta }) => meta.name,
  network: (_pod, { meta }) => meta.network,
  nad_namespace: (_pod, { meta }) => meta.nadNamespace,
  primary: (_pod, { meta }) => String(meta.primary),
};
const OF_FUNCTION: Readonly<Record<'pf' | 'vf' | 'numa_node', Reader<VirtualFunctionReport>>> = {
  pf: ({ pf }) => pf,
  vf: ({ vf }) => vf,
  numa_node: ({ numaNode }) => numaNode,
};
const OF_OWNER: Readonly<Record<'container' | 'resource', Reader<DeviceOwner>>> = {
  container: ({ container }) => container,
  resource: ({ resource }) => resource,
};

/** Whether a key names the device behind an interface. */
export function isDeviceLabel(key: string): key is DeviceLabel {
  return (DEVICE_LABELS as readonly string[]).includes(key);
}

/** Whether a key is a label of an interface, and not one that all interfaces of its pod have. */
export function isInterfaceLabel(key: string): key is InterfaceLabel | DeviceLabel {
  return Object.hasOwn(OF_INTERFACE, key) || isDeviceLabel(key);
}

/** A label of an interface in the alias form of selectors; undefined: it has none of that name. */
export function interfaceLabel(
  pod: PodSeries,
  series: InterfaceSeries,
  key: InterfaceLabel | DeviceLabel,
): string | undefined {
  if (!isDeviceLabel(key)) return selectorValue(OF_INTERFACE[key](pod, series));
  const value = deviceLabel(pod, series, key);
  return value === undefined ? undefined : selectorValue(String(value));
}

function deviceLabel(pod: PodSeries, { meta }: InterfaceSeries, key: DeviceLabel): string | number | undefined {
  const { pciAddress } = meta;
  if (key === 'pci_address' || pciAddress === undefined) return pciAddress;
  const found = pod.node.devices.at(pciAddress);
  if (found === undefined) return undefined;
  if (key !== 'container' && key !== 'resource') return OF_FUNCTION[key](found);
  const owner = ownedBy(pod, found);
  return owner && OF_OWNER[key](owner);
}

/**
 * Whether an interface could have a label that nobody tells: its device is none of the VFs that were reported, and not all were; or the
 * kubelet was not heard as to what it gave the pod; or the pod has a VF that is said to be none of its interfaces, and so may be this one. Then
 * it is neither selected nor left out in earnest.
 */
export function isUnknownLabel(pod: PodSeries, { meta }: InterfaceSeries, key: string): boolean {
  if (!isDeviceLabel(key)) return false;
  const { pciAddress } = meta;
  if (pciAddress === undefined) return mayBeVf(meta) && hasUnplacedVf(pod);
  if (key === 'pci_address') return false;
  const found = pod.node.devices.at(pciAddress);
  if (found === undefined) return !pod.node.devices.isWhole;
  if (key !== 'container' && key !== 'resource') return false;
  const owner = ownedBy(pod, found);
  return owner === undefined || (owner.source !== 'kubelet' && OF_OWNER[key](owner) === undefined);
}

/** What is one end of a pair, or stacked on others, is no VF. */
function mayBeVf({ hostInterface, lowerDevices = [] }: InterfaceSeries['meta']): boolean {
  return hostInterface === undefined && lowerDevices.length === 0;
}

/** Whether a pod has a VF, as Multus may not have told of which interface. */
function hasUnplacedVf({ node, meta, interfaces }: PodSeries): boolean {
  const owned = node.devices.ofPod(meta);
  if (owned.length === 0) return false;
  const placed = new Set([...interfaces.values()].map((one) => one.meta.pciAddress));
  return owned.some((pciAddress) => !placed.has(pciAddress));
}

/** What is said of a VF's owner, if that is this pod. */
function ownedBy({ meta }: PodSeries, { owner }: VirtualFunctionReport): DeviceOwner | undefined {
  if (owner === undefined) return undefined;
  const isSame = owner.podUid === undefined ? isNamed(owner, meta) : owner.podUid === meta.uid;
  return isSame ? owner : undefined;
}

function isNamed({ namespace, pod }: DeviceOwner, meta: PodSeries['meta']): boolean {
  return namespace === meta.namespace && pod === meta.name;
}
