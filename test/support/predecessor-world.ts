// A small cluster of which everything is known: what its nodes count each second, for as long as an hour, as a real apiserver with
// --compat shows it. Two nodes of the same hardware, so that they have VFs of the same PCI address.
import assert from 'node:assert/strict';
import { COMPAT_NAMES, Compat } from '../../metrics/compat/compat.js';
import type { PodReport } from '../../openapi/node-report.js';
import { VF_COUNTERS } from '../../openapi/report-terms.js';
import { createTestServer, type TestServer } from './app.js';
import { CONTAINER_NETWORK } from './cadvisor.js';
import { ownerReport, pfReport, vfReport } from './device-reports.js';
import { GAUGES, everythingTold, ipamSource } from './ipam-reports.js';
import { addressGauges, ipamFamily, nodeWithIpam } from './ipam-view.js';
import { dialSeries, dnsSeries, ntpSeries, probeReport, serviceDial } from './probe-reports.js';
import { probeRow } from './probe-view.js';
import { interfaceReport, nodeReport, podReport } from './reports.js';

export const NODES = ['node-a', 'node-b'] as const;
type NodeName = (typeof NODES)[number];
export const STEP_SECONDS = 30;
/** Until then no probe of node-a fails. */
export const ONSET_SECONDS = 20 * 60;
export const END_SECONDS = 55 * 60;
/** Of node-a after the onset, in each step: those that fail, and of internal errors those that there are. */
export const FAILING = { dial: 2, dns: 1, ntp: 1, internal: 1 };
/** In each step, of either node: those that succeed. */
export const SUCCEEDING = { dial: 6, dns: 3, ntp: 1 };
/** What each of them takes. */
export const TAKES_SECONDS = { dial: 0.8, dns: 0.003, ntp: 0.02 };
/** On the counters of a VF when its pod got it. */
export const VF_BEFORE = 1_000;

export interface KnownInterface {
  readonly node: NodeName;
  readonly namespace: string;
  readonly pod: string;
  readonly name: string;
  readonly network: string;
  readonly nadNamespace: string;
  readonly host: string;
  /** What the first of its counters grows by each second; the second by twice that, and so on. */
  readonly perSecond: number;
}

const kindnet = { name: 'eth0', network: 'kindnet', nadNamespace: '' };
const n3 = { name: 'net1', network: 'n3', nadNamespace: 'telco' };
export const INTERFACES: readonly KnownInterface[] = [
  { node: 'node-a', namespace: 'telco', pod: 'upf-0', ...kindnet, host: 'lxc1', perSecond: 10 },
  { node: 'node-a', namespace: 'telco', pod: 'upf-0', ...n3, host: 'lxc2', perSecond: 20 },
  { node: 'node-b', namespace: 'telco', pod: 'upf-1', ...kindnet, host: 'lxc1', perSecond: 30 },
  { node: 'node-b', namespace: 'telco', pod: 'upf-1', ...n3, host: 'lxc2', perSecond: 40 },
  // Without the annotation of Multus.
  { node: 'node-a', namespace: 'shop', pod: 'plain', ...kindnet, network: 'default', host: 'lxc3', perSecond: 50 },
];
/** A pod on the network of its node: cAdvisor repeats the node's counters for it. */
const HOST_POD = { namespace: 'system', pod: 'agent', name: 'ens3', perSecond: 1_000_000 };

/** A counter of an interface, or of a VF, after some seconds. */
export const counted = ({ perSecond }: { readonly perSecond: number }, column: number, second: number): number =>
  perSecond * (column + 1) * second;

/** VFs of the pods telco/upf-0 and telco/upf-1, of the same PCI address. */
export const VFS = [
  { node: 'node-a', pod: 'upf-0', perSecond: 3 },
  { node: 'node-b', pod: 'upf-1', perSecond: 7 },
] as const;
/** Exclusive CPUs of upf-0. */
export const CPUS = [2, 3];

function podsOf(node: NodeName, second: number): PodReport[] {
  const of = INTERFACES.filter((one) => one.node === node);
  const names = [...new Set(of.map(({ pod }) => pod))];
  const pods = names.map((name) => {
    const interfaces = of.filter(({ pod }) => pod === name);
    const { namespace = '' } = interfaces[0] ?? {};
    return podReport({
      ...{
        namespace,
        name,
        uid: `uid-${name}`,
        labels: {},
        container: { name: 'main', image: 'i:1', cgroup: `/kubepods/${name}` },
      },
      interfaces: interfaces.map((one, i) =>
        interfaceReport({
          ...{ name: one.name, network: one.network, nadNamespace: one.nadNamespace, hostInterface: one.host },
          ...{ primary: i === 0, identity: `${name}/${i + 2}` },
          readings: [Array.from({ length: 8 }, (_, column) => counted(one, column, second))],
        }),
      ),
      ...(name === 'upf-0' && {
        exclusiveCpus: CPUS.map((cpu) => ({ container: 'main', containerId: 'de37', cpu, numaNode: 0 })),
      }),
    });
  });
  if (node !== 'node-a') return pods;
  return [
    ...pods,
    podReport({ namespace: 'system', name: 'agent', uid: 'uid-agent', hostNetwork: true, interfaces: [] }),
  ];
}

