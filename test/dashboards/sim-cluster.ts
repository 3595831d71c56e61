// What the agents of a small cluster say in which every family of the catalogue has something to tell: the pods are those of the simulator.
import type { IpamSourceReport } from '../../openapi/ipam-report.js';
import type { NodeReport, PodReport } from '../../openapi/node-report.js';
import type { DialSeries } from '../../openapi/probe-report.js';
import type { Sender } from '../../nodeagent/report/build.js';
import type { KubeApiServer } from '../support/kube-api.js';
import { countedOf, freeVf, ownerReport, pfReport, rawOf, VF3, vfReport } from '../support/device-reports.js';
import { everythingTold, ipamFamilies, ipamSource, shrinking } from '../support/ipam-reports.js';
import { dialSeries, dnsSeries, ntpSeries, probeReading, probeReport, serviceDial } from '../support/probe-reports.js';
import { transportOf } from '../support/reports.js';
import { draftSimReport, LABELS, SimInventory } from '../simulate/sim-report.js';
import { World } from '../simulate/world.js';

const NODES = 3;
const WORLD = new World({
  ...{ nodes: NODES, pods: 4, interfaces: 2, namespacePods: 6 },
  // As long as it is before now, what is known of the last hour is whole.
  ...{ startMs: 7_200_000, startWallMs: Date.now(), podLifeMs: Infinity, agentLifeMs: Infinity, bootLifeMs: Infinity },
});
/** Of an interface of each pod that is stacked on the others. */
export const BRIDGE_NETWORK = 'lan';
export const NAMESPACES = WORLD.namespaces();
export const POD_COUNT = WORLD.options.nodes * WORLD.options.pods;
const PROBERS = ['p0', 'p1', 'p2', 'p3'];
/** All others see it failing. */
const DOWN = 'p3';
const INTERVAL_MS = 1_000;

const SIM_NODES = Array.from({ length: NODES }, (_, i) => WORLD.nodeName(i));
export const AGENT_NODES: readonly string[] = [...SIM_NODES, ...PROBERS];
/** A node whose agent reports several times at once, and nothing. */
export const HASTY = 'hasty';
/** Series of a namespace: of one pod there are some fifty. */
export const MAX_SERIES = 180;

/** By its name and the labels of its pods the Deployment is known. */
const OWNER = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'checkout-service-7d9f8b6c5',
  uid: 'rs',
  controller: true,
};

/** So that the pods that are reported are those that the API server lists. */
export function putSimPods(api: KubeApiServer): void {
  for (const [i, nodeName] of SIM_NODES.entries()) {
    for (const { namespace, name, uid, bornMs } of WORLD.podsOf(i, WORLD.options.startMs)) {
      const creationTimestamp = `${new Date(WORLD.wallMs(bornMs)).toISOString().slice(0, 19)}Z`;
      api.put(`/api/v1/namespaces/${namespace}/pods/${name}`, {
        ...{ metadata: { uid, creationTimestamp, labels: LABELS, ownerReferences: [OWNER] }, spec: { nodeName } },
        status: { phase: 'Running' },
      });
    }
  }
}

/** What a counter of all interfaces of all pods, but for those that count what others have counted, grows by in a second. @param column of INTERFACE_COUNTERS */
export function offeredPerSecond(column: number): number {
  const { startMs, interfaces } = WORLD.options;
  return SIM_NODES.flatMap((_, node) => WORLD.podsOf(node, startMs))
    .flatMap((pod) => Array.from({ length: interfaces }, (_, iface) => WORLD.perSecond(pod, iface, column)))
    .reduce((sum, perSecond) => sum + perSecond, 0);
}

/** What the agent of a node says at a time of the bed. */
export function reportAt(node: string, atMs: number): NodeReport | undefined {
  if (node === HASTY) return undefined;
  const index = SIM_NODES.indexOf(node);
  return index < 0 ? proberReport(node, atMs) : simReport(index, atMs);
}

const named = (node: string): Partial<NodeReport> => ({
  ...{ node, bootId: `boot-${node}`, instance: { id: `agent-${node}`, startedAt: 0 }, intervalMs: INTERVAL_MS },
});

const inventories = new Map<number, SimInventory>();

function simReport(index: number, atMs: number): NodeReport {
  const inventory = inventories.get(index) ?? new SimInventory(WORLD, index);
  inventories.set(index, inventory);
  const ms = WORLD.options.startMs + atMs;
  const takenAt = WORLD.nodeMs(index, ms);
  const newest = { sequence: Math.max(1, Math.round(atMs / INTERVAL_MS)), ms, takenAt };
  const sender: Sender = {
    ...{ node: WORLD.nodeName(index), role: 'node', intervalMs: INTERVAL_MS, agentVersion: '0.1.0' },
    ...{ bootId: WORLD.boot(index, ms).bootId, instance: { id: `agent-${index}`, startedAt: 0 } },
  };
  const draft = draftSimReport(WORLD, { sender, inventory, samples: [newest], newest, sentAt: () => takenAt });
  const report = JSON.parse([...draft.pieces].join('')) as NodeReport;
  const second = Math.floor(atMs / 1_000);
  const pods = report.pods.map((pod, i) => withStacked(withMore(pod, i, second)));
  return { ...report, pods, ...devicesOf(pods[0], second), ipam: ipamOf(takenAt, second) };
}

