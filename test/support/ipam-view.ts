import type { IpamSourceView, NodeView } from '../../metrics/node-families.js';
import type { IpamFamily, IpamPool, IpamSample } from '../../openapi/ipam-report.js';
import type { IpamType } from '../../openapi/report-terms.js';

/** Samples without labels, or with them. */
type Values = number | readonly (readonly [labels: Record<string, string>, value: number])[];

export function ipamFamily(name: string, type: IpamType, values: Values, help?: string): IpamFamily {
  const samples = typeof values === 'number' ? [{ labels: {}, value: values }] : values.map(ipamSample);
  return { name, type, samples, ...(help !== undefined && { help }) };
}

function ipamSample([labels, value]: readonly [Record<string, string>, number]): IpamSample {
  return { labels, value };
}

/** A histogram of one series: how many took no longer than each bound. */
export function ipamHistogram(
  name: string,
  buckets: Readonly<Record<string, number>>,
  labels: Record<string, string> = {},
): IpamFamily {
  const counts = Object.entries(buckets).map(([le, value]): IpamSample => ({
    suffix: '_bucket',
    labels: { ...labels, le },
    value,
  }));
  const count = Math.max(...Object.values(buckets));
  return {
    ...{ name, type: 'histogram' },
    samples: [...counts, { suffix: '_sum', labels, value: count * 0.5 }, { suffix: '_count', labels, value: count }],
  };
}

/** A node with one source and no pods. */
export function nodeWithIpam(
  source: Partial<IpamSourceView> & { readonly families: IpamSourceView['families'] },
  node = 'n1',
): NodeView {
  return { node, pods: [], ipam: [{ name: 'awscni', pools: [], ...source }] };
}

/** The gauges that free addresses are reckoned from. */
export function addressGauges(most: number, assigned: number, total = assigned): IpamFamily[] {
  return [
    ipamFamily('awscni_ip_max', 'gauge', most),
    ipamFamily('awscni_assigned_ip_addresses', 'gauge', assigned),
    ipamFamily('awscni_total_ip_addresses', 'gauge', total),
  ];
}

/** A sample a minute, the last of which is `free`: it grows by so many a minute. */
export function poolOf(
  free: number,
  perMinute: number,
  minutes: number,
  labels: Record<string, string> = {},
): IpamPool {
  const endMs = 9_000_000_123;
  const samples = Array.from({ length: minutes + 1 }, (_, i): [number, number] => {
    const before = minutes - i;
    return [endMs - before * 60_000, free - before * perMinute];
  });
  return { labels, samples };
}
