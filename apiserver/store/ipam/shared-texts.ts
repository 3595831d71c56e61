import { LRUCache } from 'lru-cache';
import type { IpamFamily } from '../../../openapi/ipam-report.js';

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

  /** The same families, of shared parts. */
  families(families: readonly IpamFamily[]): IpamFamily[] {
    return families.map(({ name, type, help, samples }) => ({
      ...{ name: this.#text(name), type },
      ...(help !== undefined && { help: this.#text(help) }),
      samples: samples.map((sample) => ({ ...sample, labels: this.#labelsOf(sample.labels) })),
    }));
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
