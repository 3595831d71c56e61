import { Type, type Static } from 'typebox';
import { definition } from './definition.js';
import * as pattern from './patterns.js';
import { token } from './report-fields.js';
import { IPAM_SOURCES, IPAM_SUFFIXES, IPAM_TYPES, REPORT_LIMITS } from './report-terms.js';

const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description });
const labels = (description: string) =>
  Type.Record(Type.String(), Type.String({ maxLength: 1_024 }), { maxProperties: 32, description });
const milliseconds = (description: string) =>
  Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });

export const IpamSample = Type.Object(
  {
    suffix: Type.Optional(oneOf(IPAM_SUFFIXES, 'What the sample adds to the name of its family.')),
    labels: labels('As they were read, `le` and `quantile` included.'),
    value: Type.Number({ description: 'A finite number: what is not known has no sample.' }),
  },
  { ...definition('v1alpha1.IpamSample'), description: 'One sample of a family.' },
);
export type IpamSample = Static<typeof IpamSample>;

export const IpamFamily = Type.Object(
  {
    name: Type.String({
      pattern: pattern.METRIC_NAME,
      maxLength: pattern.METRIC_NAME_MAX,
      description: 'As the source calls it, such as awscni_eni_max.',
    }),
    type: oneOf(IPAM_TYPES, 'As the source says.'),
    help: Type.Optional(Type.String({ maxLength: 1_024, description: 'As the source says.' })),
    samples: Type.Array(IpamSample, { maxItems: REPORT_LIMITS.ipamSamples }),
  },
  {
    ...definition('v1alpha1.IpamFamily'),
    description: 'A metric family of a source. It is there whole, or it is left out.',
  },
);
export type IpamFamily = Static<typeof IpamFamily>;

export const IpamPool = Type.Object(
  {
    labels: labels('What it is told apart by: none for that of the whole node, network and range for a range.'),
    samples: Type.Array(
      // OpenAPI has no tuples.
      Type.Unsafe<[atMs: number, free: number]>({
        ...{ type: 'array', minItems: 2, maxItems: 2 },
        items: { type: 'number', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        description: "When, in milliseconds of the node's monotonic clock, and how many addresses could be given then.",
      }),
      {
        maxItems: REPORT_LIMITS.ipamPoolSamples,
        description: 'Of the last hour, about one a minute and the newest, oldest first.',
      },
    ),
  },
  {
    ...definition('v1alpha1.IpamPool'),
    description: 'How many addresses could still be given, over the last hour: for when they will run out.',
  },
);
export type IpamPool = Static<typeof IpamPool>;

export const IpamSourceReport = Type.Object(
  {
    name: oneOf(IPAM_SOURCES, 'What keeps the books of the addresses.'),
    intervalMs: Type.Integer({
      minimum: REPORT_LIMITS.minIntervalMs,
      maximum: REPORT_LIMITS.maxIntervalMs,
      description: 'Time between two readings of it.',
    }),
    takenAt: Type.Optional(
      milliseconds("Of its newest good reading, on the node's monotonic clock. Left out: there was none yet."),
    ),
    problem: Type.Optional(
      token(
        'Why the last attempt to read it failed, such as not_found (nothing listens) or unreachable. Left out: it did not.',
      ),
    ),
    families: Type.Array(IpamFamily, {
      maxItems: REPORT_LIMITS.ipamFamilies,
      description: 'Of its newest good reading.',
    }),
    leftOut: Type.Array(Type.String({ pattern: pattern.METRIC_NAME, maxLength: pattern.METRIC_NAME_MAX }), {
      maxItems: REPORT_LIMITS.ipamFamilies,
      description: 'Families of that reading that were bad: nothing is known of them, which is not 0.',
    }),
    pools: Type.Array(IpamPool, { maxItems: REPORT_LIMITS.ipamPools }),
  },
  { ...definition('v1alpha1.IpamSourceReport'), description: 'What one source tells of the IP addresses of the node.' },
);
export type IpamSourceReport = Static<typeof IpamSourceReport>;
