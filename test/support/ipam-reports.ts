import { KNOWN_IPAM_FAMILIES } from '../../metrics/ipam/known-families.js';
import { NODE_LABEL } from '../../metrics/labels.js';
import type { IpamFamily, IpamPool, IpamSourceReport } from '../../openapi/ipam-report.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { nodeReport } from './reports.js';

/** By the name of the family: its one sample, or each with its labels. */
type Told = Readonly<Record<string, number | readonly (readonly [labels: Record<string, string>, value: number])[]>>;

/** What ipamd has at all times, of a node that has 2 of 4 ENIs and 20 of 40 addresses, 12 of them on pods. */
export const GAUGES = {
  awscni_eni_allocated: 2,
  awscni_eni_max: 4,
  awscni_ip_max: 40,
  awscni_total_ip_addresses: 20,
  awscni_assigned_ip_addresses: 12,
  awscni_total_ipv4_prefixes: 0,
} as const;

export const COUNTERS = [
  'awscni_no_available_ip_addresses',
  'awscni_add_ip_req_count',
  'awscni_force_removed_enis',
  'awscni_force_removed_ips',
] as const;

/** Gauges, counters that begin at 0, and what is told besides. */
export function ipamFamilies(told: Told = {}): IpamFamily[] {
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, 0]));
  return Object.entries<Told[string]>({ ...GAUGES, ...counters, ...told }).map(([name, samples]) => ({
    name,
    type: typeOf(name),
    samples: (typeof samples === 'number' ? [[{}, samples] as const] : samples).map(([labels, value]) => ({
      labels,
      value,
    })),
  }));
}

function typeOf(name: string): IpamFamily['type'] {
  return KNOWN_IPAM_FAMILIES.find((known) => known.name === name)?.type ?? 'unknown';
}

/** One sample of every family that ipamd has, histograms left out: counters grow by one a second, latencies are 25 ms. */
export function everythingTold(second: number): Told {
  const known = KNOWN_IPAM_FAMILIES.filter(({ source, type }) => source === 'awscni' && type !== 'histogram');
  return Object.fromEntries(
    known.map(({ name, type, family }) => {
      const labels = Object.fromEntries(family.labels.flatMap((key) => (key === NODE_LABEL ? [] : [[key, 'x']])));
      if (type === 'summary') return [name, [[{ ...labels, quantile: '0.99' }, 25]]];
      return [name, [[labels, type === 'counter' ? second : (gaugeOf(name) ?? 1)]]];
    }),
  );
}

function gaugeOf(name: string): number | undefined {
  return (GAUGES as Readonly<Record<string, number>>)[name];
}

/** What an ipamd told at `atMs` of the node's clock. */
export function ipamSource(atMs: number, told: Told = {}, overrides: Partial<IpamSourceReport> = {}): IpamSourceReport {
  return {
    name: 'awscni',
    intervalMs: 1_000,
    takenAt: atMs,
    families: ipamFamilies(told),
    leftOut: [],
    pools: [],
    ...overrides,
  };
}

/** Addresses that could be given over half an hour until `atMs`, one sample a minute, fewer by `perSecond` each second. */
export function shrinking(atMs: number, free: number, perSecond: number): IpamPool['samples'] {
  return Array.from({ length: 31 }, (_, minute) => {
    const agoMs = (30 - minute) * 60_000;
    return [atMs - agoMs, free + (agoMs / 1_000) * perSecond];
  });
}

/** A report of one sample, without pods, with what an ipamd told then. */
export function ipamReport(
  atMs: number,
  told: Told = {},
  { source = {}, ...overrides }: Partial<NodeReport> & { readonly source?: Partial<IpamSourceReport> } = {},
): NodeReport {
  return nodeReport(atMs, { pods: [], ipam: [ipamSource(atMs, told, source)], ...overrides });
}
