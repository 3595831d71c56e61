import { Compile } from 'typebox/compile';
import { refusedFamilies, typeOf } from '../../metrics/ipam/refused-families.js';
import { bareName } from '../../metrics/ipam/names.js';
import { seriesKey } from '../../metrics/ipam/series.js';
import { IpamFamily, IpamPool, IpamSample, IpamSourceReport } from '../../openapi/ipam-report.js';
import { METRIC_NAME, METRIC_NAME_MAX } from '../../openapi/patterns.js';
import { IPAM_SOURCES, REPORT_LIMITS, type IpamSourceName } from '../../openapi/report-terms.js';
import type { AcceptedReport } from '../store/report.js';
import { checkEach } from './check-each.js';
import { excerpt, firstError } from './explain.js';
import { IpamRoom } from './ipam-room.js';
import { openSchema, unchecked } from './open-schema.js';
import type { Rejections } from './rejections.js';

const { families: _families, leftOut: _leftOut, pools: _pools, ...described } = IpamSourceReport.properties;
const SOURCE = Compile(
  openSchema(described, {
    families: unchecked(REPORT_LIMITS.ipamFamilies),
    leftOut: unchecked(REPORT_LIMITS.ipamFamilies),
    pools: unchecked(REPORT_LIMITS.ipamPools),
  }),
);
const FAMILY = Compile(IpamFamily);
const SAMPLE = Compile(IpamSample);
const POOL = Compile(openSchema(IpamPool.properties, { samples: unchecked(REPORT_LIMITS.ipamPoolSamples) }));
const POOL_SAMPLE = Compile(IpamPool.properties.samples.items);
const NAME = new RegExp(METRIC_NAME, 'u');
/** What ranges are told apart by. */
const POOL_LABELS: readonly string[] = ['network', 'range'];

/** Of a source of which the whole entry is bad, its interval included. */
const REFUSED = {
  ...{ intervalMs: REPORT_LIMITS.minIntervalMs, problem: 'rejected' },
  ...{ families: [], leftOut: [], pools: [] },
} as const satisfies Omit<IpamSourceReport, 'name'>;

export interface IpamContext {
  readonly role: AcceptedReport['role'];
  /** On the node's clock: nothing can have been read after this. */
  readonly latestMs: number;
  readonly rejections: Rejections;
}

/** A source whose lists have not been looked at. */
interface OpenSource extends Omit<IpamSourceReport, 'families' | 'leftOut' | 'pools'> {
  readonly families: readonly unknown[];
  readonly leftOut: readonly unknown[];
  readonly pools: readonly unknown[];
}

interface SourceContext extends IpamContext {
  readonly source: IpamSourceName;
  /** Of the source in the report. */
  readonly path: string;
  readonly room: IpamRoom;
}

/**
 * What a report says of IP addresses, source by source. What is bad is left out and named; a family of which anything was bad is left out
 * as a whole, and is then one of `leftOut`: a part of it would pass for the whole.
 */
export function checkIpam(
  entries: readonly unknown[] | undefined,
  context: IpamContext,
): readonly IpamSourceReport[] | undefined {
  if (entries === undefined) return undefined;
  const { role, rejections } = context;
  if (role !== 'node') {
    rejections.add('ipam', 'bad_ipam', `an agent of role ${role} does not read IP address management`);
    return undefined;
  }
  const room = new IpamRoom();
  const judgement = {
    ...{ path: 'ipam', reason: 'bad_ipam' as const, validator: SOURCE },
    keyOf: ({ name }: OpenSource) => name,
    keep: (entry: OpenSource, path: string) => checkSource(entry, { ...context, path, room, source: entry.name }),
  };
  const kept = checkEach(entries, judgement, rejections);
  // Not known is not the same as not there.
  const refused = IPAM_SOURCES.filter(
    (name) => kept.every((source) => source.name !== name) && entries.some((entry) => nameOf(entry) === name),
  );
  return [...kept, ...refused.map((name) => ({ name, ...REFUSED }))];
}

function checkSource(entry: OpenSource, context: SourceContext): IpamSourceReport {
  const { name, intervalMs, takenAt, problem } = entry;
  const head = { name, intervalMs, ...(problem !== undefined && { problem }) };
  if (takenAt === undefined) return { ...head, families: [], leftOut: [], pools: [] };
  if (takenAt > context.latestMs) {
    context.rejections.add(`${context.path}.takenAt`, 'bad_ipam', `${takenAt} is after the report was sent`);
    return { ...REFUSED, ...head };
  }
  const leftOut = checkLeftOut(entry.leftOut, context);
  const families = checkFamilies(entry.families, leftOut, context);
  return { ...head, takenAt, families, leftOut: [...leftOut], pools: checkPools(entry.pools, context) };
}

function checkLeftOut(entries: readonly unknown[], { path, source, rejections }: SourceContext): Set<string> {
  const names = new Set<string>();
  for (const [i, entry] of entries.entries()) {
    if (isFamilyOf(source, entry)) names.add(entry);
    else rejections.add(`${path}.leftOut[${i}]`, 'bad_ipam', `no name of a family of ${source}: ${excerpt(entry)}`);
  }
  return names;
}

function isFamilyOf(source: IpamSourceName, name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name.length <= METRIC_NAME_MAX &&
    NAME.test(name) &&
    bareName(source, name) !== undefined
  );
}

