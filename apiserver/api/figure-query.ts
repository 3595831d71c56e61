import { familyOfRate } from '../../metrics/catalogue.js';
import { selectorValue } from '../../metrics/labels.js';
import type { FigureQuery, Figures } from '../store/figure.js';
import type { Network } from '../../metrics/network.js';
import { queryValue } from './app-types.js';
import { ApiError } from './errors.js';
import { isDeviceLabel } from '../store/series-labels.js';
import { matcherOf, matchesLabels, type Requirement } from './label-selector.js';
import type { Selectors } from './selectors.js';

/** A metric and the selector over its series, as asked for. */
export interface AskedFigure extends FigureQuery {
  readonly metric: string;
  /** As written, for echoes. */
  readonly selectorText: string;
  readonly requirements: readonly Requirement[];
}

const NETWORK_LABELS: readonly string[] = ['network', 'nad_namespace'];
const INTERFACE_OWN_LABELS: readonly string[] = ['interface', 'primary'];

export interface FigureQueryDeps {
  readonly figures: Figures;
  readonly selectors: Selectors;
}

/**
 * What is asked of the store.
 * @param parameter the query parameter that has the selector over series
 * @returns undefined for a metric that nobody serves
 * @throws {ApiError} BadRequest for a selector that is none; NotFound for one of interfaces where a pod counts as a whole
 */
export function parseFigureQuery(
  metric: string,
  parameter: 'metricLabelSelector' | 'labelSelector',
  query: unknown,
  { figures, selectors }: FigureQueryDeps,
): AskedFigure | undefined {
  const selectorText = queryValue(query, parameter) ?? '';
  const { requirements, series, matchesSeries, windowMs } = selectors.ofSeries(selectorText, parameter);
  const family = familyOfRate(metric);
  if (family === undefined) return undefined;
  if (family.level === 'pod') checkSelectsPods(metric, series);
  const matchesPod = matcherOf(series.filter(({ key }) => figures.isPodLabel(key)));
  const ofNetwork = series.filter(({ key }) => NETWORK_LABELS.includes(key));
  const ofDevice = series.filter(({ key }) => isDeviceLabel(key));
  const matchesNetwork = matcherOf(ofNetwork);
  // A device is given to a pod for a NetworkAttachmentDefinition; what a CNI itself makes has none.
  const couldHaveDevice = ({ nadNamespace }: Network): boolean =>
    nadNamespace !== '' || matchesLabels(ofDevice, () => undefined);
  // A selector of single interfaces chooses among those that are known.
  const isOfAnyInterface = !series.some(({ key }) => INTERFACE_OWN_LABELS.includes(key));
  return {
    ...{ metric, selectorText, requirements, windowMs },
    level: family.level,
    column: family.column,
    matchesSeries: (label, isUnknown) =>
      isUnknown === undefined
        ? matchesSeries(label)
        : matchesLabels(
            series.filter(({ key }) => !isUnknown(key)),
            label,
          ),
    deviceLabels: ofDevice.map(({ key }) => key),
    couldMatch: matchesPod,
    couldMatchOn: (on) =>
      isOfAnyInterface &&
      couldHaveDevice(on) &&
      matchesNetwork((key) => selectorValue(key === 'network' ? on.network : on.nadNamespace)),
    choosesNetworks: ofNetwork.length > 0,
  };
}

/** What a pod counts as a whole crossed nobody knows which of its interfaces: an answer would be a guess. */
function checkSelectsPods(metric: string, series: readonly Requirement[]): void {
  const wrong = series.find(
    ({ key }) => NETWORK_LABELS.includes(key) || INTERFACE_OWN_LABELS.includes(key) || isDeviceLabel(key),
  );
  if (wrong === undefined) return;
  throw new ApiError(
    'NotFound',
    `the server could not find the metric ${metric} by ${wrong.key}: it is counted of a pod as a whole, not of an interface or a network`,
  );
}

/** All that a selector of a network's total may say. */
export const NETWORK_TOTAL_LABELS = ['network', 'nad_namespace', 'window'] as const;

/** Whether a selector leaves of a network its total: less would show pods of other namespaces one by one. */
export function isOfWholeNetwork({ requirements }: Pick<AskedFigure, 'requirements'>): boolean {
  return requirements.every(({ key }) => (NETWORK_TOTAL_LABELS as readonly string[]).includes(key));
}

/** Whether a request is a watch, as Kubernetes reads it: anything but a plain no. */
export function isWatch(query: unknown): boolean {
  const said = queryValue(query, 'watch')?.toLowerCase();
  return said !== undefined && said !== 'false' && said !== '0';
}

/** Encoded slashes arrive decoded: a name that has one is nobody's. */
export function checkPath(path: Readonly<Record<string, string>>): void {
  if (Object.values(path).some((part) => part.includes('/') || part.includes('\0'))) {
    throw new ApiError('BadRequest', 'invalid request path');
  }
}

/** A list is answered whole: a limit is read, as Kubernetes reads it, and has no effect. */
export function checkListOptions(query: unknown): void {
  for (const parameter of ['limit', 'timeoutSeconds']) {
    const value = queryValue(query, parameter);
    if (value === undefined || value === '' || /^[+-]?\d+$/.test(value)) continue;
    throw new ApiError('BadRequest', `${parameter}: not a number: ${JSON.stringify(value.slice(0, 40))}`);
  }
}
