import { Compile } from 'typebox/compile';
import { DialSeries, DnsSeries, NtpSeries, ProbesReport, type RecentProbes } from '../../openapi/probe-report.js';
import { COUNTER_MAX } from '../../openapi/report-fields.js';
import {
  PROBE_COLUMNS,
  PROBE_KINDS,
  PROBE_REASONS,
  REPORT_LIMITS,
  type ProbeKind,
} from '../../openapi/report-terms.js';
import { PROBE_KEYS } from '../store/node-probes.js';
import type { ReportedProbes } from '../store/probe-series.js';
import { checkEach, type Judgement } from './check-each.js';
import type { Place, SampleRows } from './check-readings.js';
import { excerpt } from './explain.js';
import { openSchema, unchecked } from './open-schema.js';

export interface ProbesContext extends SampleRows {
  readonly role: string;
  /** Whose report it is. */
  readonly node: string;
}

/** What is wrong with a series that fits its schema, and where: as an error of a schema. */
interface Flaw {
  readonly instancePath: string;
  readonly message: string;
}

/** A series whose readings have not been looked at. */
type Open<Kind extends ProbeKind> = ReportedProbes[Kind] & { readonly readings: readonly unknown[] };

/** How the series of a kind are judged. */
interface Form<Kind extends ProbeKind> {
  readonly kind: Kind;
  readonly path: string;
  readonly schema: Judgement<Open<Kind>, unknown>['validator'];
  /** Property by property: what the schema does not know is not kept. */
  readonly keep: (entry: ReportedProbes[Kind]) => ReportedProbes[Kind];
  readonly flawOf?: (entry: ReportedProbes[Kind], node: string) => Flaw | undefined;
}

const READINGS = { readings: unchecked(REPORT_LIMITS.samples) };
// Not in place below: their types would be lost.
const DIAL_SCHEMA = Compile(openSchema(DialSeries.properties, READINGS));
const DNS_SCHEMA = Compile(openSchema(DnsSeries.properties, READINGS));
const NTP_SCHEMA = Compile(openSchema(NtpSeries.properties, READINGS));
const INTERNAL_ERRORS = Compile(ProbesReport.properties.internalErrors.properties.dial);

const DIALS: Form<'dial'> = {
  ...{ kind: 'dial', path: 'probes.dials', schema: DIAL_SCHEMA },
  keep: ({ peer, host, network, family, address, recent }) => ({
    ...{ network, address, ...(family !== undefined && { family }), ...keepRecent(recent) },
    ...(peer !== undefined && { peer: { node: peer.node, zone: peer.zone } }),
    ...(host !== undefined && { host }),
  }),
  flawOf: ({ peer, host }, node) => {
    if ((peer === undefined) === (host === undefined)) return { instancePath: '', message: 'want a peer or a host' };
    return peer?.node === node ? { instancePath: '/peer/node', message: 'must be another node' } : undefined;
  },
};
const DNS: Form<'dns'> = {
  ...{ kind: 'dns', path: 'probes.dns', schema: DNS_SCHEMA },
  keep: ({ server, protocol, host, isEndpoint, recent }) => ({
    ...{ server, protocol, host, ...keepRecent(recent) },
    ...(isEndpoint !== undefined && { isEndpoint }),
  }),
};
const NTP: Form<'ntp'> = {
  ...{ kind: 'ntp', path: 'probes.ntp', schema: NTP_SCHEMA },
  keep: ({ server, offsetSeconds, stratum, recent }) => ({
    ...{ server, ...keepRecent(recent) },
    ...(offsetSeconds !== undefined && { offsetSeconds }),
    ...(stratum !== undefined && { stratum }),
  }),
};

/** Judges what a report says of probes, each series by itself; undefined where it says nothing that can be kept. */
export function checkProbes(probes: unknown, context: ProbesContext): ProbesReport | undefined {
  if (probes === undefined) return undefined;
  const { role, rejections } = context;
  if (role !== 'probe' || typeof probes !== 'object' || probes === null || Array.isArray(probes)) {
    const message = role === 'probe' ? `want an object: ${excerpt(probes)}` : `an agent of role ${role} has none`;
    rejections.add('probes', 'bad_probe', message);
    return undefined;
  }
  const { dials, dns, ntp, internalErrors } = probes as Partial<Record<keyof ProbesReport, unknown>>;
  return {
    dials: checkSeries(dials, DIALS, context),
    dns: checkSeries(dns, DNS, context),
    ntp: checkSeries(ntp, NTP, context),
    internalErrors: checkInternalErrors(internalErrors, context),
  };
}

