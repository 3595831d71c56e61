import { mix, type World } from './world.js';

const PHASE = 11;

/** When agents take their samples: known to whoever asks, so that it can be told what a server has to know by now. */
export class SampleTimes {
  constructor(
    readonly world: World,
    readonly intervalMs: number,
  ) {}

  /** When the first one of a node is due, on the machine's monotonic clock: somewhere in the interval. */
  firstMs(node: number): number {
    return this.world.options.startMs + ((mix(node, PHASE) % 10_000) / 10_000) * this.intervalMs;
  }

  /** How many are due from a time to another, both included, whether or not there is an agent to take them. */
  count(node: number, fromMs: number, toMs: number): number {
    const first = Math.max(0, Math.ceil((fromMs - this.firstMs(node)) / this.intervalMs));
    const last = Math.floor((toMs - this.firstMs(node)) / this.intervalMs);
    return Math.max(0, last - first + 1);
  }

  /**
   * The newest of them that are taken and sent for sure, newest first: an agent was there when it was due, and for so long after it.
   * @param slackMs milliseconds
   * @param most no more are wanted
   */
  sent(
    node: number,
    within: { readonly fromMs: number; readonly toMs: number; readonly slackMs: number; readonly most: number },
  ): number[] {
    const { fromMs, toMs, slackMs, most } = within;
    const firstMs = this.firstMs(node);
    const passed = Math.floor((toMs - slackMs - firstMs) / this.intervalMs);
    const sent: number[] = [];
    for (let ms = firstMs + passed * this.intervalMs; ms >= fromMs && ms >= firstMs && sent.length < most;) {
      const { startedMs, endsMs } = this.world.instance(node, ms);
      if (startedMs <= ms && ms + slackMs < endsMs) sent.push(ms);
      ms -= this.intervalMs;
    }
    return sent;
  }
}
