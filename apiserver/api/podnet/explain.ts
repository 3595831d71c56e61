import { RATE_NAMES } from '../../../metrics/catalogue.js';
import {
  Explanation,
  PODNET_GROUP_VERSION,
  type ExplainedInterface,
  type ExplainedPod,
} from '../../../openapi/podnet-api.js';
import type { Clock } from '../../../runtime/clock.js';
import { renderDuration } from '../../../runtime/duration.js';
import { ABSENCES, RunningSum, ofInterface, type Figure, type Figures } from '../../store/figure.js';
import type { PodSeries } from '../../store/pod-series.js';
import type { KnownPod, Pods } from '../../store/pods.js';
import { samplesIn } from '../../store/samples.js';
import { queryValue, type App } from '../app-types.js';
import { ApiError } from '../errors.js';
import { checkPath, parseFigureQuery, type AskedFigure } from '../figure-query.js';
import { labelOf } from '../members.js';
import { toWindowSeconds } from '../metric-value-list.js';
import { whole } from '../object-figures.js';
import { renderQuantity } from '../quantity.js';
import { routeSchema } from '../route-schema.js';
import type { Selectors } from '../selectors.js';
import { Turns } from '../turns.js';

export interface ExplainDeps {
  readonly pods: Pods;
  readonly figures: Figures;
  readonly clock: Clock;
  readonly selectors: Selectors;
}

/** Pods explained in one answer: a person reads it. */
const PODS_MAX = 1_000;

const SCHEMA = routeSchema({
  operationId: 'explainMetric',
  summary:
    'Why a metric of pods has the values it has, or none: for each pod what it is made of, or the reason it is absent.',
  kind: { groupVersion: PODNET_GROUP_VERSION, kind: 'Explanation' },
  action: 'get',
  params: { namespace: 'Namespace of the pods.', metric: 'One of the names that custom.metrics.k8s.io serves.' },
  query: {
    labelSelector: 'Of the labels of the pods, as the HPA sends it.',
    metricLabelSelector: 'Of the labels of the series; window=30s chooses the time that a rate is averaged over.',
  },
  answer: Explanation,
});

/** GET …/namespaces/<ns>/explain/<metric>: the answer to "why does my HPA say unknown". */
export function explainRoute(app: App, deps: ExplainDeps): void {
  app.get<{ Params: { namespace: string; metric: string } }>(
    `/apis/${PODNET_GROUP_VERSION}/namespaces/:namespace/explain/:metric`,
    { schema: SCHEMA },
    ({ params, query }) => explain(params, query, deps),
  );
}

async function explain(
  { namespace, metric }: { readonly namespace: string; readonly metric: string },
  query: unknown,
  deps: ExplainDeps,
): Promise<Explanation> {
  checkPath({ namespace, metric });
  const { matches } = deps.selectors.ofObjects(queryValue(query, 'labelSelector') ?? '', 'labelSelector');
  const asked = parseFigureQuery(metric, 'metricLabelSelector', query, deps);
  if (asked === undefined) {
    throw new ApiError(
      'NotFound',
      `the server could not find the metric ${metric}; served are ${RATE_NAMES.join(', ')}`,
    );
  }
  const { pods, figures, clock } = deps;
  const nowMs = clock.monotonicMs();
  const turns = new Turns(clock);
  const isChosen = ({ labels }: KnownPod): boolean => matches(labelOf(labels));
  const names: string[] = [];
  await turns.each(pods.inNamespace(namespace, nowMs), (pod) => {
    if (isChosen(pod)) names.push(pod.name);
  });
  const running = new RunningSum();
  const explained: ExplainedPod[] = [];
  let considered = 0;
  await turns.each(names.sort(), (name) => {
    const pod = pods.get(namespace, name, nowMs);
    if (pod === undefined || !isChosen(pod)) return; // no more
    considered++;
    figures.addTo(running, pod, asked, nowMs);
    if (explained.length < PODS_MAX) explained.push(explainPod(pod, asked, nowMs, figures));
  });
  const { sum } = running;
  const total = sum.measure && renderQuantity(sum.measure.perSecond);
  return {
    apiVersion: PODNET_GROUP_VERSION,
    kind: 'Explanation',
    metadata: { name: metric, namespace },
    metric,
    window: renderDuration(asked.windowMs),
    pods: explained,
    ...(total !== undefined && { total }),
    members: sum.expected,
    present: sum.present,
    message: messageOf(considered, sum, deps),
  };
}

function messageOf(considered: number, sum: Parameters<typeof whole>[0], { pods }: ExplainDeps): string {
  const outcome = whole(sum);
  const source = pods.isListed ? '' : '; the list of the API server is not current, so the reports stand alone';
  const shown = considered > PODS_MAX ? `; the first ${PODS_MAX} are shown` : '';
  if (considered === 0) return `no pod of the namespace matches the labelSelector${source}`;
  const said = outcome.ok ? 'every pod that should have a value has one' : outcome.why;
  return `${considered} pods considered: ${said}${shown}${source}`;
}

function explainPod(pod: KnownPod, asked: AskedFigure, nowMs: number, figures: Figures): ExplainedPod {
  const { name, uid, series } = pod;
  const figure = figures.ofPod(pod, asked, nowMs);
  const summed = series === undefined ? [] : figures.summed(pod, series, asked);
  const samples = series === undefined ? [] : samplesIn(series.node, summed, asked, nowMs);
  const newest = samples.at(-1);
  return {
    ...{ name, uid, node: series?.node.node ?? '' },
    ...valueOf(figure),
    ...(figure.ok && { windowSeconds: toWindowSeconds(figure.spanMs) }),
    ...(figure.ok ? { ageSeconds: seconds(figure.ageMs) } : newest && { ageSeconds: seconds(newest.ageMs) }),
    samples: samples.map(({ ageMs, value }) => ({ ageSeconds: seconds(ageMs), value })),
    interfaces: series === undefined ? [] : explainInterfaces(pod, series, { asked, nowMs, figures }),
    ...(!figure.ok && { reason: figure.reason, message: ABSENCES[figure.reason] }),
  };
}

function explainInterfaces(
  pod: KnownPod,
  reported: PodSeries,
  { asked, nowMs, figures }: { readonly asked: AskedFigure; readonly nowMs: number; readonly figures: Figures },
): ExplainedInterface[] {
  if (asked.level === 'pod') return [];
  const matched = new Set(figures.matched(pod, reported, asked));
  const counted = new Set(figures.counted(pod, reported, asked));
  const undecided = new Set(figures.undecided(pod, reported, asked));
  return [...reported.interfaces.values()].map((series) => {
    const { network, nadNamespace } = series.meta;
    const figure = ofInterface(reported.node, series, asked, nowMs);
    const [isMatched, isCounted] = [matched.has(series), counted.has(series)];
    const left = isMatched ? 'stacked_on_a_counted_one' : 'not_selected';
    const known = isCounted ? (figure.ok ? undefined : figure.reason) : left;
    const reason = undecided.has(series) ? 'device_unknown' : known;
    return {
      ...{ name: series.name, network, nadNamespace, matched: isMatched, counted: isCounted },
      ...valueOf(figure),
      ...(reason !== undefined && { reason }),
    };
  });
}

function valueOf(figure: Figure): { readonly value?: string } {
  const value = figure.ok ? renderQuantity(figure.perSecond) : undefined;
  return value === undefined ? {} : { value };
}

/** To the millisecond. */
function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1_000;
}
