import { INTERFACE_COUNTERS } from '../../../openapi/report-terms.js';
import { PODNET_GROUP_VERSION, NodeNetwork, NodeNetworkList } from '../../../openapi/podnet-api.js';
import type { Clock } from '../../../runtime/clock.js';
import type { Figure, Figures, Sum } from '../../store/figure.js';
import { shownOwner, type ShownPods } from '../../store/devices-view.js';
import type { NodeSeries } from '../../store/node-series.js';
import type { IpamFigures } from '../../store/ipam/ipam-figures.js';
import type { DialledPairs } from '../../store/dialled-pairs.js';
import type { NodeSuspects } from '../../store/node-suspects.js';
import type { Pods, ReportedPods } from '../../store/pods.js';
import { timestampOf } from '../metric-value-list.js';
import { addressColumns, addressesOf } from './addresses.js';
import { ageCell } from './cells.js';
import { dialColumns, dialledAs } from './dials.js';
import { rateColumns, trafficOf } from './rates.js';
import type { Resource } from './resource.js';

export interface NodeNetworksDeps {
  readonly reports: ReportedPods;
  readonly dialled: DialledPairs;
  readonly suspects: NodeSuspects;
  readonly ipam: IpamFigures;
  readonly pods: Pods;
  readonly figures: Figures;
  readonly clock: Clock;
  readonly windowMs: number;
}

/** One object for each node that an agent reports for. */
export function nodeNetworks(deps: NodeNetworksDeps): Resource<NodeNetwork> {
  return {
    plural: 'nodenetworks',
    kind: 'NodeNetwork',
    namespaces: undefined,
    fieldKeys: ['node'],
    schemas: { object: NodeNetwork, list: NodeNetworkList },
    columns: [
      { name: 'Pods', description: 'Pods reported.', priority: 0, cell: ({ object }) => object.pods ?? null },
      {
        name: 'Interfaces',
        description: 'Interfaces of these pods.',
        priority: 0,
        cell: ({ object }) => object.interfaces ?? null,
      },
      {
        name: 'VFs',
        description: 'SR-IOV virtual functions.',
        priority: 0,
        cell: ({ object }) => object.virtualFunctions ?? null,
      },
      {
        ...{ name: 'VFs-In-Use', description: 'Those that a pod has.', priority: 1 },
        cell: ({ object }) => object.virtualFunctionsInUse ?? null,
      },
      ...addressColumns(),
      ...rateColumns(),
      ...dialColumns(),
      {
        name: 'Last-Report',
        description: 'How long ago the newest report came.',
        priority: 0,
        cell: ({ object }) => ageCell(deps.clock.wallMs() - Date.parse(object.lastReport)),
      },
      { name: 'Agent', description: 'Version of the agent.', priority: 1, cell: ({ object }) => object.agentVersion },
    ],
    candidates: () =>
      [...byName(deps.reports.nodes())].map(([name, roles]) => ({
        ...{ namespace: '', name, labels: {}, fields: { node: name } },
        make: (nowMs) => {
          const figures = figuresOf(name, roles, nowMs, deps);
          const devices = countDevices(roles, deps.pods.shownAt(nowMs));
          const at = { windowMs: deps.windowMs, nowMs };
          const dialled = dialledAs(deps.dialled.endsOf(name, nowMs), deps.suspects.ofNode(name, nowMs), at);
          const addresses = addressesOf(deps.ipam, name, nowMs);
          const node = toNodeNetwork(name, roles, figures, nowMs, deps.clock);
          return { object: { ...node, ...devices, ...addresses, ...dialled }, figures };
        },
      })),
  };
}

/** A node has as many series as it has agents, one for each role. */
function byName(nodes: readonly NodeSeries[]): Map<string, NodeSeries[]> {
  const groups = new Map<string, NodeSeries[]>();
  for (const node of nodes) groups.set(node.node, [...(groups.get(node.node) ?? []), node]);
  return groups;
}

function figuresOf(
  name: string,
  roles: readonly NodeSeries[],
  nowMs: number,
  { pods, figures, windowMs }: NodeNetworksDeps,
): Figure[] {
  if (podCounterOf(roles) === undefined) return INTERFACE_COUNTERS.map(() => ({ ok: false, reason: 'not_counted' }));
  const members = [...pods.onNode(name, nowMs)];
  const everything = {
    ...{ matchesSeries: () => true, couldMatch: () => true, couldMatchOn: () => true },
    ...{ choosesNetworks: false, deviceLabels: [], level: 'interface' as const, windowMs },
  };
  if (!pods.isKnown) return INTERFACE_COUNTERS.map(() => ({ ok: false, reason: 'partial' }));
  return INTERFACE_COUNTERS.map((_, column) => toFigure(figures.ofAll(members, { ...everything, column }, nowMs)));
}

function toFigure({ measure, expected }: Sum): Figure {
  return measure ?? { ok: false, reason: expected === 0 ? 'no_members' : 'partial' };
}

function toNodeNetwork(
  name: string,
  roles: readonly NodeSeries[],
  figures: readonly Figure[],
  nowMs: number,
  clock: Clock,
): NodeNetwork {
  // What counts the pods says how the node is; a probe that goes on is no sign of it.
  const counter = podCounterOf(roles);
  const newest = counter ?? roles.reduce((a, b) => (b.receivedAtMs > a.receivedAtMs ? b : a));
  const pods = counter && [...counter.pods.values()];
  return {
    apiVersion: PODNET_GROUP_VERSION,
    kind: 'NodeNetwork',
    metadata: { name },
    roles: roles.map(({ role }) => role).sort(),
    agentVersion: newest.agentVersion,
    bootId: newest.bootId,
    lastReport: timestampOf(clock.wallMs() - (nowMs - newest.receivedAtMs)),
    intervalMilliseconds: newest.intervalMs,
    ...(pods !== undefined && {
      pods: pods.length,
      interfaces: pods.reduce((sum, pod) => sum + pod.interfaces.size, 0),
    }),
    ...trafficOf(figures, clock.wallMs()),
  };
}

/** The agent that looks for pods and devices: without it there is not 0 of them. */
function podCounterOf(roles: readonly NodeSeries[]): NodeSeries | undefined {
  return roles.find(({ role }) => role === 'node');
}

/** Devices of the newest report; what that does not tell is not 0. */
function countDevices(
  roles: readonly NodeSeries[],
  pods: ShownPods,
): Pick<NodeNetwork, 'physicalFunctions' | 'virtualFunctions' | 'virtualFunctionsInUse'> {
  const node = podCounterOf(roles);
  const { physicalFunctions, virtualFunctions } = node?.devices ?? {};
  return {
    ...(physicalFunctions !== undefined && { physicalFunctions: physicalFunctions.length }),
    ...(node !== undefined &&
      virtualFunctions !== undefined && {
        virtualFunctions: virtualFunctions.length,
        virtualFunctionsInUse: virtualFunctions.filter((one) => shownOwner(node, one, pods) !== undefined).length,
      }),
  };
}
