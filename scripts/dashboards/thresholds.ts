import type { Threshold } from './model.js';

/** From which value on something is worth a look, and from which it is bad. Descending where the less is the worse. */
export type Limits = readonly [yellow: number, red: number];

const GREEN = 'green';
const YELLOW = 'yellow';
const RED = 'red';
/** Below every number. Grafana gives the first step to what is absent, too: where a colour would be a claim, that has another one. */
const BELOW_ALL = -1e15;

/** Of curves: absent is a gap there, and has no colour. */
export function steps(limits: Limits | undefined): Threshold[] {
  if (limits === undefined) return [{ color: GREEN, value: null }];
  const [yellow, red] = limits;
  const ordered =
    yellow > red ? ([RED, [YELLOW, red], [GREEN, yellow]] as const) : ([GREEN, [YELLOW, yellow], [RED, red]] as const);
  const [first, ...others] = ordered;
  return [{ color: first, value: null }, ...others.map(([color, value]) => ({ color, value }))];
}

/** Of single values and cells. @param absent colour of what is not there: neither good nor bad */
export function stepsOfValues(limits: Limits | undefined, absent: 'text' | 'transparent'): Threshold[] {
  const [first, ...others] = steps(limits);
  return [{ color: absent, value: null }, { color: first?.color ?? GREEN, value: BELOW_ALL }, ...others];
}
