import { DIAL_LATENCY } from '../../metrics/catalogue.js';
import { ipamFigureOf, type IpamFigure } from '../../metrics/ipam/figures.js';
import { LATENCY_ABSENCES, type Latency, type LatencyQuery } from '../store/dial-latency.js';
import type { Measure } from '../store/figure.js';
import { parseAddressQuery } from './address-query.js';
import { queryValue } from './app-types.js';
import type { DescribedKind } from './described-objects.js';
import { parseFigureQuery, type FigureQueryDeps } from './figure-query.js';
import type { Requirement } from './label-selector.js';
import type { DescribedObject } from './members.js';
import type { TimedValue } from './metric-value-list.js';
import type { Addresses, NodeAddresses } from './node-addresses.js';
import type { NodeLatencies } from './node-latencies.js';
import type { ObjectFigures } from './object-figures.js';
import { renderQuantity, type Finest } from './quantity.js';
import type { Selector } from './selectors.js';

/** Of an object: its value, or in words why it has none. */
export type Answered = ({ readonly ok: true } & TimedValue) | { readonly ok: false; readonly why: string };

/** Some objects of a kind: those of a namespace, or of the cluster. */
export interface Scope {
  readonly kind: DescribedKind;
  readonly namespace: string | undefined;
}

/** A metric and the selector over its series, as asked for: to be answered of the objects that it describes. */
export interface AskedMetric {
  /** As written, for echoes. */
  readonly selectorText: string;
  readonly requirements: readonly Requirement[];
  of(object: DescribedObject): Answered | Promise<Answered>;
  /** Every object that has a value, by name. */
  list(scope: Scope, selector: Selector): Promise<Found[]>;
}

/** An object of a list, by its name. */
export interface Found {
  readonly name: string;
  readonly answered: Answered;
}

export interface AskedMetricDeps extends FigureQueryDeps {
  readonly objects: ObjectFigures;
  readonly latencies: NodeLatencies;
  readonly addresses: NodeAddresses;
}

const PARAMETER = 'metricLabelSelector';

/**
 * What is asked of custom.metrics.k8s.io.
 * @returns undefined for a metric that nobody serves
 * @throws {ApiError} as parseFigureQuery does
 */
export function askMetric(metric: string, query: unknown, deps: AskedMetricDeps): AskedMetric | undefined {
  if (metric === DIAL_LATENCY.metricName) return askLatency(query, deps);
  const figure = ipamFigureOf(metric);
  return figure === undefined ? askRate(metric, query, deps) : askAddresses(figure, query, deps);
}

function askRate(metric: string, query: unknown, deps: AskedMetricDeps): AskedMetric | undefined {
  const asked = parseFigureQuery(metric, PARAMETER, query, deps);
  if (asked === undefined) return undefined;
  const { selectorText, requirements } = asked;
  return {
    ...{ selectorText, requirements },
    of: async (object) => {
      const outcome = await deps.objects.of(object, asked);
      return outcome.ok ? ofRate(outcome) : outcome;
    },
    list: async (scope, selector) =>
      (await deps.objects.list(scope, selector, asked)).map(({ name, measure }) => ({
        name,
        answered: ofRate(measure),
      })),
  };
}

function askLatency(query: unknown, { latencies, selectors }: AskedMetricDeps): AskedMetric {
  const selectorText = queryValue(query, PARAMETER) ?? '';
  const { requirements, matchesSeries, quantile, windowMs } = selectors.ofLatencies(selectorText, PARAMETER);
  const asked: LatencyQuery = { matchesSeries, quantile, windowMs };
  return {
    ...{ selectorText, requirements },
    of: ({ name }) => ofLatency(latencies.of(name, asked)),
    list: async (_scope, selector) =>
      (await latencies.list(selector, asked)).map(({ node, latency }) => ({
        ...{ name: node, answered: ofLatency(latency) },
      })),
  };
}

function askAddresses(figure: IpamFigure, query: unknown, { addresses, selectors }: AskedMetricDeps): AskedMetric {
  const asked = parseAddressQuery(figure, PARAMETER, query, selectors);
  return {
    ...{ selectorText: asked.selectorText, requirements: asked.requirements },
    of: ({ name }) => ofAddresses(addresses.of(name, asked), figure),
    list: async (_scope, selector) =>
      (await addresses.list(selector, asked)).map(({ node, value }) => ({
        ...{ name: node, answered: ofAddresses({ ok: true, ...value }, figure) },
      })),
  };
}

export function ofRate({ perSecond, spanMs, ageMs }: Measure): Answered {
  return answered(renderQuantity(perSecond), { spanMs, ageMs });
}

function ofLatency(latency: Latency): Answered {
  if (!latency.ok) return { ok: false, why: LATENCY_ABSENCES[latency.reason] };
  return answered(renderQuantity(latency.seconds, 'u'), latency);
}

/** In the finest that its unit needs. */
export function ofAddresses(addresses: Addresses, { kind }: IpamFigure): Answered {
  if (!addresses.ok) return addresses;
  const finest: Finest = kind === 'latency' ? 'u' : 'm';
  return answered(renderQuantity(addresses.value, finest), addresses);
}

/** What a quantity cannot hold is no value: one such item would make the HPA lose the whole list. */
function answered(value: string | undefined, { spanMs, ageMs }: Pick<TimedValue, 'spanMs' | 'ageMs'>): Answered {
  if (value === undefined) return { ok: false, why: 'its value is larger than a quantity can be' };
  return { ok: true, value, spanMs, ageMs };
}