function checkSeries<Kind extends ProbeKind>(entries: unknown, form: Form<Kind>, context: ProbesContext) {
  const { kind, path: list, schema, keep, flawOf } = form;
  const { rejections, node, length } = context;
  if (!Array.isArray(entries) || entries.length > REPORT_LIMITS.probeSeries) {
    rejections.add(list, 'bad_probe', `want a list of at most ${REPORT_LIMITS.probeSeries}: ${excerpt(entries)}`);
    return [];
  }
  const flaw = (entry: Open<Kind>) => readingsFlaw(entry, length) ?? recentFlaw(entry) ?? flawOf?.(entry, node);
  const isGood = (entry: unknown): entry is Open<Kind> => schema.Check(entry) && flaw(entry) === undefined;
  const errorsOf = (entry: unknown) =>
    schema.Check(entry) ? [flaw(entry)].flatMap((one) => one ?? []) : schema.Errors(entry);
  const judgement = {
    ...{ path: list, reason: 'bad_probe' as const, validator: { Check: isGood, Errors: errorsOf } },
    keyOf: PROBE_KEYS[kind],
    keep: (entry: Open<Kind>, path: string) => ({
      ...keep(entry),
      readings: checkRows(entry.readings, kind, { ...context, path: `${path}.readings` }),
    }),
  };
  return checkEach(entries, judgement, rejections);
}

function readingsFlaw({ readings }: Open<ProbeKind>, length: number): Flaw | undefined {
  if (readings.length === length) return undefined;
  return { instancePath: '/readings', message: `${readings.length} for ${length} samples` };
}

/** A verdict goes by these alone: they must not contradict each other. */
function recentFlaw({ recent }: Open<ProbeKind>): Flaw | undefined {
  if (recent === undefined) return undefined;
  const { attempts, failures, lastFailed, medianSeconds } = recent;
  const flaw = (key: keyof RecentProbes, message: string) => ({ instancePath: `/recent/${key}`, message });
  if (failures > attempts) return flaw('failures', `must be no more than the ${attempts} attempts`);
  if (lastFailed ? failures === 0 : failures === attempts) {
    return flaw('lastFailed', `cannot be with ${failures} failures of ${attempts}`);
  }
  const isOfNone = medianSeconds !== undefined && failures === attempts;
  return isOfNone ? flaw('medianSeconds', 'must be left out where all failed') : undefined;
}

function keepRecent(recent: RecentProbes | undefined): { recent?: RecentProbes } {
  if (recent === undefined) return {};
  const { attempts, failures, lastFailed, medianSeconds } = recent;
  return { recent: { attempts, failures, lastFailed, ...(medianSeconds !== undefined && { medianSeconds }) } };
}

/** The readings of the good samples; one that is none is not known. */
function checkRows(entries: readonly unknown[], kind: ProbeKind, { rows, path, rejections }: Place) {
  return rows.map((row): number[] | null => {
    const entry = entries[row];
    if (entry === null) return null;
    const flaw = rowFlaw(entry, kind);
    if (flaw === undefined) return entry as number[];
    rejections.add(`${path}[${row}]`, 'bad_probe', flaw);
    return null;
  });
}

/** What keeps a reading from being one; undefined: nothing. */
function rowFlaw(entry: unknown, kind: ProbeKind): string | undefined {
  const width = PROBE_COLUMNS.failures + PROBE_REASONS[kind].length;
  if (!Array.isArray(entry) || entry.length !== width) return `a reading has ${width} numbers: ${excerpt(entry)}`;
  let inBucket = 0;
  for (const [column, value] of (entry as readonly unknown[]).entries()) {
    const isNumber = typeof value === 'number' && value >= 0 && value <= COUNTER_MAX;
    const isSum = column === PROBE_COLUMNS.sum;
    if (!isNumber || !(isSum || Number.isInteger(value))) {
      return `column ${column} is not a ${isSum ? 'sum of seconds' : 'count'}: ${excerpt(value)}`;
    }
    if (column > PROBE_COLUMNS.count) continue;
    if (value < inBucket) return `column ${column} counts ${value} of which ${inBucket} took less time`;
    inBucket = value;
  }
  return undefined;
}

function checkInternalErrors(entry: unknown, { rejections }: ProbesContext): ProbesReport['internalErrors'] {
  const path = 'probes.internalErrors';
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    rejections.add(path, 'bad_probe', `want an object: ${excerpt(entry)}`);
    return {};
  }
  const counts = entry as Partial<Record<ProbeKind, unknown>>;
  const good = PROBE_KINDS.flatMap((kind) => {
    const count = counts[kind];
    if (count === undefined) return [];
    if (INTERNAL_ERRORS.Check(count)) return [[kind, count] as const];
    rejections.add(`${path}.${kind}`, 'bad_probe', `not a count: ${excerpt(count)}`);
    return [];
  });
  return Object.fromEntries(good);
}
