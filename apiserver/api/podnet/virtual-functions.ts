import type { PhysicalFunctionReport, VirtualFunctionReport } from '../../../openapi/device-report.js';
import { PODNET_GROUP_VERSION, VirtualFunction, VirtualFunctionList } from '../../../openapi/podnet-api.js';
import type { VfCounterAbsence } from '../../../openapi/report-terms.js';
import type { Clock } from '../../../runtime/clock.js';
import { shownOwner, type ShownOwner, type ShownPods } from '../../store/devices-view.js';
import type { Figure } from '../../store/figure.js';
import { ratesOf } from '../../store/interface-rates.js';
import type { InterfaceSeries } from '../../store/interface-series.js';
import type { NodeSeries } from '../../store/node-series.js';
import type { Pods, ReportedPods } from '../../store/pods.js';
import { networkCell } from './cells.js';
import { rateColumns, trafficOf, type Traffic } from './rates.js';
import type { Candidate, Column, Resource } from './resource.js';

export interface VirtualFunctionsDeps {
  readonly reports: ReportedPods;
  readonly pods: Pods;
  readonly clock: Clock;
  readonly windowMs: number;
}

/** Why a physical function does not count for its virtual ones. */
const COUNTER_ABSENCES: Readonly<Record<VfCounterAbsence, string>> = {
  unproven: 'its physical function is not proven to count for it: the driver gives zeros or nothing',
  no_source: 'its physical function has no counters of it',
  failed: 'the counters of its physical function could not be read',
};
const NO_INTERFACE = { reason: 'no_interface', message: 'its pod reports no interface that it backs' };

/** One object for each SR-IOV virtual function that an agent reports. */
export function virtualFunctions(deps: VirtualFunctionsDeps): Resource<VirtualFunction> {
  return {
    plural: 'virtualfunctions',
    kind: 'VirtualFunction',
    namespaces: undefined,
    fieldKeys: ['node', 'pf', 'pciAddress', 'namespace', 'pod', 'network', 'resource'],
    schemas: { object: VirtualFunction, list: VirtualFunctionList },
    columns: COLUMNS,
    candidates: (_namespace, nowMs) => {
      const shown = deps.pods.shownAt(nowMs);
      return deps.reports
        .nodes()
        .filter((node) => node.isFresh(nowMs))
        .flatMap((node) => candidatesOf(node, shown, deps));
    },
  };
}

const COLUMNS: readonly Column<VirtualFunction>[] = [
  { name: 'Node', description: 'Node that has it.', priority: 0, cell: ({ object }) => object.node },
  { name: 'PF', description: 'Its physical function.', priority: 0, cell: ({ object }) => object.pf },
  { name: 'Index', description: 'Its number there.', priority: 0, cell: ({ object }) => object.index },
  { name: 'PCI-Address', description: 'Its PCI address.', priority: 0, cell: ({ object }) => object.pciAddress },
  { name: 'Driver', description: 'Driver bound to it.', priority: 0, cell: ({ object }) => object.driver ?? null },
  {
    ...{ name: 'Pod', description: 'The pod that has it.', priority: 0 },
    cell: ({ object: { pod } }) => (pod === undefined ? null : `${pod.namespace}/${pod.name}`),
  },
  {
    ...{ name: 'Interface', description: 'Interface that it backs.', priority: 1 },
    cell: ({ object }) => object.interface ?? null,
  },
  {
    ...{ name: 'Network', description: 'Network of that interface.', priority: 0 },
    cell: ({ object }) => (object.network === undefined ? null : networkCell(object)),
  },
  ...rateColumns().map(trafficColumn),
  { name: 'NUMA', description: 'NUMA node.', priority: 1, cell: ({ object }) => object.numaNode ?? null },
  {
    ...{ name: 'Resource', description: 'As what it was allocated.', priority: 1 },
    cell: ({ object }) => object.resource ?? null,
  },
  {
    ...{ name: 'VLAN', description: 'VLAN that its physical function puts it in.', priority: 1 },
    cell: ({ object }) => object.vlan ?? null,
  },
  {
    ...{ name: 'Counters', description: 'Where its physical function counts for it, or why it does not.', priority: 1 },
    cell: ({ object: { counterSource, counterAbsence } }) =>
      counterSource ?? (counterAbsence === undefined ? null : `<${counterAbsence}>`),
  },
];

