import { PROBE_COLUMNS, type ProbeKind } from '../../openapi/report-terms.js';
import type { MetricFamily } from '../catalogue.js';
import { latencyBuckets, renderHistogram } from '../histogram.js';
import { NODE_LABEL } from '../labels.js';
import type { NodeView, ProbesView } from '../node-families.js';
import { countsByLabels, type ProbeCounts } from '../probe-lines.js';
import { labelPairs, renderLabels, renderSample } from '../render.js';
import type { CompatViewSet } from './predecessor.js';

/** What is on no secondary network is on this one; the predecessor knew no other. */
const DEFAULT_NETWORK = 'default';

// Labels in the order in which the predecessor prints them: by name.
const HOST_LABELS = ['host', 'node'];
const PROTOCOL_LABELS = ['host', 'node', 'proto'];
const SERVER_LABELS = ['node', 'server'];

/** What probes counted, by the labels of a series. */
type Counts = ReadonlyMap<string, ProbeCounts<unknown>>;

/** The probes that a family is of. */
interface Source {
  readonly labels: readonly string[];
  readonly countsOf: (node: string, probes: ProbesView) => Counts;
}

const DIALS: Source = {
  labels: HOST_LABELS,
  countsOf: (node, { dials }) =>
    countsByLabels('dial', dials, ({ address, network }) =>
      network === DEFAULT_NETWORK ? labelPairs(HOST_LABELS, [address, node]) : undefined,
    ),
};

/**
 * Of all servers together, over one protocol, or over both. The predecessor asked the Service alone: sums with endpoints, which come and go, would
 * step back.
 */
function lookups(only?: 'tcp' | 'udp'): Source {
  return {
    labels: HOST_LABELS,
    countsOf: (node, { dns }) =>
      countsByLabels('dns', dns, ({ host, protocol, isEndpoint }) =>
        (only ?? protocol) === protocol && isEndpoint !== true ? labelPairs(HOST_LABELS, [host, node]) : undefined,
      ),
  };
}

const LOOKUPS_BY_PROTOCOL: Source = {
  labels: PROTOCOL_LABELS,
  countsOf: (node, { dns }) =>
    countsByLabels('dns', dns, ({ host, protocol, isEndpoint }) =>
      isEndpoint === true ? undefined : labelPairs(PROTOCOL_LABELS, [host, node, protocol]),
    ),
};

const EXCHANGES: Source = {
  labels: SERVER_LABELS,
  countsOf: (node, { ntp }) => countsByLabels('ntp', ntp, ({ server }) => labelPairs(SERVER_LABELS, [node, server])),
};

/** A family, and its lines on a node. */
interface ViewFamily {
  readonly family: MetricFamily;
  readonly linesOf: (node: string, probes: ProbesView) => string;
}

/** @param buckets how many there are: they end at 1 ms, and each at twice the one before */
function latency(name: string, help: string, { labels, countsOf }: Source, bucketCount: number): ViewFamily {
  const buckets = latencyBuckets(Array.from({ length: bucketCount }, (_, i) => 2 ** i / 1_000));
  return {
    family: { name, type: 'histogram', help, unit: 'seconds', labels, stability: 'alpha' },
    linesOf: (node, probes) =>
      [...countsOf(node, probes)].map(([text, { row }]) => renderHistogram(name, text, { row, buckets })).join(''),
  };
}

function errors(name: string, help: string, { labels, countsOf }: Source): ViewFamily {
  return {
    family: { name, type: 'counter', help, labels, stability: 'alpha' },
    linesOf: (node, probes) =>
      [...countsOf(node, probes)].map(([text, { row }]) => renderSample(name, text, failures(row))).join(''),
  };
}

function internalErrors(name: string, kind: ProbeKind): ViewFamily {
  return {
    family: {
      ...{ name, type: 'counter', labels: [NODE_LABEL], stability: 'alpha' },
      help: 'Total number of internal errors.',
    },
    linesOf: (node, probes) => {
      const count = probes.internalErrors[kind];
      return count === undefined ? '' : renderSample(name, renderLabels([[NODE_LABEL, node]]), count);
    },
  };
}

const FAMILIES: readonly ViewFamily[] = [
  latency('network_latency_seconds', 'Histogram of latency of network dials.', DIALS, 5),
  errors('network_dial_error_total', 'Total number of errors dialing hosts.', DIALS),
  internalErrors('network_error_total', 'dial'),
  latency('dns_tcp_latency_seconds', 'Histogram of latency of TCP DNS resolutions.', lookups('tcp'), 15),
  latency('dns_udp_latency_seconds', 'Histogram of latency of UDP DNS resolutions.', lookups('udp'), 15),
  // What its README has, and earlier versions had.
  latency('dns_latency_seconds', 'Histogram of latency of DNS resolutions.', lookups(), 15),
  errors('dns_resolve_error_total', 'Total number of errors resolving hosts.', LOOKUPS_BY_PROTOCOL),
  internalErrors('dns_error_total', 'dns'),
  latency('ntp_latency_seconds', 'Histogram of latency of NTP sync requests.', EXCHANGES, 10),
  errors('ntp_sync_error_total', 'Total number of errors ntp syncs.', EXCHANGES),
  internalErrors('ntp_error_total', 'ntp'),
];

/**
 * giantswarm/net-exporter: its buckets are among podnet's, so that their counts are exact. Its errors are counted when something failed,
 * where the predecessor counted those of peers that were going away. Every series has the node, which its ServiceMonitor added.
 */
export const NET_EXPORTER: readonly CompatViewSet[] = [
  {
    families: FAMILIES.map(({ family }) => family),
    linesOf: ({ node, probes }: NodeView) =>
      FAMILIES.map(({ linesOf }) => (probes === undefined ? '' : linesOf(node, probes))),
  },
];

function failures(row: readonly number[]): number {
  return row.slice(PROBE_COLUMNS.failures).reduce((sum, count) => sum + count, 0);
}
