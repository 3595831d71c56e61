import type { Allocation } from '../../nodeagent/devices/allocation.js';
import type { VfReading } from '../../nodeagent/devices/device.js';
import type { Attachment, Pod } from '../../nodeagent/inventory/pod.js';

export const PF_ADDRESS = '0000:01:00.0';
export const VF_ADDRESSES = ['0000:01:10.0', '0000:01:10.2', '0000:01:10.4'] as const;

/** A pod of telco whose uid is its name with `uid-` before it. */
export function devicePod(name: string, changes: Partial<Pod> = {}): Pod {
  return {
    ...{ namespace: 'telco', name, uid: `uid-${name}`, creationTimestamp: '2026-11-20T10:00:00Z', labels: {} },
    ...{ hostNetwork: false, attachments: new Map<string, Attachment>() },
    ...changes,
  };
}

/** What the kubelet says of a pod that has these devices. */
export function allocationOf(pod: string, ...devices: readonly string[]): Allocation {
  const resource = 'openshift.io/inteldpdk';
  return {
    ...{ namespace: 'telco', pod, container: 'du', cpus: [], claims: [] },
    devices: devices.map((id) => ({ resource, id, numaNodes: [1] })),
  };
}

export function vfReading(index: number, receiveBytes?: bigint): VfReading {
  const vf = { index, pciAddress: VF_ADDRESSES[index] ?? '', numaNode: 1, driver: 'vfio-pci', rdmaDevices: [] };
  return {
    ...{ vf, settings: { trust: true } },
    ...(receiveBytes !== undefined && { counters: new Map([['receiveBytes', receiveBytes]]) }),
  };
}
