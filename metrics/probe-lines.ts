import { PROBE_COLUMNS, PROBE_REASONS, type ProbeKind } from '../openapi/report-terms.js';
import { blockOf } from './catalogue.js';
import type { AddLine } from './device-lines.js';
import { latencyBuckets, renderHistogram } from './histogram.js';
import type { NodeView, ProbeView } from './node-families.js';
import { COUNTED_PROBE_FAMILIES, NTP_OFFSET, NTP_STRATUM, PROBE_LABELS } from './probe-families.js';
import { labelPairs, renderLabels, renderSample } from './render.js';

type LabelPairs = Parameters<typeof renderLabels>[0];

/** What was counted under the same labels. */
export interface ProbeCounts<Meta> {
  /** Of one of those that were counted. */
  readonly meta: Meta;
  /** Their sum, in the order of PROBE_COLUMNS. */
  readonly row: readonly number[];
}

const BUCKETS = latencyBuckets();
const placed = (kind: ProbeKind) => {
  const { latency, errors } = COUNTED_PROBE_FAMILIES[kind];
  const reasons = PROBE_REASONS[kind].map((reason, i) => ({
    label: renderLabels([['reason', reason]]),
    column: PROBE_COLUMNS.failures + i,
  }));
  return {
    latency: { name: latency.name, block: blockOf(latency) },
    errors: { name: errors.name, block: blockOf(errors), reasons },
  };
};
const COUNTED = { dial: placed('dial'), dns: placed('dns'), ntp: placed('ntp') };
const NTP_GAUGES = [
  { name: NTP_OFFSET.name, block: blockOf(NTP_OFFSET), key: 'offsetSeconds' },
  { name: NTP_STRATUM.name, block: blockOf(NTP_STRATUM), key: 'stratum' },
] as const;

/** Lines of what an agent of role probe measured on a node. */
export function addProbes({ node, probes }: NodeView, add: AddLine): void {
  if (probes === undefined) return;
  const dials = countsByLabels('dial', probes.dials, ({ peer, host = '', network, family = '' }) =>
    withoutEmpty(labelPairs(PROBE_LABELS.dial, [node, peer?.node ?? '', peer?.zone ?? '', host, network, family])),
  );
  const lookups = countsByLabels('dns', probes.dns, ({ server, protocol, host }) =>
    labelPairs(PROBE_LABELS.dns, [node, server, protocol, host]),
  );
  const exchanges = countsByLabels('ntp', probes.ntp, ({ server }) => labelPairs(PROBE_LABELS.ntp, [node, server]));
  addCounts('dial', dials, add);
  addCounts('dns', lookups, add);
  addCounts('ntp', exchanges, add);
  for (const [labels, { meta }] of exchanges) {
    for (const { name, block, key } of NTP_GAUGES) {
      const value = meta[key] ?? NaN;
      if (!Number.isNaN(value)) add(block, renderSample(name, labels, value));
    }
  }
}

/**
 * What was counted, by the labels of its series: that of several with the same labels is added up. A series that is there twice costs a whole scrape. What has no reading is not among them.
 * @param labelsOf undefined for what is to be left out
 */
export function countsByLabels<Meta>(
  kind: ProbeKind,
  views: Iterable<ProbeView<Meta>>,
  labelsOf: (meta: Meta) => LabelPairs | undefined,
): ReadonlyMap<string, ProbeCounts<Meta>> {
  const width = PROBE_COLUMNS.failures + PROBE_REASONS[kind].length;
  const found = new Map<string, { readonly meta: Meta; readonly row: number[] }>();
  for (const { meta, row } of views) {
    const pairs = labelsOf(meta);
    const reading = Array.from({ length: width }, (_, column) => row[column] ?? NaN);
    if (pairs === undefined || reading.some(Number.isNaN)) continue;
    const labels = renderLabels(pairs);
    const sum = found.get(labels)?.row;
    if (sum === undefined) found.set(labels, { meta, row: reading });
    else for (const [column, value] of reading.entries()) sum[column] = (sum[column] ?? 0) + value;
  }
  return found;
}

/** Every reason from the beginning, so that `increase()` sees the first failure of each. */
function addCounts(kind: ProbeKind, counts: ReadonlyMap<string, ProbeCounts<unknown>>, add: AddLine): void {
  const { latency, errors } = COUNTED[kind];
  for (const [labels, { row }] of counts) {
    add(latency.block, renderHistogram(latency.name, labels, { row, buckets: BUCKETS }));
    for (const { label, column } of errors.reasons) {
      add(errors.block, renderSample(errors.name, `${labels},${label}`, row[column] ?? NaN));
    }
  }
}

function withoutEmpty(pairs: LabelPairs): LabelPairs {
  return pairs.filter(([, value]) => value !== '');
}
