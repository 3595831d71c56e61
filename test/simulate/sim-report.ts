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
  readonly node: number;
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

export function draftSimReport(world: World, { sender, node, samples, newest, sentAt }: SimReport): ReportDraft {
  return draftReport({
    sender,
    pods: world.podsOf(node, newest.ms).map((pod) => knownPod(world, pod, newest.ms)),
    samples: storedSamples(world, node, samples),
    sequence: newest.sequence,
    collectors: COLLECTORS,
    sentAt,
  });
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

/** Samples of the same pods share their rows, as those of a real agent do. */
function storedSamples(world: World, node: number, samples: readonly Taken[]): StoredSample[] {
  let before: { readonly pods: readonly SimPod[]; readonly rows: Rows } | undefined;
  return samples.map(({ sequence, takenAt, ms }) => {
    const pods = world.podsOf(node, ms);
    if (before === undefined || pods.some(({ uid }, i) => uid !== before?.pods[i]?.uid)) {
      before = { pods, rows: rowsOf(world, pods, ms) };
    }
    return {
      ...{ sequence, takenAt, rows: before.rows, transport: () => [] },
      reading: (row) => countersOf(world, pods, row, ms),
    };
  });
}

function rowsOf(world: World, pods: readonly SimPod[], ms: number): Rows {
  return new Rows(
    pods.flatMap((pod) => metasOf(world, pod, ms).map((meta) => ({ uid: pod.uid, meta }))),
    [],
  );
}

function countersOf(world: World, pods: readonly SimPod[], row: number, ms: number): number[] {
  const { interfaces } = world.options;
  const pod = pods[Math.floor(row / interfaces)];
  if (pod === undefined) throw new RangeError(`row ${row} of ${pods.length} pods`);
  return INTERFACE_COUNTERS.map((_, column) => world.counter(pod, row % interfaces, column, ms));
}