function devicesOf(node: NodeName, second: number) {
  const virtualFunctions = VFS.filter((vf) => vf.node === node).map((vf) => {
    const countersFrom = (first: number) =>
      VF_COUNTERS.map((counter, column) => [counter, first + counted(vf, column, second)] as const);
    const raw = Object.fromEntries(countersFrom(VF_BEFORE).map(([counter, value]) => [counter, String(value)]));
    const before = Object.fromEntries(VF_COUNTERS.map((counter) => [counter, VF_BEFORE]));
    const owner = ownerReport({
      podUid: `uid-${vf.pod}`,
      namespace: 'telco',
      pod: vf.pod,
      container: 'main',
      network: 'sriov',
    });
    return vfReport({ owner, raw, counted: Object.fromEntries(countersFrom(0)), unattributed: before });
  });
  return { physicalFunctions: [pfReport()], virtualFunctions, cpus: [{ numaNode: 0, cpus: '0-3' }] };
}

/** node-a fails after the onset, at all it does; node-b never. */
function probesOf(node: NodeName, second: number) {
  const steps = second / STEP_SECONDS;
  const failingSteps = node === 'node-a' ? Math.max(0, second - ONSET_SECONDS) / STEP_SECONDS : 0;
  const peer = node === 'node-a' ? 'node-b' : 'node-a';
  const rowOf = (kind: 'dial' | 'dns' | 'ntp', failing = failingSteps) => {
    const took = [[TAKES_SECONDS[kind], SUCCEEDING[kind] * steps]] as const;
    const failures = { timeout: FAILING[kind] * failing };
    if (kind === 'dial') return probeRow('dial', took, failures);
    return kind === 'dns' ? probeRow('dns', took, failures) : probeRow('ntp', took, failures);
  };
  const internal = FAILING.internal * failingSteps;
  return {
    dials: [
      dialSeries({
        ...{ peer: { node: peer, zone: 'zone' }, address: peer === 'node-a' ? '10.0.0.1:9809' : '10.0.0.2:9809' },
        readings: [rowOf('dial')],
      }),
      serviceDial({ readings: [rowOf('dial', 0)] }),
    ],
    dns: [dnsSeries({ readings: [rowOf('dns')] }), dnsSeries({ protocol: 'tcp', readings: [rowOf('dns', 0)] })],
    ntp: [ntpSeries({ readings: [rowOf('ntp')] })],
    internalErrors: { dial: internal, dns: internal, ntp: 0 },
  };
}

/** A server that has heard both nodes, in both roles, after so many seconds. */
export class PredecessorWorld {
  readonly server: TestServer = createTestServer({ compat: COMPAT_NAMES });
  #second = 0;

  /** Everybody reports, a step later than before. @returns the seconds since the beginning */
  async step(): Promise<number> {
    this.#second += STEP_SECONDS;
    this.server.clock.advance(STEP_SECONDS * 1_000);
    const [second, atMs] = [this.#second, this.#second * 1_000];
    for (const node of NODES) {
      const common = {
        ...{ node, bootId: `boot-${node}`, sequence: second / STEP_SECONDS, intervalMs: STEP_SECONDS * 1_000 },
        samples: [{ sequence: second / STEP_SECONDS, takenAt: atMs }],
      };
      const ipam = [ipamSource(atMs, everythingTold(second), { intervalMs: STEP_SECONDS * 1_000 })];
      const reports = [
        nodeReport(atMs, { ...common, pods: podsOf(node, second), ...devicesOf(node, second), ipam }),
        probeReport(atMs, probesOf(node, second), common),
      ];
      for (const report of reports) {
        const { statusCode, body, text } = await this.server.push(report);
        assert.equal(statusCode, 200, text);
        assert.deepEqual(body.rejected, []);
      }
    }
    return second;
  }

  /** What the apiserver shows. */
  async exposition(): Promise<string> {
    return (await this.server.get('/metrics')).text;
  }
}

/** What cAdvisor has of the same pods, in their own namespaces, and of one on the network of its node. */
export function cadvisorSeries(second: number): string {
  const all = [...INTERFACES, HOST_POD];
  return CONTAINER_NETWORK.flatMap((family, column) =>
    all.map((one) => {
      const labels = `container="",id="/kubepods/${one.pod}",image="pause",interface="${one.name}",name="x",namespace="${one.namespace}",pod="${one.pod}"`;
      return `${family}{${labels}} ${counted(one, column, second)}\n`;
    }),
  ).join('');
}

/** What kube-state-metrics has of the pods. */
export function kubeStateSeries(): string {
  const pods = new Map(INTERFACES.map((one) => [one.pod, one]));
  return [...pods.values()]
    .flatMap(({ namespace, pod, node }) => {
      const labels = `namespace="${namespace}",pod="${pod}",uid="uid-${pod}"`;
      return [
        `kube_pod_info{${labels},node="${node}"} 1\n`,
        `kube_pod_labels{${labels},label_app_kubernetes_io_name="app-${pod}"} 1\n`,
      ];
    })
    .join('');
}

/** What the agents show of ipamd on their nodes, with --compat=cni-metrics-helper, each as its own target. */
export function agentIpamSeries(second: number): string {
  const compat = new Compat(['cni-metrics-helper']);
  const families = [
    ...addressGauges(GAUGES.awscni_ip_max, GAUGES.awscni_assigned_ip_addresses, GAUGES.awscni_total_ip_addresses),
    ipamFamily('awscni_add_ip_req_count', 'counter', second),
  ];
  const text = compat
    .read(nodeWithIpam({ families }))
    .map(({ lines }) => lines)
    .join('');
  return NODES.map((node) =>
    text.replace(
      /^([a-z_]+)(?:\{(.*)\})? /gm,
      (_, name: string, labels?: string) => `${name}{${labels === undefined ? '' : `${labels},`}instance="${node}"} `,
    ),
  ).join('');
}
