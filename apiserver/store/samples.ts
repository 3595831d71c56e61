import type { CounterSeries } from './counter-series.js';
import type { NodeSeries } from './node-series.js';

/** What a counter stood at, added up over series. */
export interface SampleSum {
  readonly ageMs: number;
  readonly value: number;
}

/** The samples that a rate over a window is made of, oldest first: those inside of it, and no less than the last two. */
export function samplesIn(
  node: NodeSeries,
  summed: readonly CounterSeries[],
  { column: asked, windowMs }: { readonly column: number; readonly windowMs: number },
  nowMs: number,
): SampleSum[] {
  const samples: SampleSum[] = [];
  let newestAgeMs = NaN;
  const all = summed.map((series) => ({ ...node.readings(series), column: series.columnOf(asked) }));
  for (let row = (all[0]?.length ?? 0) - 1; row >= 0; row--) {
    const value = all.reduce((sum, { values, width, column }) => sum + (values[row * width + column] ?? NaN), 0);
    if (Number.isNaN(value)) continue; // not read then
    const ageMs = node.ageMs(row, nowMs);
    if (samples.length === 0) newestAgeMs = ageMs;
    if (samples.length >= 2 && ageMs > newestAgeMs + windowMs) break;
    samples.unshift({ ageMs, value });
  }
  return samples;
}
