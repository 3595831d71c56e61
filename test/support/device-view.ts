import type { DevicesView, PodDescription } from '../../metrics/node-families.js';
import type { DeviceOwner, VirtualFunctionReport } from '../../openapi/device-report.js';
import { VF_COUNTERS } from '../../openapi/report-terms.js';

/** What a pod has, as the kubelet says. */
export function ownerOf({ namespace, name, uid }: PodDescription, parts: Partial<DeviceOwner> = {}): DeviceOwner {
  return {
    ...(uid !== undefined && { podUid: uid }),
    ...{ namespace, pod: name, container: 'web', resource: 'openshift.io/inteldpdk' },
    ...{ interface: 'net1', network: 'n3', nadNamespace: 'telco', source: 'kubelet' },
    ...parts,
  };
}

/** Counters that go up by one from name to name. */
export function countersFrom(first: number): Record<string, number> {
  return Object.fromEntries(VF_COUNTERS.map((counter, i) => [counter, first + i]));
}

/** A VF of ens1f0 with no more than its epoch. */
export function virtualFunction(vf: number, parts: Partial<VirtualFunctionReport> = {}): VirtualFunctionReport {
  return { pf: 'ens1f0', vf, pciAddress: `0000:3b:02.${vf}`, epoch: `e${vf}`, isCurrent: true, ...parts };
}

/** A node with a PF that has VFs in every state, and one whose driver counts nothing. */
export function devicesView(owner: PodDescription): DevicesView {
  const raw = Object.fromEntries(VF_COUNTERS.map((counter, i) => [counter, String(18446744073709551000n + BigInt(i))]));
  const absent: PodDescription = { namespace: 'shop', name: 'gone', labels: {}, hostNetwork: false };
  return {
    physicalFunctions: [
      {
        ...{ name: 'ens1f0', pciAddress: '0000:3b:00.0', numaNode: 0, driver: 'ice', linkLayer: 'ethernet' },
        ...{ virtualFunctions: 5, totalVirtualFunctions: 128, counterSource: 'rtnetlink' },
      },
      {
        ...{ name: 'ib0', pciAddress: '0000:5e:00.0', linkLayer: 'infiniband' },
        ...{ virtualFunctions: 0, totalVirtualFunctions: 8, counterAbsence: 'no_source' },
      },
    ],
    virtualFunctions: [
      virtualFunction(0, {
        ...{ numaNode: 0, driver: 'vfio-pci', mac: '02:00:00:00:00:01', vlan: 0, linkState: 'auto', spoofCheck: true },
        ...{ trust: false, minTransmitRateMbps: 0, maxTransmitRateMbps: 1_000, owner: ownerOf(owner) },
        ...{ raw, counted: countersFrom(100), unattributed: countersFrom(1_000) },
      }),
      virtualFunction(1, { raw: { receiveBytes: '7' }, unattributed: { receiveBytes: 7 } }),
      virtualFunction(2, { owner: ownerOf(absent, { network: '', nadNamespace: '' }), raw: { receiveBytes: '8' } }),
      virtualFunction(3, {
        owner: { namespace: 'shop', pod: 'plain', network: 'n3', nadNamespace: 'telco', source: 'network-status' },
        ...{ raw: { receiveBytes: '9' }, counted: { receiveBytes: 9 } },
      }),
      virtualFunction(4, { owner: ownerOf(owner), raw, counted: countersFrom(1), isCurrent: false }),
    ],
    cpus: [
      { numaNode: 0, cpus: '0-1' },
      { numaNode: 1, cpus: '2,4' },
    ],
    unlistedCpus: [{ uid: '6f1d0f5c-0000-4000-8000-000000000001', containerId: 'ab12', cpu: 4, numaNode: 1 }],
  };
}
