import type { NodeReport } from '../../openapi/node-report.js';
import type { DialSeries, DnsSeries, NtpSeries, ProbesReport } from '../../openapi/probe-report.js';
import { LATENCY_BOUNDS, PROBE_REASONS, type ProbeKind, type ProbeReason } from '../../openapi/report-terms.js';
import { nodeReport } from './reports.js';

/** What probes of one target came to since they began. */
export interface Probed<Kind extends ProbeKind> {
  /** Seconds of each that succeeded. */
  readonly latencies?: readonly number[];
  readonly failures?: Partial<Record<ProbeReason<Kind>, number>>;
}

/** A reading in the order of PROBE_COLUMNS. */
export function probeReading<Kind extends ProbeKind>(
  kind: Kind,
  { latencies = [], failures = {} }: Probed<Kind> = {},
): number[] {
  const byReason: Readonly<Record<string, number | undefined>> = failures;
  return [
    ...LATENCY_BOUNDS.map((bound) => latencies.filter((seconds) => seconds <= bound).length),
    latencies.length,
    latencies.reduce((sum, seconds) => sum + seconds, 0),
    ...PROBE_REASONS[kind].map((reason) => byReason[reason] ?? 0),
  ];
}

/** Of the agent on node-b, with one reading, of one probe that took 1 ms. */
export function dialSeries(overrides: Partial<DialSeries> = {}): DialSeries {
  return {
    peer: { node: 'node-b', zone: 'zone-b' },
    network: 'default',
    family: 'ipv4',
    address: '10.0.0.2:9809',
    readings: [probeReading('dial', { latencies: [0.001] })],
    ...overrides,
  };
}

/** Of the Service in front of the agents, which is no peer. */
export function serviceDial(overrides: Partial<Omit<DialSeries, 'peer'>> = {}): DialSeries {
  const { peer: _, ...dial } = dialSeries({ address: '10.96.0.20:9809' });
  return { ...dial, host: 'podnet-probe.podnet-system', ...overrides };
}

export function dnsSeries(overrides: Partial<DnsSeries> = {}): DnsSeries {
  return {
    server: '10.96.0.10',
    protocol: 'udp',
    host: 'kubernetes.default.svc.cluster.local.',
    readings: [probeReading('dns', { latencies: [0.001] })],
    ...overrides,
  };
}

export function ntpSeries(overrides: Partial<NtpSeries> = {}): NtpSeries {
  return {
    server: 'ntp.example.com',
    offsetSeconds: -0.002,
    stratum: 2,
    readings: [probeReading('ntp', { latencies: [0.01] })],
    ...overrides,
  };
}

export function probesReport(overrides: Partial<ProbesReport> = {}): ProbesReport {
  return { dials: [], dns: [], ntp: [], internalErrors: {}, ...overrides };
}

/** A report of an agent of role probe, of one sample as that of nodeReport. */
export function probeReport(
  atMs: number,
  probes: Partial<ProbesReport> = {},
  overrides: Partial<NodeReport> = {},
): NodeReport {
  return nodeReport(atMs, { role: 'probe', pods: [], collectors: [], probes: probesReport(probes), ...overrides });
}