/** One that backs no interface has no figures, but may have a reason for that. */
function trafficColumn(column: Column<VirtualFunction>): Column<VirtualFunction> {
  return {
    ...column,
    cell: (made) => {
      if (made.figures.length > 0) return column.cell(made);
      const { absent } = made.object;
      return absent === undefined ? null : `<${absent.reason}>`;
    },
  };
}

function candidatesOf(
  node: NodeSeries,
  pods: ShownPods,
  { clock, windowMs }: Pick<VirtualFunctionsDeps, 'clock' | 'windowMs'>,
): Candidate<VirtualFunction>[] {
  const physical = new Map((node.devices.physicalFunctions ?? []).map((pf) => [pf.name, pf]));
  return (node.devices.virtualFunctions ?? []).map((reported) => {
    const name = `${node.node}.${reported.pciAddress.replaceAll(':', '-')}`;
    const shown = shownOwner(node, reported, pods);
    const described: Described = {
      ...{ node, name, reported, shown, pf: physical.get(reported.pf) },
      backed: shown?.pod && backedBy(reported, shown.pod.series.interfaces),
    };
    return {
      ...{ namespace: '', name, labels: shown?.pod?.meta.labels ?? {} },
      fields: fieldsOf(described),
      make: (nowMs) => {
        const { backed } = described;
        const figures = backed === undefined ? [] : ratesOf(node, backed, { windowMs, nowMs });
        return { object: { ...toVirtualFunction(described), ...traffic(described, figures, clock.wallMs()) }, figures };
      },
    };
  });
}

interface Described {
  readonly node: NodeSeries;
  readonly name: string;
  readonly reported: VirtualFunctionReport;
  readonly shown: ShownOwner | undefined;
  readonly pf: PhysicalFunctionReport | undefined;
  /** Interface of its pod that it backs. */
  readonly backed: InterfaceSeries | undefined;
}

function backedBy(
  { pciAddress }: VirtualFunctionReport,
  interfaces: ReadonlyMap<string, InterfaceSeries>,
): InterfaceSeries | undefined {
  return [...interfaces.values()].find(({ meta }) => meta.pciAddress === pciAddress);
}

function fieldsOf({ node, reported, shown, backed }: Described): Record<string, string> {
  const owner = shown?.owner;
  return {
    ...{ node: node.node, pf: reported.pf, pciAddress: reported.pciAddress },
    ...{ namespace: owner?.namespace ?? '', pod: owner?.pod ?? '', resource: owner?.resource ?? '' },
    network: backed?.meta.network ?? owner?.network ?? '',
  };
}

function toVirtualFunction({ node, name, reported, shown, pf, backed }: Described): VirtualFunction {
  const { vf, owner: _o, epoch: _e, isCurrent: _i, raw: _r, counted: _c, unattributed: _u, ...settings } = reported;
  const { counterSource, counterAbsence } = pf ?? {};
  return {
    apiVersion: PODNET_GROUP_VERSION,
    kind: 'VirtualFunction',
    metadata: { name },
    ...{ node: node.node, index: vf },
    ...settings,
    ...(shown !== undefined && ownership(shown, backed)),
    ...(counterSource !== undefined && { counterSource }),
    ...(counterAbsence !== undefined && { counterAbsence }),
  };
}

/** What the pod reports of the interface wins over what is said of the owner. */
function ownership({ owner, pod }: ShownOwner, backed: InterfaceSeries | undefined): Partial<VirtualFunction> {
  const { namespace, pod: name, source: ownerSource, interface: ofOwner, container, resource } = owner;
  const { network, nadNamespace } = backed?.meta ?? owner;
  const interfaceName = backed?.name ?? ofOwner;
  return {
    pod: { namespace, name, ...(pod !== undefined && { uid: pod.meta.uid }) },
    ownerSource,
    ...(interfaceName !== undefined && { interface: interfaceName }),
    ...((network !== '' || nadNamespace !== '') && { network, nadNamespace }),
    ...(container !== undefined && { container }),
    ...(resource !== undefined && { resource }),
  };
}

/** What the interface that it backs carries; else why there is nothing to tell. Of one that nobody has nothing is missing. */
function traffic({ pf, shown, backed }: Described, figures: readonly Figure[], wallMs: number): Traffic {
  if (backed !== undefined) return trafficOf(figures, wallMs);
  const reason = pf?.counterAbsence;
  if (reason !== undefined) return { absent: { reason, message: COUNTER_ABSENCES[reason] } };
  return shown === undefined ? {} : { absent: NO_INTERFACE };
}
