import type { InterfaceReport, NodeReport, PodReport } from '../../openapi/node-report.js';
import { NODE_REPORT_VERSION } from '../../openapi/report-terms.js';

export interface NodeSize {
  readonly pods: number;
  readonly interfaces: number;
}

const NETWORKS = ['cbr0', 'n3', 'n6', 'n9'];

/** The report of one node: labels and names as long as those of a cluster, counters that grow with `second`. */
export function syntheticReport(node: number, size: NodeSize, second: number): NodeReport {
  return {
    apiVersion: NODE_REPORT_VERSION,
    kind: 'NodeReport',
    node: `ip-10-0-${node >> 8}-${node & 255}.eu-central-1.compute.internal`,
    role: 'node',
    bootId: `6a1f0c1e-2b7d-4c55-9a53-${String(node).padStart(12, '0')}`,
    instance: { id: `instance-${node}`, startedAt: 1_000 },
    sequence: second,
    intervalMs: 15_000,
    sentAt: second * 15_000 + 5,
    agentVersion: '0.1.0',
    samples: [{ sequence: second, takenAt: second * 15_000 }],
    pods: Array.from({ length: size.pods }, (_, pod) => syntheticPod(node, pod, { size, second })),
    collectors: [{ name: 'interfaces', ok: true, seconds: 0.004 }],
  };
}

function syntheticPod(node: number, pod: number, { size, second }: { size: NodeSize; second: number }): PodReport {
  const number = node * size.pods + pod;
  const id = number.toString(16).padStart(8, '0');
  return {
    namespace: `team-${Math.floor(number / 1_000)}`,
    name: `checkout-service-7d9f8b6c5-${id}`,
    uid: `${id}-2222-4333-8444-555555555555`,
    creationTimestamp: '2026-11-20T10:00:00Z',
    labels: { app: 'checkout-service', 'pod-template-hash': '7d9f8b6c5', 'app.kubernetes.io/part-of': 'shop' },
    workload: { kind: 'Deployment', name: 'checkout-service' },
    hostNetwork: false,
    interfaces: Array.from({ length: size.interfaces }, (_, n) => syntheticInterface(number, n, second)),
  };
}

function syntheticInterface(pod: number, n: number, second: number): InterfaceReport {
  const bytes = 1e9 + second * 15 * (1_000 + pod * 7 + n * 13);
  const half = [bytes, Math.floor(bytes / 900), pod % 3, n];
  return {
    name: n === 0 ? 'eth0' : `net${n}`,
    network: NETWORKS[n % NETWORKS.length] ?? '',
    nadNamespace: n === 0 ? '' : 'telco',
    primary: n === 0,
    identity: `${4_026_532_000 + pod}/${n + 2}`,
    source: 'netdev',
    hostInterface: `veth${(pod * 4 + n).toString(16)}`,
    readings: [[...half, ...half]],
  };
}
