import { LRUCache } from 'lru-cache';
import type { IpamFamily, IpamSample } from '../../../openapi/ipam-report.js';
import { isSame } from '../same.js';

type Labels = Readonly<Record<string, string>>;

/** Characters of what is worth sharing: what is longer is seldom what two nodes have. */
const LONGEST = 512;
const NO_LABELS: Labels = {};

/**
 * Names, helps and sets of labels, which thousands of nodes have alike, held once: each report brings a copy of its own, which would be a
 * third of what a node takes.
 */
export class SharedTexts {
  readonly #texts = new LRUCache<string, string>({ max: 4_096 });
  readonly #labels = new LRUCache<string, Labels>({ max: 16_384 });

  /**
   * The same families, of shared parts.
   * @param before what the node told last: most of it is told again, and in its place
   */
  families(families: readonly IpamFamily[], before: readonly IpamFamily[]): IpamFamily[] {
    return families.map(({ name: told, type, help: toldHelp, samples: toldSamples }, i) => {
      const held = before[i]?.name === told ? before[i] : undefined;
      const name = held?.name ?? this.#text(told);
      // Not by spreads, whose objects have room for more: there are a hundred of each node.
      const samples = toldSamples.map((sample, j) => this.#sample(sample, held?.samples[j]));
      if (toldHelp === undefined) return { name, type, samples };
      const help = held?.help === toldHelp ? held.help : this.#text(toldHelp);
      return { name, type, help, samples };
    });
  }

  #sample(sample: IpamSample, held?: IpamSample): IpamSample {
    const isHeld = held !== undefined && isSame(held.labels, sample.labels);
    if (isHeld && held.value === sample.value && held.suffix === sample.suffix) return held;
    const { suffix, value } = sample;
    const labels = isHeld ? held.labels : this.#labelsOf(sample.labels);
    return suffix === undefined ? { labels, value } : { suffix, labels, value };
  }

  #text(text: string): string {
    return text.length > LONGEST ? text : sharedIn(this.#texts, text, text);
  }

  #labelsOf(labels: Labels): Labels {
    const key = JSON.stringify(labels);
    if (key === '{}') return NO_LABELS;
    return key.length > LONGEST ? labels : sharedIn(this.#labels, key, labels);
  }
}

function sharedIn<Value extends object | string>(cache: LRUCache<string, Value>, key: string, value: Value): Value {
  const held = cache.get(key);
  if (held !== undefined) return held;
  cache.set(key, value);
  return value;
}
