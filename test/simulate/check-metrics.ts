import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { Expected, howeverLate, type AskedWithin, type CheckOptions } from './expected.js';
import { Problems } from './problems.js';
import type { SimPod } from './world.js';

const LINE =
  /^podnet_interface_([a-z_]+)_total\{node="([^"]*)",namespace="([^"]*)",pod="([^"]*)",interface="(eth0|net\d+)"[^}]*\} (\S+)$/;
const COUNTED = /^podnet_interface_[a-z_]+_total\{/;
const COLUMNS = new Map(INTERFACE_COUNTERS.map((counter, column) => [familyOf(counter), column]));

interface Scrape extends AskedWithin {
  readonly expected: Expected;
  /** Of a server that reports may not have reached in time. */
  readonly atLeast: Expected;
  readonly problems: Problems;
}

interface Seen {
  readonly pod: SimPod;
  /** Into the columns. */
  readonly at: number;
  readonly iface: number;
  readonly column: number;
  readonly value: number;
}

/** Checks one scrape of /metrics after the other, and that no counter steps back from one to the next. */
export class MetricsCheck {
  readonly #options: CheckOptions;
  #scrapes = 0;
  /** By pod's number, interface and column: columns of numbers, as there are millions. */
  readonly #seenIn: Int32Array;
  readonly #lastValue: Float64Array;
  /** Low 32 bits of the seed of the pod that it was of: another one is another counter. */
  readonly #lastSeed: Uint32Array;
  readonly #lastBootedMs: Float64Array;
  #scrape: Scrape;
  /** Series that were looked at so far. */
  series = 0;

  constructor(options: CheckOptions) {
    this.#options = options;
    const { nodes, pods, interfaces } = options.world.options;
    const size = nodes * pods * interfaces * INTERFACE_COUNTERS.length;
    this.#seenIn = new Int32Array(size);
    this.#lastValue = new Float64Array(size);
    this.#lastSeed = new Uint32Array(size);
    this.#lastBootedMs = new Float64Array(size);
    this.#scrape = this.#beginning({ fromMs: NaN, toMs: NaN });
  }

  begin(asked: AskedWithin): void {
    this.#scrapes++;
    this.#scrape = this.#beginning(asked);
  }

  /** Takes whole lines. */
  add(text: string): void {
    for (const line of text.split('\n')) {
      const found = LINE.exec(line);
      if (found !== null) this.#addSeries(found);
      else if (COUNTED.test(line)) this.#scrape.problems.addWrong(`cannot be read: ${line}`);
    }
  }

  /** @param isWhole whether all lines were added: then none may be missing. @returns what was wrong with the scrape */
  end(isWhole: boolean): Problems {
    const { world } = this.#options;
    const { fromMs, expected, problems } = this.#scrape;
    for (let node = 0; isWhole && node < world.options.nodes; node++) {
      for (const [slot, pod] of world.podsOf(node, fromMs).entries()) {
        if (!expected.mustBeThere(pod, 1)) continue;
        for (let series = 0; series < this.#seriesOfPod; series++) {
          const at = (node * world.options.pods + slot) * this.#seriesOfPod + series;
          if (this.#seenIn[at] !== this.#scrapes)
            problems.addLate(`${pod.namespace}/${pod.name} has no series ${series}`);
        }
      }
    }
    return problems;
  }

  get #seriesOfPod(): number {
    return this.#options.world.options.interfaces * INTERFACE_COUNTERS.length;
  }

  #beginning(asked: AskedWithin): Scrape {
    return {
      ...asked,
      expected: new Expected(this.#options, asked),
      atLeast: new Expected(howeverLate(this.#options), asked),
      problems: new Problems(),
    };
  }

  #addSeries([line, family = '', node = '', namespace = '', name = '', device = '', text = '']: RegExpExecArray): void {
    const { world } = this.#options;
    const { expected, atLeast, problems, toMs } = this.#scrape;
    this.series++;
    const pod = expected.podNamed(namespace, name);
    const column = COLUMNS.get(family);
    const iface = device === 'eth0' ? 0 : Number(device.slice('net'.length));
    if (
      pod === undefined ||
      world.nodeName(pod.node) !== node ||
      column === undefined ||
      iface >= world.options.interfaces
    ) {
      problems.addWrong(`does not exist: ${line}`);
      return;
    }
    const number = parseInt(name.split('-').at(-2) ?? '', 36);
    const at = (number * world.options.interfaces + iface) * INTERFACE_COUNTERS.length + column;
    if (this.#seenIn[at] === this.#scrapes) problems.addWrong(`is there twice: ${line}`);
    const value = Number(text);
    const seen = { pod, at, iface, column, value };
    const strictly = this.#problemsOf(seen, expected);
    if (strictly.length > 0) {
      const label = `${namespace}/${name} ${device} ${family} of node ${pod.node}`;
      problems.add(label, strictly, this.#problemsOf(seen, atLeast));
    }
    this.#seenIn[at] = this.#scrapes;
    this.#lastValue[at] = value;
    this.#lastSeed[at] = pod.seed;
    // of which boot it is then nobody knows, and the next one may be of the present
    this.#lastBootedMs[at] = atLeast.mayBeOfEarlierBoot(pod) ? NaN : world.boot(pod.node, toMs).bootedMs;
  }

  #problemsOf(seen: Seen, expected: Expected): string[] {
    return [
      expected.problemOfLife(seen.pod, 1),
      this.#problemOfValue(seen, expected),
      this.#problemOfStep(seen, expected),
    ].filter((problem) => problem !== undefined);
  }

  /** Between what it was at its newest sample that the server must have, or may have if it is not stale, and what it is now. */
  #problemOfValue({ pod, iface, column, value }: Seen, expected: Expected): string | undefined {
    const { world } = this.#options;
    const { toMs } = this.#scrape;
    const countedAt = (ms: number): number => world.counter(pod, iface, column, Math.min(ms, pod.endsMs));
    const isOfEarlier = expected.mayBeOfEarlierBoot(pod);
    const least = isOfEarlier ? 0 : countedAt(expected.oldestMs(pod));
    const most = isOfEarlier
      ? Math.max(countedAt(toMs), countedAt(world.boot(pod.node, toMs).fromMs - 1))
      : countedAt(toMs);
    return value >= least && value <= most ? undefined : `is ${value}, and ${least} to ${most} is right`;
  }

  #problemOfStep({ pod, at, value }: Seen, expected: Expected): string | undefined {
    const { world } = this.#options;
    const before = this.#lastValue[at] ?? 0;
    const isSame =
      this.#lastSeed[at] === pod.seed && this.#lastBootedMs[at] === world.boot(pod.node, this.#scrape.toMs).bootedMs;
    return isSame && value < before && !expected.mayBeOfEarlierBoot(pod)
      ? `stepped back from ${before} to ${value}`
      : undefined;
  }
}

function familyOf(counter: string): string {
  return counter.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
