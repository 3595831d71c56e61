// What a run found out, beside the bounds of the design (section 10).
import type { Outcome, ServerOutcome } from './run.js';
import { spreadOf } from './percentiles.js';
import type { SimulateOptions } from './options.js';

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most that it may be. */
  readonly bound?: number;
}

const MIB = 1024 * 1024;
/** Bounds are for 30 pods with 2 interfaces each and an interval of 15 s, and for 1,000,000 samples of /metrics. */
const BOUNDS = { mCpu: 0.1, mib: 0.25, hpaMs: 10, gzipMs: 100, blockedMs: 20, ageS: 1 } as const;

export function figuresOf(outcome: Outcome, { interval, nodes }: SimulateOptions): Figure[] {
  const { servers, fleets, load, measuredMs } = outcome;
  const gzip = load.scrapes.filter(({ encoding }) => encoding === 'gzip');
  const plain = load.scrapes.filter(({ encoding }) => encoding === 'identity');
  const gzipMs = spreadOf(gzip.map(({ milliseconds }) => milliseconds));
  const plainMs = spreadOf(plain.map(({ milliseconds }) => milliseconds));
  const most = (of: (server: ServerOutcome) => number): number => Math.max(...servers.map(of));
  const pushed = fleets.reduce((sum, { pushes }) => sum + pushes.ok, 0);
  const lost = fleets.reduce((sum, { pushes }) => sum + pushes.failed + pushes.refused, 0);
  const ingested = most(({ before, after }) => growth('podnet_apiserver_ingest_duration_seconds_count', before, after));
  return [
    figure(
      'CPU of a server per node',
      most(({ cpuMs }) => ((cpuMs / measuredMs) * 1_000) / nodes),
      'mCPU',
      BOUNDS.mCpu,
    ),
    figure(
      'CPU of a server',
      most(({ cpuMs }) => (cpuMs / measuredMs) * 1_000),
      'mCPU',
    ),
    figure(
      'memory of a server per node',
      most(({ cost }) => cost.rssMiB / nodes),
      'MiB',
      BOUNDS.mib,
    ),
    figure(
      'memory of a server',
      most(({ cost }) => cost.rssMiB),
      'MiB',
    ),
    figure(
      'open files of a server',
      most(({ cost }) => cost.files),
      '',
    ),
    figure('HPA query, median', load.hpa.p50, 'ms'),
    figure('HPA query, p99', load.hpa.p99, 'ms', BOUNDS.hpaMs),
    figure('HPA query, longest', load.hpa.max, 'ms'),
    figure('HPA queries', (load.hpa.count / measuredMs) * 1_000, 'per s'),
    figure('/livez beside it, p99', load.cheap.p99, 'ms'),
    figure('/livez beside it, longest', load.cheap.max, 'ms'),
    figure('event loop delay, longest told', most(loopDelayMs), 'ms', BOUNDS.blockedMs),
    figure('/metrics gzip, median', gzipMs.p50, 'ms', BOUNDS.gzipMs),
    figure('/metrics gzip, longest', gzipMs.max, 'ms'),
    figure('/metrics gzip', (gzip.at(-1)?.bytes ?? NaN) / MIB, 'MiB'),
    figure('/metrics plain, longest', plainMs.max, 'ms'),
    figure('/metrics plain', (plain.at(-1)?.bytes ?? load.checked.plainBytes) / MIB, 'MiB'),
    figure('reports of a server', (ingested / measuredMs) * 1_000, 'per s'),
    figure('ingest of a report, mean', most(ingestMs), 'ms'),
    figure(
      'age of a value, p99, at most',
      most((server) => ageOf(server, 0.99)),
      's',
      interval / 1_000 + BOUNDS.ageS,
    ),
    figure('pushes that went well, since the start', pushed, ''),
    figure('pushes that did not', lost, ''),
    figure('slowest push', Math.max(...fleets.map(({ slowestPush }) => slowestPush)) * 1_000, 'ms'),
    figure('sample taken late, at most', Math.max(...fleets.map(({ latestMs }) => latestMs)), 'ms'),
    figure('entries that a server rejected', sum(fleets.map(({ rejected }) => rejected)), '', 0),
    figure('answers checked', load.checked.answers, ''),
    figure('values checked', load.checked.items, ''),
    figure('series checked', load.checked.series, ''),
    figure('requests that failed', load.failures.length, '', 0),
    figure('violations', load.checked.violationCount, '', 0),
  ];
}

/** What was served and ought not to have been. */
export function problemsOf({ load, fleets, servers }: Outcome, { slack }: SimulateOptions): string[] {
  const lateMs = Math.max(...fleets.map(({ slowestPush, latestMs }) => slowestPush * 1_000 + latestMs));
  const rejected = fleets.flatMap(({ firstRejected }) => (firstRejected === undefined ? [] : [firstRejected]));
  const busy = `reports took up to ${Math.round(lateMs)} ms, more than --slack: what is late or missing proves nothing`;
  return [
    ...(lateMs > slack ? [busy] : []),
    ...load.checked.violations,
    ...load.failures,
    ...rejected,
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
  const rows = (runs[0]?.figures ?? []).map(({ what, unit }, row) => {
    const cells = runs.map(({ figures }) => toText(figures[row]?.value ?? NaN).padStart(12));
    return `${`${what} ${unit === '' ? '' : `(${unit})`}`.padEnd(50)}${cells.join('')}`;
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

/** Of whatever quantiles it tells. */
function loopDelayMs({ after }: ServerOutcome): number {
  const told = Object.entries(after).filter(([series]) =>
    /^podnet_apiserver_event_loop_delay_seconds(\{[^}]*quantile[^}]*\}|_max|)$/.test(series),
  );
  return told.length === 0 ? NaN : Math.max(...told.map(([, seconds]) => seconds)) * 1_000;
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
