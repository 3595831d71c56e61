import type { IpamFamily, IpamPool } from '../../openapi/ipam-report.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';

/** Characters of the labels and helps of a report together: ten times what the largest node has. No agent can fill the memory with them. */
const TEXT_MAX = 1024 * 1024;

/** How much one report may say of IP addresses, all sources together. What does not fit takes nothing. */
export class IpamRoom {
  #samples: number = REPORT_LIMITS.ipamSamples;
  #text = TEXT_MAX;

  /** @returns why there is no room for so many samples; undefined where there was */
  takeSamples(count: number): string | undefined {
    if (count > this.#samples) return `more than ${REPORT_LIMITS.ipamSamples} samples together`;
    this.#samples -= count;
    return undefined;
  }

  /** @returns why there is no room for the texts of a family; undefined where there was */
  takeFamily({ name, help = '', samples }: IpamFamily): string | undefined {
    return this.#takeText(samples.reduce((sum, { labels }) => sum + lengthOf(labels), name.length + help.length));
  }

  /** @returns why there is no room for those of a pool; undefined where there was */
  takePool({ labels }: Pick<IpamPool, 'labels'>): string | undefined {
    return this.#takeText(lengthOf(labels));
  }

  #takeText(characters: number): string | undefined {
    if (characters > this.#text) return `more than ${TEXT_MAX} characters of labels together`;
    this.#text -= characters;
    return undefined;
  }
}

function lengthOf(labels: Readonly<Record<string, string>>): number {
  let length = 0;
  for (const name in labels) length += name.length + (labels[name] ?? '').length;
  return length;
}
