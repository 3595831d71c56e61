import {
  AGENT_TARGET_LABELS,
  type LabelChanges,
  type OldFamily,
  type Predecessor,
  type Replacement,
} from './predecessor.js';

/** Where the largest bucket that is finite ends, in seconds. */
export const MAX_BUCKET: Readonly<Record<string, number>> = {
  network_latency_seconds: 0.016,
  dns_tcp_latency_seconds: 16.384,
  dns_udp_latency_seconds: 16.384,
  dns_latency_seconds: 16.384,
  ntp_latency_seconds: 0.512,
};

const NO_ADDRESS = 'host was the address that was dialled: podnet has the node (peer_node) or the Service (host)';
const DIAL_LABELS: LabelChanges = { ...AGENT_TARGET_LABELS, host: { kind: 'lost', why: NO_ADDRESS } };
const DNS_LABELS: LabelChanges = { ...AGENT_TARGET_LABELS, proto: { kind: 'renamed', to: 'protocol' } };

const DIALS = { where: ['network="default"'], sumBy: ['node', 'peer_node', 'host', 'family'] };
const ENDPOINTS = 'with --dns.endpoints lookups at the endpoints are among them: choose by server';

function histogram(name: string, ours: Replacement, labels: LabelChanges, note?: string): OldFamily[] {
  return ['_bucket', '_sum', '_count'].map((suffix) => ({
    name: name + suffix,
    ours: {
      ...ours,
      name: ours.name + suffix,
      ...(ours.sumBy !== undefined && { sumBy: [...(suffix === '_bucket' ? ['le'] : []), ...ours.sumBy] }),
    },
    labels,
    ...(note !== undefined && { note }),
  }));
}

function internalErrors(name: string): OldFamily {
  return {
    name,
    labels: AGENT_TARGET_LABELS,
    note: 'podnet has it under this name alone, with --compat: how often it could not be learnt what to probe',
  };
}

export const NET_EXPORTER: Predecessor = {
  name: 'net-exporter',
  families: [
    ...histogram('network_latency_seconds', { name: 'podnet_dial_latency_seconds', ...DIALS }, DIAL_LABELS),
    {
      name: 'network_dial_error_total',
      ours: { name: 'podnet_dial_errors_total', ...DIALS },
      labels: DIAL_LABELS,
    },
    internalErrors('network_error_total'),
    ...['tcp', 'udp'].flatMap((protocol) =>
      histogram(
        `dns_${protocol}_latency_seconds`,
        { name: 'podnet_dns_latency_seconds', where: [`protocol="${protocol}"`], sumBy: ['node', 'host'] },
        DNS_LABELS,
        ENDPOINTS,
      ),
    ),
    ...histogram(
      'dns_latency_seconds',
      { name: 'podnet_dns_latency_seconds', sumBy: ['node', 'host'] },
      DNS_LABELS,
      ENDPOINTS,
    ),
    {
      name: 'dns_resolve_error_total',
      ours: { name: 'podnet_dns_errors_total', sumBy: ['node', 'protocol', 'host'] },
      labels: DNS_LABELS,
      note: ENDPOINTS,
    },
    internalErrors('dns_error_total'),
    ...histogram('ntp_latency_seconds', { name: 'podnet_ntp_latency_seconds' }, AGENT_TARGET_LABELS),
    {
      name: 'ntp_sync_error_total',
      ours: { name: 'podnet_ntp_errors_total', sumBy: ['node', 'server'] },
      labels: AGENT_TARGET_LABELS,
    },
    internalErrors('ntp_error_total'),
  ],
  facts: [
    {
      applies: ({ names }) => names.includes('network_dial_error_total'),
      wrong:
        'Since 2021 a failed dial was counted only where the peer was being deleted, and never one of the Service: in an outage the counter stood still.',
    },
    {
      applies: ({ quantiles }) =>
        quantiles.some(({ family, above }) => {
          const max = MAX_BUCKET[family];
          return max !== undefined && above > max;
        }),
      wrong:
        'Never fires: no quantile is higher than the end of the last bucket (16 ms for dials, 512 ms for NTP), and the threshold is.',
      needs: "the buckets are theirs with --compat, too: take podnet's, which go to 10 s",
      isBroken: true,
    },
    {
      applies: ({ names }) => names.includes('ntp_error_total'),
      wrong: 'Was registered and never counted anything.',
    },
    {
      applies: ({ names }) => names.some((name) => /^dns_latency_seconds/.test(name)),
      wrong: 'The README has it, the program had dns_tcp_… and dns_udp_latency_seconds alone.',
    },
  ],
};
