import { PROBE_REASONS, type ProbeKind } from '../openapi/report-terms.js';
import type { MetricFamily } from './catalogue.js';
import { NODE_LABEL } from './labels.js';

/** Labels of a series by the kind of its probe. A dial has peer_node and peer_zone, or host; a zone only where it is known, and a family where it is dialled by address. */
export const PROBE_LABELS: Readonly<Record<ProbeKind, readonly string[]>> = {
  dial: [NODE_LABEL, 'peer_node', 'peer_zone', 'host', 'network', 'family'],
  dns: [NODE_LABEL, 'server', 'protocol', 'host'],
  ntp: [NODE_LABEL, 'server'],
};

const LATENCY_HELP: Readonly<Record<ProbeKind, string>> = {
  dial: 'Time that TCP connections took, to the agents of other nodes (peer_node) and to the Service in front of them (host).',
  dns: 'Time that looking up the addresses of a name took.',
  ntp: 'Time that exchanges with a time server took.',
};
const ERRORS_HELP: Readonly<Record<ProbeKind, string>> = {
  dial: 'TCP connections that failed, to the agents of other nodes (peer_node) and to the Service in front of them (host)',
  dns: 'Lookups of the addresses of a name that failed',
  ntp: 'Exchanges with a time server that failed',
};

function latencyFamily(kind: ProbeKind): MetricFamily {
  return {
    ...{ name: `podnet_${kind}_latency_seconds`, type: 'histogram', unit: 'seconds', stability: 'alpha' },
    ...{ help: `${LATENCY_HELP[kind]} Those that failed are not among them.`, labels: PROBE_LABELS[kind] },
  };
}

function errorsFamily(kind: ProbeKind): MetricFamily {
  return {
    ...{ name: `podnet_${kind}_errors_total`, type: 'counter', unit: 'errors', stability: 'alpha' },
    ...{ help: `${ERRORS_HELP[kind]}: ${PROBE_REASONS[kind].join(', ')}.`, labels: [...PROBE_LABELS[kind], 'reason'] },
  };
}

/** The families that every kind of probe has. */
export const COUNTED_PROBE_FAMILIES: Readonly<
  Record<ProbeKind, { readonly latency: MetricFamily; readonly errors: MetricFamily }>
> = {
  dial: { latency: latencyFamily('dial'), errors: errorsFamily('dial') },
  dns: { latency: latencyFamily('dns'), errors: errorsFamily('dns') },
  ntp: { latency: latencyFamily('ntp'), errors: errorsFamily('ntp') },
};

export const NTP_OFFSET: MetricFamily = {
  name: 'podnet_ntp_offset_seconds',
  type: 'gauge',
  help: 'Clock of the time server less that of the node, by its newest answer. Absent where that is old.',
  unit: 'seconds',
  labels: PROBE_LABELS.ntp,
  stability: 'alpha',
};

export const NTP_STRATUM: MetricFamily = {
  name: 'podnet_ntp_stratum',
  type: 'gauge',
  help: 'Stratum of the time server, by its newest answer. Absent where that is old.',
  labels: PROBE_LABELS.ntp,
  stability: 'alpha',
};

/** What agents of role probe measure. */
export const PROBE_FAMILIES: readonly MetricFamily[] = [
  ...Object.values(COUNTED_PROBE_FAMILIES).flatMap(({ latency, errors }) => [latency, errors]),
  NTP_OFFSET,
  NTP_STRATUM,
];
