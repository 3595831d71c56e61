import { VF_COUNTERS } from '../../openapi/report-terms.js';
import type { DeviceCounters } from './device.js';

/** What is known of the counters of a VF: all were 0 the first time, they have been 0 ever since, or one of them was not. */
type Known = 'zeros once' | 'zeros' | 'counted';

/**
 * Tells zeros that a VF counted from those that stand for "not known": the kernel fills in zeros before it asks a driver for the counters
 * of a VF, and does not look whether that failed, as it does while the VF is reset.
 *
 * - A VF that had counted something and has all zeros now is not believed until it counts again. One that was really reset is not known
 *   until then, either.
 * - Zeros of a VF that is new here are believed the second time: were they a failure, all that it counted in its life would be growth
 *   of its owner's the next time.
 * @see Linux net/core/rtnetlink.c, rtnl_fill_vfinfo()
 */
export class ZeroGuard {
  readonly #known = new Map<string, Known>();

  /** @param vf names it; counters that are not of VF_COUNTERS do not matter */
  isBelievable(vf: string, counters: DeviceCounters): boolean {
    const before = this.#known.get(vf);
    if (hasCounted(counters)) this.#known.set(vf, 'counted');
    else if (before === undefined) this.#known.set(vf, 'zeros once');
    else if (before === 'zeros once') this.#known.set(vf, 'zeros');
    const now = this.#known.get(vf);
    return now === 'zeros' || (now === 'counted' && hasCounted(counters));
  }

  /** Forgets the VFs that are not among these: what comes in their place is another one. */
  keepOnly(vfs: ReadonlySet<string>): void {
    for (const vf of this.#known.keys()) {
      if (!vfs.has(vf)) this.#known.delete(vf);
    }
  }
}

/** Whether a counter of VF_COUNTERS is other than 0. */
function hasCounted(counters: DeviceCounters): boolean {
  return VF_COUNTERS.some((name) => (counters.get(name) ?? 0n) !== 0n);
}