/** @param leftOut takes the names of those that are left out */
function checkFamilies(entries: readonly unknown[], leftOut: Set<string>, context: SourceContext): IpamFamily[] {
  const { source, rejections } = context;
  const leaveOut = (name: unknown): void => {
    if (isFamilyOf(source, name)) leftOut.add(name);
  };
  const shaped = new Map<IpamFamily, string>();
  for (const [i, entry] of entries.entries()) {
    const path = `${context.path}.families[${i}]`;
    if (checkFamily(entry, { ...context, path })) shaped.set(entry, path);
    else leaveOut(nameOf(entry));
  }
  for (const [family, problem] of refusedFamilies(source, [...shaped.keys()])) {
    rejections.add(shaped.get(family) ?? context.path, 'bad_ipam', problem);
    shaped.delete(family);
    leaveOut(family.name);
  }
  return [...shaped.keys()].filter(({ name }) => !leftOut.has(name)).map(keepFamily);
}

/** Judges a family by itself. What does not fit is not looked at any closer: that could take seconds. */
function checkFamily(entry: unknown, { source, path, room, rejections }: SourceContext): entry is IpamFamily {
  const { samples } = (entry ?? {}) as Partial<Record<'samples', unknown>>;
  const tooMany = room.takeSamples(Array.isArray(samples) ? samples.length : 0);
  const isShaped = tooMany === undefined && FAMILY.Check(entry);
  const problem = isShaped ? (countProblem(source, entry) ?? room.takeFamily(entry)) : tooMany;
  if (problem !== undefined) rejections.add(path, 'bad_ipam', problem);
  else if (!isShaped) explainFamily(entry, samples, { path, rejections });
  return isShaped && problem === undefined;
}

/** What is added up would lose what others count. */
function countProblem(source: IpamSourceName, family: IpamFamily): string | undefined {
  const isCounter = typeOf(source, family) === 'counter';
  const tooHigh = isCounter ? family.samples.find(({ value }) => value > Number.MAX_SAFE_INTEGER) : undefined;
  return tooHigh && `${family.name} has counted ${tooHigh.value}: more than can be`;
}

/** Names the samples that are bad, as many as an answer has room for, or else what is. */
function explainFamily(
  entry: unknown,
  samples: unknown,
  { path, rejections }: Pick<SourceContext, 'path' | 'rejections'>,
): void {
  let bad = 0;
  for (const [i, sample] of ((Array.isArray(samples) ? samples : []) as readonly unknown[]).entries()) {
    if (SAMPLE.Check(sample)) continue;
    rejections.add(`${path}.samples[${i}]`, 'bad_ipam', () => firstError(SAMPLE, sample));
    if (++bad === REPORT_LIMITS.rejectedNamed) return;
  }
  if (bad === 0) rejections.add(path, 'bad_ipam', () => firstError(FAMILY, entry));
}

function nameOf(entry: unknown): unknown {
  return typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : undefined;
}

/** What the schema knows of it. */
function keepFamily({ name, type, help, samples }: IpamFamily): IpamFamily {
  const kept = samples.map(({ suffix, labels, value }) =>
    suffix === undefined ? { labels, value } : { suffix, labels, value },
  );
  return { name, type, ...(help !== undefined && { help }), samples: kept };
}

function checkPools(entries: readonly unknown[], context: SourceContext): IpamPool[] {
  const { rejections, room } = context;
  const good = new Map<string, IpamPool>();
  for (const [i, entry] of entries.entries()) {
    const path = `${context.path}.pools[${i}]`;
    if (!POOL.Check(entry)) {
      rejections.add(path, 'bad_ipam', () => firstError(POOL, entry));
      continue;
    }
    const { labels, samples } = entry;
    const key = seriesKey(labels);
    const problem = good.has(key)
      ? 'one with these labels stands before in this source'
      : (poolProblem(labels) ?? room.takePool(entry));
    if (problem === undefined) good.set(key, { labels, samples: checkPoolSamples(samples, { ...context, path }) });
    else rejections.add(path, 'bad_ipam', problem);
  }
  return [...good.values()];
}

/** Two pools that differ in what nobody prints would be one line twice. */
function poolProblem(labels: IpamPool['labels']): string | undefined {
  const other = Object.keys(labels).find((name) => !POOL_LABELS.includes(name));
  return other === undefined
    ? undefined
    : `a pool has the labels ${POOL_LABELS.join(' and ')}, or none: ${excerpt(other)}`;
}

function checkPoolSamples(
  entries: readonly unknown[],
  { path, latestMs, rejections }: SourceContext,
): IpamPool['samples'] {
  const samples: IpamPool['samples'] = [];
  for (const [i, entry] of entries.entries()) {
    const problem = !POOL_SAMPLE.Check(entry)
      ? () => firstError(POOL_SAMPLE, entry)
      : entry[0] > latestMs
        ? `${entry[0]} is after the report was sent`
        : entry[0] <= (samples.at(-1)?.[0] ?? -Infinity)
          ? 'samples go oldest first, each with a later time'
          : undefined;
    if (problem !== undefined) rejections.add(`${path}.samples[${i}]`, 'bad_ipam', problem);
    else samples.push(entry as IpamPool['samples'][number]);
  }
  return samples;
}
