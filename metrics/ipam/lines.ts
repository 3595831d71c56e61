import type { IpamPool, IpamSample } from '../../openapi/ipam-report.js';
import type { IpamType } from '../../openapi/report-terms.js';
import { NODE_FAMILIES, blockOf, type MetricFamily } from '../catalogue.js';
import type { AddLine } from '../device-lines.js';
import { NODE_LABEL } from '../labels.js';
import type { IpamSourceView, NodeView } from '../node-families.js';
import { canonicalNumber, labelPairs, renderLabels, renderSample } from '../render.js';
import { freeAddresses } from './free-addresses.js';
import { NODE_EXHAUSTION, NODE_FREE, RANGE_EXHAUSTION } from './known-families.js';
import { typeOf } from './refused-families.js';
import { knownFamilyOf, servedFamily } from './served-families.js';
import { PART_LABELS, groupSeries, partNumber } from './series.js';
import { exhaustionSeconds, slopeOf } from './trend.js';

type Pairs = readonly (readonly [name: string, value: string])[];

/** A family that nobody knew beforehand, of one node. */
export interface ExtraFamily {
  readonly family: MetricFamily;
  /** Its samples, each a line. */
  readonly lines: string;
}

const BLOCKS = new Map(NODE_FAMILIES.map((family, block) => [family, block]));
const DERIVED = {
  free: blockOf(NODE_FREE),
  exhaustion: blockOf(NODE_EXHAUSTION),
  rangeExhaustion: blockOf(RANGE_EXHAUSTION),
};

/** Lines of the families of a node's IP addresses that are known beforehand, and of what is reckoned from them. */
export function addIpam({ node, ipam = [] }: NodeView, add: AddLine): void {
  for (const source of ipam) {
    for (const { name, samples } of source.families) {
      const known = knownFamilyOf(source.name, name);
      const block = known === undefined ? undefined : BLOCKS.get(known.family);
      if (known === undefined || block === undefined) continue;
      const labelsOf = labelsOfNode(node, known.family);
      add(block, renderSamples(known.family.name, known.type, { samples: inUnits(samples, known.divisor), labelsOf }));
    }
    if (source.name === 'awscni') addNodePool(node, source, add);
    else addRanges(node, source, add);
  }
}

/** Samples in the unit of the family that is served: a number of events has none. */
function inUnits(samples: readonly IpamSample[], divisor: number | undefined): readonly IpamSample[] {
  if (divisor === undefined) return samples;
  return samples.map((sample) => (sample.suffix === '_count' ? sample : { ...sample, value: sample.value / divisor }));
}

/** The families of a node's IP addresses that are not known beforehand, in the order in which its sources tell them. */
export function extraFamilies({ node, ipam = [] }: NodeView): ExtraFamily[] {
  return ipam.flatMap(({ name: source, families }) =>
    families.flatMap((told) => {
      const family = knownFamilyOf(source, told.name) === undefined ? servedFamily(source, told) : undefined;
      if (family === undefined || told.samples.length === 0) return [];
      const { samples } = told;
      const labelsOf = labelsOfNode(node, family);
      return [{ family, lines: renderSamples(family.name, typeOf(source, told), { samples, labelsOf }) }];
    }),
  );
}

/**
 * Samples as lines, those of one series side by side.
 * @param labelsOf the labels of a sample as they are printed
 */
export function renderSamples(
  name: string,
  type: IpamType,
  { samples, labelsOf }: { readonly samples: readonly IpamSample[]; readonly labelsOf: (sample: IpamSample) => string },
): string {
  const part = PART_LABELS[type];
  const ordered = part === undefined ? samples : groupSeries(samples, part).flat();
  return ordered.map((sample) => renderSample(name + (sample.suffix ?? ''), labelsOf(sample), sample.value)).join('');
}

/** Labels of known families as they are printed, without the node: nodes have most of them in common, and again and again. */
const PRINTED = new Map(NODE_FAMILIES.map((family) => [family, new WeakMap<IpamSample['labels'], string>()]));

/** The node, then the labels of the family in its order, then what else the sample has, by name; what tells samples of a series apart last. */
function labelsOfNode(node: string, family: MetricFamily): (sample: IpamSample) => string {
  const ofNode = renderLabels([[NODE_LABEL, node]]);
  const printed = PRINTED.get(family);
  return ({ labels }) => {
    const own = printed?.get(labels) ?? renderLabels(pairsOf(family, labels));
    printed?.set(labels, own);
    return own === '' ? ofNode : `${ofNode},${own}`;
  };
}

function pairsOf({ type, labels: known }: MetricFamily, labels: IpamSample['labels']): Pairs {
  const part = type === 'histogram' || type === 'summary' ? PART_LABELS[type] : undefined;
  const names = known.filter((name) => name !== NODE_LABEL && Object.hasOwn(labels, name));
  const others = Object.keys(labels).filter((name) => name !== part && !names.includes(name));
  const own = [...names, ...others.sort()].map((name) => [exportedName(name), labels[name] ?? ''] as const);
  const text = part === undefined ? undefined : labels[part];
  const last = part === undefined || text === undefined ? [] : [[part, canonicalNumber(partNumber(text))] as const];
  return [...own, ...last];
}

/**
 * A label of a source that has the name of ours: as a Prometheus does it. One that is already called so gets it once more, so that no two
 * have one name.
 */
function exportedName(name: string): string {
  return /^(?:exported_)*node$/.test(name) ? `exported_${name}` : name;
}

function addNodePool(node: string, { families, pools }: IpamSourceView, add: AddLine): void {
  const labels = renderLabels([[NODE_LABEL, node]]);
  const free = freeAddresses(families);
  if (free !== undefined) add(DERIVED.free, renderSample(NODE_FREE.name, labels, free));
  const seconds = exhaustionOf(pools.find((pool) => Object.keys(pool.labels).length === 0));
  if (seconds !== undefined) add(DERIVED.exhaustion, renderSample(NODE_EXHAUSTION.name, labels, seconds));
}

function addRanges(node: string, { pools }: IpamSourceView, add: AddLine): void {
  const seen = new Set<string>();
  for (const pool of pools) {
    const { network = '', range = '' } = pool.labels;
    const labels = renderLabels(labelPairs(RANGE_EXHAUSTION.labels, [node, network, range]));
    const seconds = range === '' || seen.has(labels) ? undefined : exhaustionOf(pool);
    seen.add(labels);
    if (seconds !== undefined) add(DERIVED.rangeExhaustion, renderSample(RANGE_EXHAUSTION.name, labels, seconds));
  }
}

function exhaustionOf(pool: IpamPool | undefined): number | undefined {
  const free = pool?.samples.at(-1)?.[1];
  return pool === undefined || free === undefined ? undefined : exhaustionSeconds(free, slopeOf(pool.samples));
}
