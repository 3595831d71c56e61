// What a run found out, beside the bounds of the design (section 10).
import type { FleetStats } from './fleet.js';
import type { Outcome, ServerOutcome } from './run.js';
import { spreadOf } from './percentiles.js';
import type { SimulateOptions } from './options.js';

export interface Figure {
  readonly what: string;
  /** NaN where nobody told it. */
  readonly value: number;
  readonly unit: string;
  /** The most that it may be. */
  readonly bound?: number;
  /** The least that it has to be: a run that saw nothing found nothing. */
  readonly least?: number;
}

const MIB = 1024 * 1024;
/** What a server keeps unless told otherwise. */
const HISTORY_MS = 300_000;
/** Bounds are for 30 pods with 2 interfaces each and an interval of 15 s, and for 1,000,000 samples of /metrics. */
const BOUNDS = { mCpu: 0.1, mib: 0.25, hpaMs: 10, gzipMs: 100, blockedMs: 20, ageS: 1 } as const;

export function figuresOf(outcome: Outcome, options: SimulateOptions): Figure[] {
  return [...costsOf(outcome, options), ...waitsOf(outcome, options), ...checksOf(outcome)];
}

function costsOf({ servers, nodes, measuredMs, reportedMs }: Outcome, options: SimulateOptions): Figure[] {
  const most = mostOf(servers);
  const mCpu = most(({ cpuMs }) => (cpuMs / measuredMs) * 1_000);
  const ingest = most(({ ingestCpuMs }) => ingestCpuMs ?? NaN);
  const ingested = most(({ before, after }) => growth('podnet_apiserver_ingest_duration_seconds_count', before, after));
  return [
    figure('CPU for reports alone, per node', ingest / nodes, 'mCPU', BOUNDS.mCpu),
    figure('CPU for reports alone', ingest, 'mCPU'),
    figure(`CPU with ${options.queries} queries a second, per node`, mCpu / nodes, 'mCPU'),
    figure(`CPU with ${options.queries} queries a second`, mCpu, 'mCPU'),
    figure('memory per node', most(({ cost }) => cost.rssMiB) / nodes, 'MiB', BOUNDS.mib),
    figure(
      'memory',
      most(({ cost }) => cost.rssMiB),
      'MiB',
    ),
    figure('history that it has', Math.min(HISTORY_MS, reportedMs) / 1_000, 's'),
    figure(
      'open files',
      most(({ cost }) => cost.files),
      '',
    ),
    figure('reports', (ingested / measuredMs) * 1_000, 'per s'),
    figure('ingest of a report, mean', most(ingestMs), 'ms'),
    figure('event loop delay, longest told', most(loopDelayMs), 'ms', BOUNDS.blockedMs),
  ];
}

function waitsOf({ servers, load, measuredMs }: Outcome, { interval }: SimulateOptions): Figure[] {
  const gzip = load.scrapes.filter(({ encoding }) => encoding === 'gzip');
  const plain = load.scrapes.filter(({ encoding }) => encoding === 'identity');
  const gzipMs = spreadOf(gzip.map(({ milliseconds }) => milliseconds));
  const plainMs = spreadOf(plain.map(({ milliseconds }) => milliseconds));
  const ageS = mostOf(servers)((server) => ageOf(server, 0.99));
  return [
    figure('HPA query, median', load.hpa.p50, 'ms'),
    figure('HPA query, p99', load.hpa.p99, 'ms', BOUNDS.hpaMs),
    figure('HPA query, longest', load.hpa.max, 'ms'),
    figure('HPA queries', (load.hpa.count / measuredMs) * 1_000, 'per s'),
    figure('/livez beside it, p99', load.cheap.p99, 'ms'),
    figure('/livez beside it, longest', load.cheap.max, 'ms'),
    figure('of these, late when sent, p99', load.late.p99, 'ms'),
    figure('/metrics gzip, median', gzipMs.p50, 'ms', BOUNDS.gzipMs),
    figure('/metrics gzip, longest', gzipMs.max, 'ms'),
    figure('/metrics gzip', (gzip.at(-1)?.bytes ?? NaN) / MIB, 'MiB'),
    figure('/metrics plain, longest', plainMs.max, 'ms'),
    figure('/metrics plain', (plain.at(-1)?.bytes ?? load.checked.plainBytes) / MIB, 'MiB'),
    figure('age of a value, p99, at most', ageS, 's', interval / 1_000 + BOUNDS.ageS),
  ];
}

function checksOf({ servers, fleets, load: { checked, failureCount } }: Outcome): Figure[] {
  const pushed = sum(fleets.map(({ pushes }) => pushes.ok));
  const lost = sum(fleets.map(({ pushes }) => pushes.failed + pushes.refused));
  const ended = servers.filter((server) => server.ended !== undefined).length;
  return [
    figure('pushes that went well, since the start', pushed, ''),
    figure('pushes that did not', lost, ''),
    figure('slowest push', Math.max(...fleets.map(({ slowestPush }) => slowestPush)) * 1_000, 'ms'),
    figure('sample taken late, at most', Math.max(...fleets.map(({ latestMs }) => latestMs)), 'ms'),
    figure('entries that a server rejected', sum(fleets.map(({ rejected }) => rejected)), '', 0),
    figure('answers checked', checked.answers, ''),
    figure('answers not checked, for want of time', checked.skipped, ''),
    { ...figure('values checked', checked.items, ''), least: 1 },
    figure('series checked', checked.series, ''),
    figure('values and series that are wrong', checked.wrong.count, '', 0),
    figure('late or missing, as reports were', checked.late.count, '', 0),
    figure('requests that failed', failureCount, '', 0),
    figure('servers that ended by themselves', ended, '', 0),
  ];
}

