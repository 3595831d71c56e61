import type { DeviceOwner, PhysicalFunctionReport, VirtualFunctionReport } from '../../openapi/device-report.js';
import type { InterfaceReport } from '../../openapi/node-report.js';
import { VF_COUNTERS } from '../../openapi/report-terms.js';
import { interfaceReport, readingOf } from './reports.js';

/** The PCI address of the third VF: the same on every node of its kind. */
export const VF3 = '0000:01:10.3';

export function pfReport(overrides: Partial<PhysicalFunctionReport> = {}): PhysicalFunctionReport {
  return {
    ...{ name: 'ens1f0', pciAddress: '0000:01:00.0', numaNode: 1, driver: 'ice', linkLayer: 'ethernet' },
    ...{ virtualFunctions: 8, totalVirtualFunctions: 64, counterSource: 'rtnetlink' },
    ...overrides,
  };
}

export function ownerReport(overrides: Partial<DeviceOwner> = {}): DeviceOwner {
  return {
    ...{ podUid: 'uid-web-0', namespace: 'default', pod: 'web-0', container: 'app' },
    ...{ resource: 'openshift.io/inteldpdk', interface: 'net1', network: 'sriov', nadNamespace: 'telco' },
    ...{ source: 'kubelet', ...overrides },
  };
}

/** The third VF of ens1f0, which web-0 has. */
export function vfReport(overrides: Partial<VirtualFunctionReport> = {}): VirtualFunctionReport {
  return {
    ...{ pf: 'ens1f0', vf: 3, pciAddress: VF3, numaNode: 1, driver: 'vfio-pci', vlan: 100, trust: true },
    ...{ owner: ownerReport(), epoch: 'e1', isCurrent: true },
    ...{ raw: rawOf(5_000), counted: countedOf(1_000), unattributed: countedOf(10) },
    ...overrides,
  };
}

/** One that nobody has. */
export function freeVf(overrides: Partial<VirtualFunctionReport> = {}): VirtualFunctionReport {
  const { owner: _, counted: _c, ...free } = vfReport({ vf: 4, pciAddress: '0000:01:10.4', ...overrides });
  return free;
}

/** Counters that are told apart by their column. */
export function countedOf(value: number): Record<string, number> {
  return Object.fromEntries(VF_COUNTERS.map((counter, column) => [counter, value + column]));
}

export function rawOf(value: number): Record<string, string> {
  return Object.fromEntries(Object.entries(countedOf(value)).map(([counter, count]) => [counter, String(count)]));
}

/** net1, which a VF backs and its PF counts for. */
export function net1(value: number, overrides: Partial<InterfaceReport> = {}): InterfaceReport {
  return interfaceReport({
    ...{ name: 'net1', network: 'sriov', nadNamespace: 'telco', primary: false, identity: 'e1', source: 'vf' },
    ...{ pciAddress: VF3, readings: [readingOf(value)] },
    ...overrides,
  });
}
