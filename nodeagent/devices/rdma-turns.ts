import type { DeviceCounters, VirtualFunction } from './device.js';

/** Read in one sweep, of some fifty files each: 10 µs a file. */
const AT_A_TIME = 32;
const NONE: DeviceCounters = new Map();

/** What is known of one VF. */
interface Known {
  counters: DeviceCounters;
  /** The sweep in which it was read. */
  sweep: number;
}

/**
 * What the RDMA devices of VFs count. A sweep reads those that were not read for the longest time, as many as it has time for; the others
 * stand at what they were read last.
 */
export class RdmaTurns {
  readonly #read: (vf: VirtualFunction) => DeviceCounters;
  #known = new Map<string, Known>();
  #turns: ReadonlySet<string> = new Set();
  #sweep = 0;

  constructor(read: (vf: VirtualFunction) => DeviceCounters) {
    this.#read = read;
  }

  /** To be called at the beginning of a sweep. @param vfs those of interest: others are forgotten */
  begin(vfs: readonly VirtualFunction[]): void {
    this.#sweep++;
    const wanted = vfs.filter(({ rdmaDevices }) => rdmaDevices.length > 0);
    const before = this.#known;
    this.#known = new Map(wanted.map((vf) => [keyOf(vf), before.get(keyOf(vf)) ?? { counters: NONE, sweep: 0 }]));
    const byAge = [...this.#known].sort(([, a], [, b]) => a.sweep - b.sweep);
    this.#turns = new Set(byAge.slice(0, AT_A_TIME).map(([key]) => key));
  }

  /** Nothing of a VF that is of no interest, or has not had its turn yet. */
  countersOf(vf: VirtualFunction): DeviceCounters {
    const key = keyOf(vf);
    const known = this.#known.get(key);
    if (known === undefined) return NONE;
    if (this.#turns.has(key) && known.sweep !== this.#sweep) {
      known.counters = this.#read(vf);
      known.sweep = this.#sweep;
    }
    return known.counters;
  }
}

/** Other devices on a VF count something else. */
function keyOf({ pciAddress, rdmaDevices }: VirtualFunction): string {
  return [pciAddress, ...rdmaDevices].join(' ');
}
