import type { NodeView, ProbesView } from '../../metrics/node-families.js';
import {
  LATENCY_BOUNDS,
  PROBE_COLUMNS,
  PROBE_REASONS,
  type ProbeKind,
  type ProbeReason,
} from '../../openapi/report-terms.js';

export type DialView = ViewsOf<'dials'>;
export type DnsView = ViewsOf<'dns'>;
export type NtpView = ViewsOf<'ntp'>;
type ViewsOf<Key extends 'dials' | 'dns' | 'ntp'> = ProbesView[Key] extends Iterable<infer View> ? View : never;

/**
 * A reading of probes.
 * @param took how many took how many seconds
 */
export function probeRow<Kind extends ProbeKind>(
  kind: Kind,
  took: readonly (readonly [seconds: number, count: number])[],
  failures: Partial<Record<ProbeReason<Kind>, number>> = {},
): number[] {
  const row = new Array<number>(PROBE_COLUMNS.failures + PROBE_REASONS[kind].length).fill(0);
  const addTo = (column: number, value: number) => (row[column] = (row[column] ?? 0) + value);
  for (const [seconds, count] of took) {
    for (const [column, bound] of LATENCY_BOUNDS.entries()) if (seconds <= bound) addTo(column, count);
    addTo(PROBE_COLUMNS.count, count);
    addTo(PROBE_COLUMNS.sum, seconds * count);
  }
  const byReason: Readonly<Record<string, number | undefined>> = failures;
  for (const [i, reason] of PROBE_REASONS[kind].entries()) addTo(PROBE_COLUMNS.failures + i, byReason[reason] ?? 0);
  return row;
}

/** Of the agent on node-b, ten that took 0.75 ms and one that was refused. */
export function dialView({ row, ...meta }: Partial<DialView['meta']> & Partial<DialView> = {}): DialView {
  return {
    meta: {
      ...{ peer: { node: 'node-b', zone: 'zone-b' }, network: 'default' },
      ...{ family: 'ipv4', address: '10.0.0.2:9809', ...meta },
    },
    row: row ?? probeRow('dial', [[0.000_75, 10]], { refused: 1 }),
  };
}

/** Of the Service in front of the agents, which is no peer. */
export function serviceDialView(parts: Parameters<typeof dialView>[0] = {}): DialView {
  const { meta, row } = dialView({ address: '10.96.0.20:9809', ...parts });
  const { peer: _, ...others } = meta;
  return { meta: { ...others, host: 'podnet-probe.podnet-system' }, row };
}

export function dnsView({ row, ...meta }: Partial<DnsView['meta']> & Partial<DnsView> = {}): DnsView {
  return {
    meta: { server: '10.96.0.10', protocol: 'udp', host: 'kubernetes.default.svc.cluster.local.', ...meta },
    row: row ?? probeRow('dns', [[0.003, 20]], { servfail: 2, timeout: 1 }),
  };
}

export function ntpView({ row, ...meta }: Partial<NtpView['meta']> & Partial<NtpView> = {}): NtpView {
  return { meta: { server: 'ntp.example.com', ...meta }, row: row ?? probeRow('ntp', [[0.02, 5]], { timeout: 3 }) };
}

export function probesView(parts: Partial<ProbesView> = {}): ProbesView {
  return { dials: [], dns: [], ntp: [], internalErrors: {}, ...parts };
}

export function nodeWithProbes(parts: Partial<ProbesView>, node = 'n1'): NodeView {
  return { node, pods: [], probes: probesView(parts) };
}

/**
 * Probes of a dual-stack peer, one without a zone and on a secondary network, the Service, two DNS servers, and time servers of which
 * one has told nothing.
 */
export function everyProbe(): ProbesView {
  const ipv6 = { family: 'ipv6', address: '[fd00::2]:9809' } as const;
  const far = { peer: { node: 'node-c', zone: '' }, address: '10.0.1.3:9809' };
  return probesView({
    dials: [
      dialView(),
      dialView({ ...ipv6, row: probeRow('dial', [[0.03, 4]], { timeout: 2 }) }),
      dialView({ ...far, row: probeRow('dial', [], { unreachable: 7 }) }),
      dialView({ ...far, network: 'n3', address: '192.168.3.3:9809', row: probeRow('dial', [[2.5, 1]]) }),
      serviceDialView(),
    ],
    dns: [
      dnsView(),
      dnsView({ protocol: 'tcp', row: probeRow('dns', [[0.005, 20]]) }),
      dnsView({ server: '[fd00::a]:5353', row: probeRow('dns', [[9, 1]], { timeout: 9 }) }),
      dnsView({ host: 'example.com.', row: probeRow('dns', [], { nxdomain: 20 }) }),
    ],
    ntp: [ntpView({ offsetSeconds: -0.0025, stratum: 2 }), ntpView({ server: '192.0.2.1', row: probeRow('ntp', []) })],
    internalErrors: { dial: 0, dns: 3 },
  });
}
