import { Type, type Static } from 'typebox';
import { definition } from './definition.js';
import * as pattern from './patterns.js';
import { COUNTER_MAX, name } from './report-fields.js';
import { LATENCY_BOUNDS, PROBE_COLUMNS, PROBE_REASONS, REPORT_LIMITS, type ProbeKind } from './report-terms.js';

const seconds = (description: string) => Type.Number({ minimum: 0, maximum: COUNTER_MAX, description });
const server = (description: string) =>
  Type.String({ pattern: pattern.SERVER, minLength: 1, maxLength: pattern.SERVER_MAX, description });

export const RecentProbes = Type.Object(
  {
    attempts: Type.Integer({ minimum: 1, maximum: REPORT_LIMITS.recentProbes }),
    failures: Type.Integer({ minimum: 0, maximum: REPORT_LIMITS.recentProbes }),
    lastFailed: Type.Boolean({ description: 'Whether the newest failed.' }),
    medianSeconds: Type.Optional(seconds('Of those that succeeded.')),
  },
  {
    ...definition('v1alpha1.RecentProbes'),
    description: 'How the newest probes of a target went; those left out are not among them.',
  },
);
export type RecentProbes = Static<typeof RecentProbes>;

const readingsOf = (kind: ProbeKind) => {
  const width = PROBE_COLUMNS.failures + PROBE_REASONS[kind].length;
  const row = Type.Array(seconds('Cumulative.'), { minItems: width, maxItems: width });
  return Type.Array(Type.Union([row, Type.Null()]), {
    maxItems: REPORT_LIMITS.samples,
    description: `One for each entry of samples, in its order; null where there was none yet. Probes that took no longer than ${LATENCY_BOUNDS.join(', ')} seconds; all; the sum of their seconds; those that failed: ${PROBE_REASONS[kind].join(', ')}.`,
  });
};
const recent = Type.Optional(RecentProbes);

export const DialSeries = Type.Object(
  {
    peer: Type.Optional(
      Type.Object(
        {
          node: name('Node at the other end.'),
          zone: Type.String({ pattern: pattern.LABEL_VALUE, maxLength: pattern.LABEL_VALUE_MAX }),
        },
        { description: 'The agent dialled. Left out: a host was.' },
      ),
    ),
    host: Type.Optional(name('Service dialled, <name>.<namespace>.')),
    network: Type.String({ pattern: pattern.NETWORK_NAME, minLength: 1, maxLength: pattern.NETWORK_NAME_MAX }),
    family: Type.Optional(
      Type.Union([Type.Literal('ipv4'), Type.Literal('ipv6')], {
        description: 'Left out where it is dialled by name.',
      }),
    ),
    address: server('Address and port dialled.'),
    recent,
    readings: readingsOf('dial'),
  },
  { ...definition('v1alpha1.DialSeries'), description: 'Times that TCP connections to one address took.' },
);
export type DialSeries = Static<typeof DialSeries>;

export const DnsSeries = Type.Object(
  {
    server: server('Server asked.'),
    protocol: Type.Union([Type.Literal('udp'), Type.Literal('tcp')]),
    host: Type.String({
      pattern: pattern.DNS_NAME,
      maxLength: pattern.DNS_NAME_MAX,
      description: 'Name asked for, with its dot at the end.',
    }),
    isEndpoint: Type.Optional(
      Type.Boolean({ description: 'Whether the server is one of those behind the DNS Service, which come and go.' }),
    ),
    recent,
    readings: readingsOf('dns'),
  },
  { ...definition('v1alpha1.DnsSeries'), description: 'Times that looking up the addresses of a name took.' },
);
export type DnsSeries = Static<typeof DnsSeries>;

export const NtpSeries = Type.Object(
  {
    server: server('Server asked.'),
    offsetSeconds: Type.Optional(
      Type.Number({
        description: "The server's clock less the node's, by the newest answer; left out where that is old.",
      }),
    ),
    stratum: Type.Optional(Type.Integer({ minimum: 1, maximum: 15, description: 'By the newest answer.' })),
    recent,
    readings: readingsOf('ntp'),
  },
  { ...definition('v1alpha1.NtpSeries'), description: 'Times that exchanges with a time server took.' },
);
export type NtpSeries = Static<typeof NtpSeries>;

const internalErrors = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
export const ProbesReport = Type.Object(
  {
    dials: Type.Array(DialSeries, { maxItems: REPORT_LIMITS.probeSeries }),
    dns: Type.Array(DnsSeries, { maxItems: REPORT_LIMITS.probeSeries }),
    ntp: Type.Array(NtpSeries, { maxItems: REPORT_LIMITS.probeSeries }),
    internalErrors: Type.Object(
      { dial: internalErrors, dns: internalErrors, ntp: internalErrors },
      { description: 'Times that it could not be learnt what to probe, since the start of this instance.' },
    ),
  },
  {
    ...definition('v1alpha1.ProbesReport'),
    description: 'What an agent of role probe measured. A series left out is no more.',
  },
);
export type ProbesReport = Static<typeof ProbesReport>;