/** Transport counters, and on the first pods what not every pod has. */
function withMore(pod: PodReport, index: number, second: number): PodReport {
  const more = { ...pod, transport: [transportOf(second * (index + 1))] };
  const [eth0, net1] = pod.interfaces ?? [];
  if (eth0 === undefined || net1 === undefined) return more;
  const exclusiveCpus = [2, 3].map((cpu) => ({ container: 'app', cpu, numaNode: 0 }));
  if (index === 0) {
    const backed = { ...net1, source: 'vf' as const, pciAddress: VF3 };
    return { ...more, exclusiveCpus, numaAligned: false, interfaces: [eth0, backed] };
  }
  // an entry that is left out: no container has no name
  if (index === 2) return { ...more, exclusiveCpus: [{ container: '', cpu: 4 }] };
  return index === 1 ? { ...more, interfaces: [eth0, { ...net1, receiveUnreliable: true }] } : more;
}

/** A VLAN on the network of its parent, and a bridge on a network of its own over that and the first interface. */
function withStacked(pod: PodReport): PodReport {
  const [eth0, net1, ...more] = pod.interfaces ?? [];
  if (eth0 === undefined || net1 === undefined) return pod;
  const both = eth0.readings.map((reading, sample) =>
    (reading ?? []).map((value, column) => (value ?? 0) + (net1.readings[sample]?.[column] ?? 0)),
  );
  const { nadNamespace } = net1;
  const stacked = [
    { name: 'net1.7', network: net1.network, lowerDevices: ['net1'], readings: net1.readings },
    { name: 'br0', network: BRIDGE_NETWORK, lowerDevices: ['eth0', 'net1.7'], readings: both },
  ].map((one) => ({
    ...one,
    nadNamespace,
    primary: false,
    source: 'netdev' as const,
    identity: `${pod.uid}-${one.name}`,
  }));
  return { ...pod, interfaces: [eth0, net1, ...more, ...stacked] };
}

/** A PF that counts with a VF of a pod and a free one, and one of which nobody knows what it counts. */
function devicesOf(pod: PodReport | undefined, second: number): Partial<NodeReport> {
  if (pod === undefined) throw new TypeError('a node without pods');
  const rdma = Object.fromEntries(
    [
      ...['port_rcv_data', 'port_xmit_data', 'port_rcv_packets', 'port_xmit_packets', 'port_rcv_errors'],
      ...['port_xmit_discards', 'symbol_error'],
    ].map((file) => [`rdma/mlx5_2/1/port/${file}`, second]),
  );
  const counted = { ...countedOf(second * 1_000), ...rdma, 'rdma/mlx5_2/1/hw/out_of_sequence': second };
  const owner = ownerReport({ podUid: pod.uid, namespace: pod.namespace, pod: pod.name, network: 'n3' });
  const { counterSource: _, ...unproven } = pfReport({ name: 'ens2f0', pciAddress: '0000:02:00.0' });
  return {
    physicalFunctions: [pfReport(), { ...unproven, counterAbsence: 'unproven' }],
    virtualFunctions: [
      vfReport({ owner, counted, raw: rawOf(second * 1_000 + 10), unattributed: countedOf(10), spoofCheck: true }),
      freeVf({ raw: rawOf(second * 10), unattributed: countedOf(second * 10) }),
    ],
  };
}

function ipamOf(takenAt: number, second: number): IpamSourceReport[] {
  const range = { network: 'cbr0', range: '10.0.0.2-10.0.0.254' };
  const told = { addresses: 253, used_addresses: 100, free_addresses: 153, leaked_addresses: 3 };
  const families = Object.entries(told).map(([what, value]) => ({
    ...{ name: `hostlocal_range_${what}`, type: 'gauge' as const, samples: [{ labels: range, value }] },
  }));
  const summary = { name: 'awscni_aws_api_latency_ms', labels: { api: 'x', error: 'x', status: 'x' } };
  const awscni = ipamFamilies(everythingTold(second)).map((family) =>
    family.name !== summary.name
      ? family
      : {
          ...family,
          samples: [
            ...family.samples,
            { suffix: '_sum' as const, labels: summary.labels, value: second * 25 },
            { suffix: '_count' as const, labels: summary.labels, value: second },
          ],
        },
  );
  return [
    ipamSource(takenAt, {}, { families: awscni, pools: [{ labels: {}, samples: shrinking(takenAt, 28, 0.001) }] }),
    {
      ...{ name: 'host-local', intervalMs: INTERVAL_MS, takenAt, families, leftOut: [] },
      pools: [{ labels: range, samples: shrinking(takenAt, 153, 0.01) }],
    },
  ];
}

/** Of the newest eight dials. */
const recently = (failures: number): NonNullable<DialSeries['recent']> => ({
  ...{ attempts: 8, failures, lastFailed: failures > 0 },
  ...(failures < 8 && { medianSeconds: 0.000_5 }),
});

/** Dials all others, one of which does not answer; asks DNS and a time server. */
function proberReport(node: string, atMs: number): NodeReport {
  const count = Math.max(1, Math.floor(atMs / 100));
  const latencies = Array.from({ length: count }, (_, i) => 0.000_3 + (i % 7) * 0.000_1);
  const reached = { readings: [probeReading('dial', { latencies })], recent: recently(0) };
  const failed = [probeReading('dial', { latencies: [0.001], failures: { timeout: count } })];
  return probeReport(
    atMs,
    {
      dials: [
        ...PROBERS.filter((peer) => peer !== node).map((peer, i) =>
          dialSeries({
            ...{ peer: { node: peer, zone: 'zone-a' }, address: `10.0.0.${i + 2}:9809` },
            ...(peer === DOWN ? { readings: failed, recent: recently(8) } : reached),
          }),
        ),
        serviceDial(reached),
      ],
      dns: [dnsSeries({ readings: [probeReading('dns', { latencies, failures: { servfail: count } })] })],
      ntp: [ntpSeries({ readings: [probeReading('ntp', { latencies, failures: { timeout: count } })] })],
    },
    named(node),
  );
}
