import { PODNET_GROUP_VERSION, VirtualFunction, VirtualFunctionList } from '../../../openapi/podnet-api.js';
import type { NodeSeries } from '../../store/node-series.js';
import type { Pods, ReportedPods } from '../../store/pods.js';
import type { VirtualFunctionMeta } from '../../store/report.js';
import type { Resource } from './resource.js';

export interface VirtualFunctionsDeps {
  readonly reports: ReportedPods;
  readonly pods: Pods;
}

/** One object for each SR-IOV virtual function that an agent reports. */
export function virtualFunctions({ reports, pods }: VirtualFunctionsDeps): Resource<VirtualFunction> {
  return {
    plural: 'virtualfunctions',
    kind: 'VirtualFunction',
    namespaced: false,
    fieldKeys: ['node', 'pod', 'pf'],
    schemas: { object: VirtualFunction, list: VirtualFunctionList },
    columns: [
      { name: 'Node', description: 'Node that has it.', priority: 0, cell: ({ object }) => object.node },
      { name: 'PF', description: 'Its physical function.', priority: 0, cell: ({ object }) => object.pf },
      { name: 'Index', description: 'Its number there.', priority: 0, cell: ({ object }) => object.index },
      { name: 'PCI-Address', description: 'Its PCI address.', priority: 0, cell: ({ object }) => object.pciAddress },
      { name: 'Driver', description: 'Driver bound to it.', priority: 0, cell: ({ object }) => object.driver ?? null },
      {
        ...{ name: 'Pod', description: 'The pod that has it.', priority: 0 },
        cell: ({ object: { pod } }) => (pod === undefined ? null : `${pod.namespace}/${pod.name}`),
      },
      { name: 'Network', description: 'Network it backs.', priority: 0, cell: ({ object }) => object.network ?? null },
      { name: 'NUMA', description: 'NUMA node.', priority: 1, cell: ({ object }) => object.numaNode ?? null },
      {
        name: 'Resource',
        description: 'As what it was allocated.',
        priority: 1,
        cell: ({ object }) => object.resource ?? null,
      },
    ],
    candidates: (_namespace, nowMs) =>
      reports.nodes().flatMap((node) =>
        (node.isFresh(nowMs) ? node.virtualFunctions : []).map((meta) => {
          const owner = ownerOf(meta, node, pods, nowMs);
          const name = `${node.node}.${meta.pciAddress.replaceAll(':', '-')}`;
          return {
            ...{ namespace: '', name, labels: owner?.labels ?? {} },
            fields: { node: node.node, pod: owner?.pod.name ?? '', pf: meta.pf },
            make: () => ({ object: toVirtualFunction(name, node, meta, owner), figures: [] }),
          };
        }),
      ),
  };
}

interface Owner {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly network: { readonly network?: string; readonly nadNamespace?: string };
}

/** The pod that a report gives a function to, if that pod exists. */
function ownerOf(
  { owner, pciAddress }: VirtualFunctionMeta,
  node: NodeSeries,
  pods: Pods,
  nowMs: number,
): Owner | undefined {
  const series = owner?.podUid === undefined ? undefined : node.pods.get(owner.podUid);
  const meta = series && pods.shown(series, nowMs);
  if (series === undefined || meta === undefined) return undefined;
  const backed = [...series.interfaces.values()].find((one) => one.meta.pciAddress === pciAddress)?.meta;
  return {
    pod: { namespace: meta.namespace, name: meta.name, uid: meta.uid },
    labels: meta.labels,
    network: backed === undefined ? {} : { network: backed.network, nadNamespace: backed.nadNamespace },
  };
}

function toVirtualFunction(
  name: string,
  { node }: NodeSeries,
  {
    vf,
    owner: reported,
    epoch: _e,
    isCurrent: _c,
    raw: _r,
    counted: _n,
    unattributed: _u,

    ...meta
  }: VirtualFunctionMeta,
  owner: Owner | undefined,
): VirtualFunction {
  return {
    apiVersion: PODNET_GROUP_VERSION,
    kind: 'VirtualFunction',
    metadata: { name },
    ...{ node, index: vf },
    ...meta,
    ...(owner !== undefined && { pod: owner.pod, ...owner.network }),
    ...(owner !== undefined && reported?.container !== undefined && { container: reported.container }),
    ...(owner !== undefined && reported?.resource !== undefined && { resource: reported.resource }),
  };
}
