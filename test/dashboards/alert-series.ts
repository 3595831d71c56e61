import type { Series } from './promtool.js';

/** When one alert fires, and when it only just does not. */
export interface AlertCase {
  readonly alert: string;
  readonly severity: 'warning' | 'critical';
  /** Of the alert that fires, in PromQL. */
  readonly labels: string;
  readonly fires: readonly Series[];
  readonly quiet: readonly Series[];
  /** Others that the same series are a reason for. */
  readonly also?: readonly string[];
}

/** Minutes for which series go on. */
export const LASTS = 120;

export const steady = (series: string, value: number): Series => [series, `${value}x${LASTS}`];
/** A counter, by what it grows a second. */
export const growing = (series: string, perSecond: number): Series => [series, `0+${perSecond * 60}x${LASTS}`];
/** Of a histogram, by how many a second take no longer than each bound. */
export const histogram = (name: string, labels: string, buckets: Readonly<Record<string, number>>): Series[] =>
  Object.entries(buckets).map(([le, perSecond]) => growing(`${name}_bucket{${labels},le="${le}"}`, perSecond));
/** The same every 15 s, and absent from the sixth minute on, where nothing else is said for 45 s: another replica begins to show it. */
export function handedOver([series, values]: Series, minutes: number, absentSeconds = 45): Series {
  const [, first = '', perMinute = '0'] = /^(-?[\d.]+)(?:\+([\d.]+))?x\d+$/.exec(values) ?? [];
  const step = Number(perMinute) / 4;
  const back = 22 + absentSeconds / 15;
  return [
    series,
    `${first}+${step}x22 stale _x${back - 24} ${Number(first) + back * step}+${step}x${4 * minutes - back}`,
  ];
}
/** That it happened so many seconds before, at all times. */
export const ago = (series: string, seconds: number): Series => [series, `${-seconds}+60x${LASTS}`];
