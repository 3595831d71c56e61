import type { InterfaceSeries } from './interface-series.js';
import type { NodeSeries } from './node-series.js';
import { ROW } from './rate.js';

/** What a counter stood at, added up over interfaces. */
export interface SampleSum {
  readonly ageMs: number;
  readonly value: number;
}

/** The samples that a rate over a window is made of, oldest first: those inside of it, and no less than the last two. */
export function samplesIn(
  node: NodeSeries,
  interfaces: readonly InterfaceSeries[],
  { column, windowMs }: { readonly column: number; readonly windowMs: number },
  nowMs: number,
): SampleSum[] {
  const samples: SampleSum[] = [];
  let newestAgeMs = NaN;
  const all = interfaces.map((series) => node.readings(series));
  for (let row = (all[0]?.length ?? 0) - 1; row >= 0; row--) {
    const value = all.reduce((sum, { values }) => sum + (values[row * ROW + column] ?? NaN), 0);
    if (Number.isNaN(value)) continue; // not read then
    const ageMs = node.ageMs(row, nowMs);
    if (samples.length === 0) newestAgeMs = ageMs;
    if (samples.length >= 2 && ageMs > newestAgeMs + windowMs) break;
    samples.unshift({ ageMs, value });
  }
  return samples;
}