function mostOf(servers: readonly ServerOutcome[]): (of: (server: ServerOutcome) => number) => number {
  return (of) => Math.max(...servers.map(of));
}

/** Bounds on cost are told; a bound of none at all is what must never be exceeded, and a least what must be reached. */
export function isRight({ value, bound, least }: Figure): boolean {
  return (bound !== 0 || value === 0) && (least === undefined || value >= least);
}

/** The longest that a report may have taken from when its sample was due: it may have had to wait for the push before it. */
export function slowestReportMs({ slowestPush, latestMs }: FleetStats): number {
  return latestMs + 2 * slowestPush * 1_000;
}

/** What was served and ought not to have been. */
export function problemsOf({ load, fleets, servers }: Outcome, { slack }: SimulateOptions): string[] {
  const lateMs = Math.max(...fleets.map(slowestReportMs));
  const rejected = fleets.flatMap(({ firstRejected }) => (firstRejected === undefined ? [] : [firstRejected]));
  const busy = `reports may have taken ${Math.round(lateMs)} ms, more than --slack: what is late or missing is no fault of what was answered`;
  return [
    ...(lateMs > slack ? [busy] : []),
    ...load.checked.wrong.first,
    ...load.checked.late.first.map((problem) => `late: ${problem}`),
    ...load.failures,
    ...rejected,
    ...servers.flatMap(({ ended }, n) => (ended === undefined ? [] : [`server ${n} ended: ${ended}`])),
    ...servers.flatMap(({ complaints }) => complaints),
  ];
}

export function renderTable(figures: readonly Figure[]): string {
  const rows = figures.flatMap(({ what, value, unit, bound }) => {
    if (!Number.isFinite(value)) return []; // nobody told it
    const verdict = bound === undefined ? '' : `${value <= bound ? 'ok  ' : 'OVER'}  ≤ ${bound}`;
    return `${what.padEnd(42)}${toText(value).padStart(12)} ${unit.padEnd(6)} ${verdict}`.trimEnd();
  });
  return `${rows.join('\n')}\n`;
}

/** One column for each run. */
export function renderGrowth(runs: readonly { readonly nodes: number; readonly figures: readonly Figure[] }[]): string {
  const header = `${'nodes'.padEnd(50)}${runs.map(({ nodes }) => String(nodes).padStart(12)).join('')}`;
  const rows = (runs[0]?.figures ?? []).map(({ what, unit, bound }, row) => {
    const values = runs.map(({ figures }) => figures[row]?.value ?? NaN);
    const isOver = bound !== undefined && values.some((value) => value > bound);
    const verdict = bound === undefined ? '' : `  ${isOver ? 'OVER' : 'ok  '}  ≤ ${bound}`;
    const cells = values.map((value) => toText(value).padStart(12)).join('');
    return `${`${what} ${unit === '' ? '' : `(${unit})`}`.padEnd(50)}${cells}${verdict}`.trimEnd();
  });
  return `${[header, ...rows].join('\n')}\n`;
}

function figure(what: string, value: number, unit: string, bound?: number): Figure {
  return { what, value, unit, ...(bound !== undefined && { bound }) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function toText(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return value < 10 ? value.toFixed(3) : value.toFixed(1);
}

type Told = Readonly<Record<string, number>>;

function growth(series: string, before: Told, after: Told): number {
  return (after[series] ?? NaN) - (before[series] ?? 0);
}

function ingestMs({ before, after }: ServerOutcome): number {
  const name = 'podnet_apiserver_ingest_duration_seconds';
  return (growth(`${name}_sum`, before, after) / growth(`${name}_count`, before, after)) * 1_000;
}

/** Of the last minute. */
function loopDelayMs({ after }: ServerOutcome): number {
  return (after['podnet_apiserver_event_loop_delay_seconds{statistic="longest"}'] ?? NaN) * 1_000;
}

/** The bound of the bucket that a quantile is in, seconds. */
function ageOf({ before, after }: ServerOutcome, quantile: number): number {
  const buckets = Object.keys(after).flatMap((series) => {
    const found = /^podnet_apiserver_sample_age_seconds_bucket\{.*le="([^"]+)"/.exec(series);
    if (found === null || !series.includes('custom.metrics')) return [];
    return [{ le: Number(found[1]?.replace('+Inf', 'Infinity')), count: growth(series, before, after) }];
  });
  const sorted = buckets.toSorted((a, b) => a.le - b.le);
  const all = sorted.at(-1)?.count ?? 0;
  return sorted.find(({ count }) => count >= all * quantile)?.le ?? NaN;
}
