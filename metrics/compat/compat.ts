import type { InterfaceDescription, NodeView, PodDescription } from '../node-families.js';
import { renderLabels, renderSample } from '../render.js';
import type { MetricFamily } from '../catalogue.js';
import type { ExtraFamily } from '../ipam/lines.js';
import { CNI_METRICS_HELPER } from './cni-metrics-helper.js';
import { NET_EXPORTER } from './net-exporter.js';
import { NETWORK_METRICS_DAEMON } from './network-metrics-daemon.js';
import type { CompatInterface, CompatInterfaceSet, CompatReadSet, CompatSet, CompatTotal } from './predecessor.js';
import { PROMETHEUS_NETWORK_SHIM } from './prometheus-network-shim.js';
import { SRIOV_NETWORK_METRICS_EXPORTER } from './sriov-network-metrics-exporter.js';

/** What --compat takes: predecessors whose families are served as well. */
export const COMPAT_NAMES = [
  'network-metrics-daemon',
  'prometheus-network-shim',
  'sriov-network-metrics-exporter',
  'net-exporter',
  'cni-metrics-helper',
] as const;
export type CompatName = (typeof COMPAT_NAMES)[number];

/** Of the flag, which both programs have. */
export const COMPAT_HELP =
  'Predecessors whose families are served as well, under their names (docs/compat.md); beside the original exporters they count twice.';

const SETS: Readonly<Record<CompatName, readonly CompatSet[]>> = {
  'network-metrics-daemon': NETWORK_METRICS_DAEMON,
  'prometheus-network-shim': PROMETHEUS_NETWORK_SHIM,
  'sriov-network-metrics-exporter': SRIOV_NETWORK_METRICS_EXPORTER,
  'net-exporter': NET_EXPORTER,
  'cni-metrics-helper': CNI_METRICS_HELPER,
};

interface InterfaceLabels {
  readonly node: string;
  readonly pod: PodDescription;
  /** One text a set of interfaces, undefined where the interface has no series in it. */
  readonly texts: readonly (string | undefined)[];
}

/** The families of predecessors, rendered from the same view of a node as podnet's own. */
export class Compat {
  readonly families: readonly MetricFamily[];
  /** Totals of the cluster, which the apiserver serves besides. */
  readonly totals: readonly CompatTotal[];
  readonly #sets: readonly CompatSet[];
  readonly #ofInterfaces: readonly CompatInterfaceSet[];
  readonly #read: readonly CompatReadSet[];
  /** Kept for as long as the descriptions of interface and pod are the same objects. */
  readonly #labels = new WeakMap<InterfaceDescription, InterfaceLabels>();

  constructor(names: readonly CompatName[]) {
    this.#sets = [...new Set(names)].flatMap((name) => SETS[name]);
    this.#ofInterfaces = this.#sets.filter((set) => 'labelsOf' in set);
    this.#read = this.#sets.filter((set) => 'readOf' in set);
    this.totals = this.#read.flatMap(({ totals }) => totals);
    this.families = this.#sets.flatMap(({ families }) => families);
  }

  /** Sample lines of a node, one text for each of `families` and in their order. A counter that is not known has no line. */
  render(view: NodeView): string[] {
    const ofInterfaces = this.#renderInterfaces(view);
    return this.#sets.flatMap((set) => ('linesOf' in set ? set.linesOf(view) : (ofInterfaces.get(set) ?? [])));
  }

  /** What the node alone knows the names of as well, which its agent serves besides. */
  read(view: NodeView): ExtraFamily[] {
    return this.#read.flatMap(({ readOf }) => readOf(view));
  }

  /** A pod on the node's network has none: it would be given the node's traffic. */
  #renderInterfaces(view: NodeView): ReadonlyMap<CompatSet, string[]> {
    const sets = this.#ofInterfaces.map((set) => ({ set, lines: set.families.map(() => '') }));
    const rendered = new Map<CompatSet, string[]>(sets.map(({ set, lines }) => [set, lines]));
    if (sets.length === 0) return rendered;
    for (const { meta: pod, interfaces } of view.pods) {
      if (pod.hostNetwork || pod.machine === true) continue;
      const items = [...interfaces].map(({ meta, counters }) => ({
        counters,
        texts: this.#textsOf({ node: view.node, pod, meta }),
      }));
      for (const [i, { set, lines }] of sets.entries()) {
        const shared = repeated(items.map(({ texts }) => texts[i]));
        for (const { counters, texts } of items) {
          const labels = texts[i];
          if (labels === undefined || shared.has(labels)) continue;
          for (const [j, { name, column }] of set.families.entries()) {
            const value = column === undefined ? 0 : (counters[column] ?? NaN);
            if (!Number.isNaN(value)) lines[j] = (lines[j] ?? '') + renderSample(name, labels, value);
          }
        }
      }
    }
    return rendered;
  }

  #textsOf(item: CompatInterface): InterfaceLabels['texts'] {
    const { node, pod, meta } = item;
    const known = this.#labels.get(meta);
    if (known?.pod === pod && known.node === node) return known.texts;
    const texts = this.#ofInterfaces.map(({ labelsOf }) => {
      const pairs = labelsOf(item);
      return pairs === undefined ? undefined : renderLabels(pairs);
    });
    this.#labels.set(meta, { node, pod, texts });
    return texts;
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Labels that several interfaces of a pod would share (macvlans on one device of the node): such a series would be of neither. */
function repeated(texts: readonly (string | undefined)[]): ReadonlySet<string> {
  if (texts.length < 2) return NONE;
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const text of texts) {
    if (text === undefined) continue;
    if (seen.has(text)) twice.add(text);
    seen.add(text);
  }
  return twice;
}
