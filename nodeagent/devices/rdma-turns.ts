import type { DeviceCounters, VirtualFunction } from './device.js';

/** Read in one sweep, of some fifty files each, 10 µs a file. More VFs with an owner are seldom. */
const AT_A_TIME = 64;
const NONE: DeviceCounters = new Map();

/**
 * What the RDMA devices of VFs count. A sweep reads those that were not read for the longest time, as many as it has time for. Of the others
 * nothing is known in it: what was read before may be of the time of another owner.
 */
export class RdmaTurns {
  readonly #read: (vf: VirtualFunction) => DeviceCounters;
  /** The sweep in which each VF had its turn last. */
  #turnOf = new Map<string, number>();
  #sweep = 0;

  constructor(read: (vf: VirtualFunction) => DeviceCounters) {
    this.#read = read;
  }

  /** To be called at the beginning of a sweep. @param vfs those of interest: others are forgotten */
  begin(vfs: readonly VirtualFunction[]): void {
    this.#sweep++;
    const keys = vfs.filter(({ rdmaDevices }) => rdmaDevices.length > 0).map(keyOf);
    this.#turnOf = new Map(keys.map((key) => [key, this.#turnOf.get(key) ?? 0]));
    const byAge = [...this.#turnOf].sort(([, a], [, b]) => a - b);
    for (const [key] of byAge.slice(0, AT_A_TIME)) this.#turnOf.set(key, this.#sweep);
  }

  /** Nothing of a VF that is of no interest, or does not have its turn. */
  countersOf(vf: VirtualFunction): DeviceCounters {
    return this.#turnOf.get(keyOf(vf)) === this.#sweep ? this.#read(vf) : NONE;
  }
}

function keyOf({ pciAddress, rdmaDevices }: VirtualFunction): string {
  return [pciAddress, ...rdmaDevices].join(' ');
}
