import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { Expected, type AskedWithin, type CheckOptions } from './expected.js';
import type { SimPod } from './world.js';

const LINE =
  /^podnet_interface_([a-z_]+)_total\{node="([^"]*)",namespace="([^"]*)",pod="([^"]*)",interface="(eth0|net\d+)"[^}]*\} (\S+)$/;
const COUNTED = /^podnet_interface_[a-z_]+_total\{/;
const COLUMNS = new Map(INTERFACE_COUNTERS.map((counter, column) => [familyOf(counter), column]));
/** Of a scrape; more are counted only: the first ones tell what is wrong. */
const MAX_TOLD = 20;

interface Scrape extends AskedWithin {
  readonly expected: Expected;
  readonly problems: string[];
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
  /** What was wrong with them. */
  violations = 0;

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
      else if (COUNTED.test(line)) this.#tell(`cannot be read: ${line}`);
    }
  }

  /** @param isWhole whether all lines were added: then none may be missing. @returns what was wrong with the scrape, the first ones */
  end(isWhole: boolean): string[] {
    const { world } = this.#options;
    const { fromMs, expected, problems } = this.#scrape;
    for (let node = 0; isWhole && node < world.options.nodes; node++) {
      for (const [slot, pod] of world.podsOf(node, fromMs).entries()) {
        if (!expected.mustBeThere(pod, 1)) continue;
        for (let series = 0; series < this.#seriesOfPod; series++) {
          const at = (node * world.options.pods + slot) * this.#seriesOfPod + series;
          if (this.#seenIn[at] !== this.#scrapes) this.#tell(`${pod.namespace}/${pod.name} has no series ${series}`);
        }
      }
    }
    return problems;
  }

  get #seriesOfPod(): number {
    return this.#options.world.options.interfaces * INTERFACE_COUNTERS.length;
  }

  #beginning(asked: AskedWithin): Scrape {
    return { ...asked, expected: new Expected(this.#options, asked), problems: [] };
  }

  #addSeries([line, family = '', node = '', namespace = '', name = '', device = '', text = '']: RegExpExecArray): void {
    const { world } = this.#options;
    const { expected, toMs } = this.#scrape;
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
      this.#tell(`does not exist: ${line}`);
      return;
    }
    const number = parseInt(name.split('-').at(-2) ?? '', 36);
    const at = (number * world.options.interfaces + iface) * INTERFACE_COUNTERS.length + column;
    if (this.#seenIn[at] === this.#scrapes) this.#tell(`is there twice: ${line}`);
    const value = Number(text);
    for (const problem of [
      expected.problemOfLife(pod, 1),
      this.#problemOfValue(pod, { iface, column, value }),
      this.#problemOfStep(pod, at, value),
    ]) {
      if (problem !== undefined) this.#tell(`${namespace}/${name} ${device} ${family} of node ${pod.node} ${problem}`);
    }
    this.#seenIn[at] = this.#scrapes;
    this.#lastValue[at] = value;
    this.#lastSeed[at] = pod.seed;
    // of which boot it is then nobody knows, and the next one may be of the present
    this.#lastBootedMs[at] = expected.mayBeOfEarlierBoot(pod) ? NaN : world.boot(pod.node, toMs).bootedMs;
  }

  /** Between what it was at its newest sample that the server must have, and what it is now. */
  #problemOfValue(
    pod: SimPod,
    { iface, column, value }: { readonly iface: number; readonly column: number; readonly value: number },
  ): string | undefined {
    const { world, excused } = this.#options;
    const { expected, toMs } = this.#scrape;
    const isLoose = excused?.(pod.node) === true;
    const countedAt = (ms: number): number => world.counter(pod, iface, column, Math.min(ms, pod.endsMs));
    const isOfEarlier = expected.mayBeOfEarlierBoot(pod);
    const known = isLoose || isOfEarlier ? undefined : expected.known(pod)[0];
    const least = known === undefined ? 0 : countedAt(known);
    const most = isOfEarlier
      ? Math.max(countedAt(toMs), countedAt(world.boot(pod.node, toMs).fromMs - 1))
      : countedAt(toMs);
    return value >= least && value <= most ? undefined : `is ${value}, and ${least} to ${most} is right`;
  }

  #problemOfStep(pod: SimPod, at: number, value: number): string | undefined {
    const { world } = this.#options;
    const before = this.#lastValue[at] ?? 0;
    const isSame =
      this.#lastSeed[at] === pod.seed && this.#lastBootedMs[at] === world.boot(pod.node, this.#scrape.toMs).bootedMs;
    return isSame && value < before && !this.#scrape.expected.mayBeOfEarlierBoot(pod)
      ? `stepped back from ${before} to ${value}`
      : undefined;
  }

  #tell(problem: string): void {
    const { problems } = this.#scrape;
    this.violations++;
    if (problems.length < MAX_TOLD) problems.push(problem);
  }
}

function familyOf(counter: string): string {
  return counter.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
