import process from 'node:process';

/** What a piece of work cost, per call, microseconds. */
export interface Cost {
  readonly medianUs: number;
  readonly p99Us: number;
  /** CPU of the whole process, user and system. */
  readonly cpuUs: number;
}

/** Runs work often enough to tell: some calls to warm up, then the calls that count. */
export async function measure(calls: number, work: (call: number) => unknown): Promise<Cost> {
  for (let call = 0; call < Math.ceil(calls / 5); call++) await work(call);
  globalThis.gc?.();
  const times: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (let call = 0; call < calls; call++) {
    const startedMs = performance.now();
    await work(call);
    times.push((performance.now() - startedMs) * 1_000);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  times.sort((a, b) => a - b);
  return { medianUs: quantile(times, 0.5), p99Us: quantile(times, 0.99), cpuUs: (user + system) / calls };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

export function row(what: string, cost: Cost, note = ''): string {
  const cells = [what.padEnd(46), micros(cost.medianUs), micros(cost.p99Us), micros(cost.cpuUs)];
  return `${cells.join('  ')}  ${note}`.trimEnd();
}

/** Of a table with many columns. */
export function wideRow(what: string, cells: readonly string[], note = ''): string {
  return `${[what.padEnd(44), ...cells.map((cell) => cell.padStart(11))].join('')}  ${note}`.trimEnd();
}

export const HEADER = ['what'.padEnd(46), 'median'.padStart(10), 'p99'.padStart(10), 'CPU'.padStart(10)].join('  ');

function micros(us: number): string {
  return (us >= 10_000 ? `${(us / 1_000).toFixed(1)} ms` : `${us.toFixed(us < 100 ? 1 : 0)} µs`).padStart(10);
}

export function ratio(ours: Cost, theirs: Cost): string {
  return `${(ours.medianUs / theirs.medianUs).toFixed(2)} of the time`;
}
