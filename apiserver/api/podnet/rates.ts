import { INTERFACE_COUNTERS, type InterfaceCounter } from '../../../openapi/report-terms.js';
import type { Absence, InterfaceRates } from '../../../openapi/podnet-api.js';
import { renderRate } from '../../../metrics/units.js';
import { ABSENCES, type Figure, type Measure } from '../../store/figure.js';
import { timestampOf, toWindowSeconds } from '../metric-value-list.js';
import { renderQuantity } from '../quantity.js';
import type { Column } from './resource.js';

/** The part of an object that says what moves: rates and the time they cover, or why there are none. */
export interface Traffic {
  readonly timestamp?: string;
  readonly windowSeconds?: number;
  readonly rates?: InterfaceRates;
  readonly absent?: Absence;
}

/**
 * @param figures in the order of INTERFACE_COUNTERS
 */
export function trafficOf(figures: readonly Figure[], wallMs: number): Traffic {
  const measures = figures.filter((figure): figure is Measure => figure.ok);
  const [first] = measures;
  if (first === undefined) {
    const reason = figures.flatMap((figure) => (figure.ok ? [] : [figure.reason]))[0] ?? 'too_few_samples';
    return { absent: { reason, message: ABSENCES[reason] } };
  }
  const spanMs = Math.max(...measures.map((measure) => measure.spanMs));
  const ageMs = Math.max(...measures.map((measure) => measure.ageMs));
  const rates = INTERFACE_COUNTERS.flatMap((counter, i) => {
    const figure = figures[i];
    const value = figure?.ok === true ? renderQuantity(figure.perSecond) : undefined;
    return value === undefined ? [] : [[counter, value] as const];
  });
  return {
    timestamp: timestampOf(wallMs - ageMs),
    windowSeconds: toWindowSeconds(spanMs),
    rates: Object.fromEntries(rates),
  };
}

const RATE_COLUMNS: readonly (readonly [string, readonly InterfaceCounter[], string, 0 | 1, string])[] = [
  ['Receive', ['receiveBytes'], 'B/s', 0, 'Bytes received a second.'],
  ['Transmit', ['transmitBytes'], 'B/s', 0, 'Bytes transmitted a second.'],
  ['Receive-Packets', ['receivePackets'], 'pkt/s', 1, 'Packets received a second.'],
  ['Transmit-Packets', ['transmitPackets'], 'pkt/s', 1, 'Packets transmitted a second.'],
  ['Dropped', ['receivePacketsDropped', 'transmitPacketsDropped'], 'pkt/s', 0, 'Packets dropped a second.'],
  ['Errors', ['receiveErrors', 'transmitErrors'], 'pkt/s', 1, 'Packets lost to an error a second.'],
];

/** What moves, for people; in angle brackets why there is no number. */
export function rateColumns(): Column<never>[] {
  return RATE_COLUMNS.map(([name, counters, unit, priority, description]) => ({
    ...{ name, priority, description },
    cell: ({ figures }) => {
      let sum = 0;
      for (const counter of counters) {
        const figure = figures[INTERFACE_COUNTERS.indexOf(counter)];
        if (figure?.ok !== true) return `<${figure?.reason ?? 'unknown'}>`;
        sum += figure.perSecond;
      }
      return renderRate(sum, unit);
    },
  }));
}
