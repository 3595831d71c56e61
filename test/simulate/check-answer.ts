import type { MetricValueListV1Beta2, MetricValueV1Beta2 } from '../../openapi/metric-values.js';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { Expected, type AskedWithin, type CheckOptions } from './expected.js';
import type { SimPod } from './world.js';

export type { CheckOptions } from './expected.js';

export interface AskedFor extends AskedWithin {
  readonly namespace: string;
  /** Such as network_receive_bytes_per_second. */
  readonly metric: string;
}

const SUFFIXES: Readonly<Record<string, number>> = {
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
};
/** A quantity is rounded up to a thousandth. */
const QUANTITY_STEP = 1e-3;
/** Times of samples are told in millionths of a second: both ends of a span. */
const TAKEN_AT_STEP_S = 2e-6;
/** Timestamps are whole seconds, rounded down; and the wall clock may be adjusted while the world's is not. */
const TIMESTAMP_MS = 1_000;
const WALL_MS = 200;
/** A rate is of two samples. */
const SAMPLES = 2;

/** @returns what is wrong with an answer about all pods of a namespace, a sentence each; none where it is right */
export function checkAnswer(options: CheckOptions, { items }: MetricValueListV1Beta2, asked: AskedFor): string[] {
  const { world } = options;
  const expected = new Expected(options, asked);
  const column = INTERFACE_COUNTERS.findIndex((counter) => metricOf(counter) === asked.metric);
  if (column < 0) throw new RangeError(`no counter is behind ${asked.metric}`);
  const seen = new Set<string>();
  const wrong = items.flatMap((item) => {
    const { namespace, name } = item.describedObject;
    const label = `${String(namespace)}/${name}`;
    if (seen.has(name)) return [`${label} is answered twice`];
    seen.add(name);
    const pod = namespace === asked.namespace ? expected.podNamed(namespace, name) : undefined;
    if (pod === undefined) return [`${label} does not exist`];
    const problems = [
      expected.problemOfLife(pod, SAMPLES),
      problemOfValue(options, pod, { item, column }),
      problemOfTimestamp(options, pod, { item, asked, expected }),
    ];
    return problems.flatMap((problem) => (problem === undefined ? [] : `${label} of node ${pod.node} ${problem}`));
  });
  const missing = world
    .podsIn(asked.namespace, asked.fromMs)
    .filter((pod) => !seen.has(pod.name) && expected.mustBeThere(pod, SAMPLES));
  return [...wrong, ...missing.map((pod) => toMissing(pod, expected, asked))];
}

/** @returns undefined for what is not one */
export function parseQuantity(text: string): number | undefined {
  const [, digits = '', suffix = ''] = /^(-?\d+(?:\.\d+)?)([umkMGTP]?)$/.exec(text) ?? [];
  return digits === '' ? undefined : Number(digits) * (SUFFIXES[suffix] ?? NaN);
}

function toMissing(pod: SimPod, expected: Expected, { fromMs }: AskedWithin): string {
  const known = expected.known(pod);
  const age = Math.round(fromMs - (known[0] ?? NaN));
  return `${pod.namespace}/${pod.name} of node ${pod.node} has no value, with ${known.length} samples, newest ${age} ms old`;
}

interface Told {
  readonly item: MetricValueV1Beta2;
}

/** Counters are exact, so that a rate is: but for whole counts at both ends of its span. */
function problemOfValue(
  { world, intervalMs }: CheckOptions,
  pod: SimPod,
  { item: { value, windowSeconds = 0 }, column }: Told & { readonly column: number },
): string | undefined {
  const { interfaces } = world.options;
  let wanted = 0;
  for (let iface = 0; iface < interfaces; iface++) wanted += world.perSecond(pod, iface, column);
  // told in whole seconds, at least one
  const spanS = Math.max(windowSeconds - 0.5, Math.min(0.5, intervalMs / 2_000));
  const tolerance = (interfaces + wanted * TAKEN_AT_STEP_S) / spanS + QUANTITY_STEP;
  if (Math.abs((parseQuantity(value) ?? NaN) - wanted) <= tolerance) return undefined;
  return `has ${value} over ${windowSeconds} s, and ${wanted} ± ${tolerance.toFixed(3)} is right`;
}

function problemOfTimestamp(
  { world, slackMs, isLate }: CheckOptions,
  pod: SimPod,
  { item, asked, expected }: Told & { readonly asked: AskedWithin; readonly expected: Expected },
): string | undefined {
  const { fromMs, toMs } = asked;
  const ms = Date.parse(item.timestamp) - world.wallMs(0);
  const latest = Math.min(toMs, pod.endsMs + slackMs) + WALL_MS;
  const known = isLate === true ? undefined : expected.known(pod)[0];
  const oldest = Math.max(fromMs - expected.staleMs, known ?? -Infinity) - TIMESTAMP_MS - WALL_MS;
  if (ms >= oldest && ms <= latest) return undefined;
  const [age, least, most] = [ms, latest, oldest].map((time) => Math.round(toMs - time));
  return `is of ${String(age)} ms ago, where ${String(least)} to ${String(most)} is right`;
}

function metricOf(counter: string): string {
  return `network_${counter.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_per_second`;
}
