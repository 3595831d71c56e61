import type { ProbesView, ProbeView } from '../../metrics/node-families.js';
import type { ProbeKind } from '../../openapi/report-terms.js';
import type { CounterSeries } from './counter-series.js';
import type { NodeProbes } from './node-probes.js';
import type { ProbeSeries, ReportedProbes } from './probe-series.js';

/**
 * What the probes of a node counted last; undefined where nothing of that is of the present.
 * @param freshRow the newest row of a series; -1 where that says nothing of the present
 */
export function probesOf(
  { dial, dns, ntp, internalErrors }: NodeProbes,
  freshRow: (series: CounterSeries) => number,
): ProbesView | undefined {
  const viewsOf = <Kind extends ProbeKind>(held: ReadonlyMap<string, ProbeSeries<Kind>>) => {
    const views: ProbeView<ReportedProbes[Kind]>[] = [];
    for (const [, series] of [...held].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const row = freshRow(series);
      const start = row * series.width;
      if (row >= 0) views.push({ meta: series.reported, row: series.values.subarray(start, start + series.width - 1) });
    }
    return views;
  };
  const view = { dials: viewsOf(dial), dns: viewsOf(dns), ntp: viewsOf(ntp), internalErrors: internalErrors ?? {} };
  const isEmpty = view.dials.length + view.dns.length + view.ntp.length === 0;
  return isEmpty && internalErrors === undefined ? undefined : view;
}
