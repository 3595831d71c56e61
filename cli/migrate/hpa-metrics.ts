// What an HPA reads of podnet in the place of a query that somebody else answers it from.
import { DIAL_LATENCY, RATE_FAMILIES } from '../../metrics/catalogue.js';
import { IPAM_FIGURES } from '../../metrics/ipam/figures.js';
import type { Finding } from './finding.js';
import type { OldFamily } from './predecessors/predecessor.js';

/** The metric of custom.metrics.k8s.io that is of the same; undefined where there is none. */
function hpaMetricOf({ name, ours }: OldFamily): string | undefined {
  const counter = (ours?.joined ?? ours?.name ?? '').replace(/^podnet_vf_/, 'podnet_interface_');
  if (counter.startsWith(DIAL_LATENCY.family)) return DIAL_LATENCY.metricName;
  const rate = RATE_FAMILIES.find((family) => family.name === counter);
  return rate?.rateName ?? IPAM_FIGURES.find(({ reads }) => reads === name)?.metricName;
}

/** With the better way of an HPA to what the query is of. */
export function withHpaMetrics(finding: Finding | undefined, families: readonly OldFamily[]): Finding | undefined {
  const names = [...new Set(families.flatMap((family) => hpaMetricOf(family) ?? []))];
  if (finding === undefined || names.length === 0) return finding;
  const metrics = names.length > 3 ? [...names.slice(0, 3), '…'] : names;
  const note = `an HPA needs no query for it: podnet answers ${metrics.join(', ')} on custom.metrics.k8s.io (docs/migrate/prometheus-adapter.md has the selectors)`;
  return { ...finding, notes: [note, ...finding.notes] };
}
