// What an agent of the simulated world reports: the real agent's report code, over samples that are worked out when they are written.
import type { Pod } from '../../nodeagent/inventory/pod.js';
import { draftReport, type KnownPod, type ReportDraft, type Sender } from '../../nodeagent/report/build.js';
import { Rows, type InterfaceMeta, type StoredSample } from '../../nodeagent/report/history.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import type { SimPod, World } from './world.js';

/** When a sample was taken: what it read, the world knows. */
export interface Taken {
  readonly sequence: number;
  /** On the machine's monotonic clock, milliseconds. */
  readonly ms: number;
  /** On the node's. */
  readonly takenAt: number;
}

export interface SimReport {
  readonly sender: Sender;
  readonly inventory: SimInventory;
  /** Oldest first. */
  readonly samples: readonly Taken[];
  /** The newest of the agent, sent or not. */
  readonly newest: Taken;
  readonly sentAt: () => number;
}

export const LABELS = {
  app: 'checkout-service',
  'pod-template-hash': '7d9f8b6c5',
  'app.kubernetes.io/part-of': 'shop',
};
const WORKLOAD = { kind: 'Deployment', name: 'checkout-service' };
const COLLECTORS: NodeReport['collectors'] = [{ name: 'interfaces', ok: true, seconds: 0.004 }];

/** The pods of a node at a time, and what its agent knows of them. */
interface Lineup {
  readonly pods: readonly SimPod[];
  readonly known: readonly KnownPod[];
  readonly rows: Rows;
}

/** What an agent holds of the pods of its node from one report to the next, through one boot of it. */
export class SimInventory {
  readonly #world: World;
  readonly #node: number;
  #newest: Lineup | undefined;

  constructor(world: World, node: number) {
    this.#world = world;
    this.#node = node;
  }

  /** The same object as long as the pods are the same. */
  at(ms: number): Lineup {
    const pods = this.#world.podsOf(this.#node, ms);
    const newest = this.#newest;
    if (newest?.pods.every((pod, i) => pod === pods[i]) === true) return newest;
    const known = pods.map((pod) => knownPod(this.#world, pod, ms));
    const series = known.flatMap(({ pod, interfaces = [] }) => interfaces.map((meta) => ({ uid: pod.uid, meta })));
    return (this.#newest = { pods, known, rows: new Rows(series, []) });
  }
}

export function draftSimReport(world: World, { sender, inventory, samples, newest, sentAt }: SimReport): ReportDraft {
  // Oldest first, so that the newest is what is held for the next report.
  const stored = samples.map((sample) => storedSample(world, sample, inventory.at(sample.ms)));
  return draftReport({
    sender,
    pods: inventory.at(newest.ms).known,
    samples: stored,
    sequence: newest.sequence,
    collectors: COLLECTORS,
    sentAt,
  });
}

function storedSample(world: World, { sequence, takenAt, ms }: Taken, { pods, rows }: Lineup): StoredSample {
  return {
    ...{ sequence, takenAt, rows, transport: () => [] },
    reading: (row) => countersOf(world, pods, row, ms),
  };
}

function knownPod(world: World, pod: SimPod, ms: number): KnownPod {
  const { namespace, name, uid } = pod;
  const described: Pod = {
    ...{ namespace, name, uid, labels: LABELS, workload: WORKLOAD, hostNetwork: false, attachments: new Map() },
    creationTimestamp: `${new Date(world.wallMs(pod.bornMs)).toISOString().slice(0, 19)}Z`,
  };
  return { pod: described, interfaces: metasOf(world, pod, ms) };
}

function metasOf(world: World, pod: SimPod, ms: number): InterfaceMeta[] {
  return Array.from({ length: world.options.interfaces }, (_, iface) => ({
    name: world.interfaceName(iface),
    network: world.network(iface),
    nadNamespace: iface === 0 ? '' : 'telco',
    primary: iface === 0,
    identity: world.identity(pod, iface, ms),
    source: 'netdev',
    hostInterface: `veth${((pod.seed + iface) >>> 0).toString(16)}`,
  }));
}

function countersOf(world: World, pods: readonly SimPod[], row: number, ms: number): number[] {
  const { interfaces } = world.options;
  const pod = pods[Math.floor(row / interfaces)];
  if (pod === undefined) throw new RangeError(`row ${row} of ${pods.length} pods`);
  return INTERFACE_COUNTERS.map((_, column) => world.counter(pod, row % interfaces, column, ms));
}
