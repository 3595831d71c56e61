import type { InterfaceReport, NodeReport, PodReport } from '../../openapi/node-report.js';
import { NODE_REPORT_VERSION, TRANSPORT_COUNTERS } from '../../openapi/report-terms.js';

/** Eight counters that are told apart by their column: value, value + 1, … */
export function readingOf(value: number): number[] {
  return Array.from({ length: 8 }, (_, column) => value + column);
}

/** The transport counters, told apart likewise; the first is that of retransmitted segments. */
export function transportOf(value: number): number[] {
  return TRANSPORT_COUNTERS.map((_, column) => value + column);
}

export function interfaceReport(overrides: Partial<InterfaceReport> = {}): InterfaceReport {
  return {
    name: 'eth0',
    network: 'default',
    nadNamespace: '',
    primary: true,
    identity: '4026532177/3',
    source: 'netdev',
    readings: [readingOf(0)],
    ...overrides,
  };
}

export function podReport(overrides: Partial<PodReport> = {}): PodReport {
  return {
    namespace: 'default',
    name: 'web-0',
    uid: 'uid-web-0',
    creationTimestamp: '2026-11-20T10:00:00Z',
    labels: { app: 'web' },
    hostNetwork: false,
    interfaces: [interfaceReport()],
    ...overrides,
  };
}

/** A report of one sample, taken and sent at `atMs` of the node's clock. */
export function nodeReport(atMs: number, overrides: Partial<NodeReport> = {}): NodeReport {
  const sequence = overrides.sequence ?? Math.max(1, Math.round(atMs / 1_000));
  return {
    apiVersion: NODE_REPORT_VERSION,
    kind: 'NodeReport',
    node: 'node-a',
    role: 'node',
    bootId: 'boot-a',
    instance: { id: 'instance-a', startedAt: 0 },
    sequence,
    intervalMs: 1_000,
    sentAt: atMs,
    agentVersion: '0.0.0',
    samples: [{ sequence, takenAt: atMs }],
    pods: [podReport()],
    collectors: [{ name: 'interfaces', ok: true, seconds: 0.001 }],
    ...overrides,
  };
}
