import type { Clock } from '../../runtime/clock.js';
import type { ClaimedDevice } from '../devices/allocation.js';
import { deviceKey } from '../devices/claims.js';
import type { DecodedSlice } from './decode-resource-claim.js';

export interface ResourceSlicesDeps {
  /** Those of this node. */
  readonly list: (signal: AbortSignal) => Promise<readonly DecodedSlice[]>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** No list follows another sooner; it doubles while devices stay unknown. */
const PAUSE_MS = { least: 60_000, most: 600_000 } as const;
/** A driver may give the name of a device to another one, once nobody has it. */
const FRESH_MS = 600_000;
/** A report has room for half of it in VFs; a node has other devices, too. */
const MAX_DEVICES = 16_384;
const MAX_UNKNOWN = 1_024;

/** PCI addresses of the devices of this node, as the DRA drivers publish them. Listed when a device is not known, else not at all. */
export class ResourceSlices {
  readonly #deps: ResourceSlicesDeps;
  /** By device; empty of what is there and has none. */
  #addresses: ReadonlyMap<string, string> = new Map();
  /** Devices that were asked for and are in no slice. */
  readonly #unknown = new Set<string>();
  #isWanted = false;
  #listedMs = -Infinity;
  #triedMs = -Infinity;
  #refusedUntilMs = -Infinity;
  #pauseMs: number = PAUSE_MS.least;

  constructor(deps: ResourceSlicesDeps) {
    this.#deps = deps;
  }

  /** In lower case. That one is not known is noted: the slices are then due. */
  pciAddressOf(device: ClaimedDevice): string | undefined {
    const key = deviceKey(device);
    const address = this.#addresses.get(key);
    if (address === undefined) this.#want(key);
    return address === '' ? undefined : address;
  }

  /** A device was given away anew: what is known of it may be of long ago. */
  noteGiven(): void {
    if (this.#deps.clock.monotonicMs() - this.#listedMs >= FRESH_MS) this.#isWanted = true;
  }

  get isDue(): boolean {
    const nextMs = Math.max(this.#refusedUntilMs, this.#triedMs + this.#pauseMs);
    return this.#isWanted && this.#deps.clock.monotonicMs() >= nextMs;
  }

  /** What was known stays where it fails. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { list, clock } = this.#deps;
    try {
      this.#addresses = addressesOf(await list(signal));
      this.#listedMs = clock.monotonicMs();
      for (const key of this.#unknown) if (this.#addresses.has(key)) this.#unknown.delete(key);
    } finally {
      this.#isWanted = false;
      // the first list does not count: nothing was unknown in spite of it
      if (this.#triedMs !== -Infinity) this.#pauseMs = Math.min(PAUSE_MS.most, 2 * this.#pauseMs);
      this.#triedMs = clock.monotonicMs();
    }
  }

  /** After a refusal: not again before that. */
  pause(pauseMs: number): void {
    this.#refusedUntilMs = this.#deps.clock.monotonicMs() + pauseMs;
  }

  #want(key: string): void {
    this.#isWanted = true;
    if (this.#unknown.has(key)) return;
    if (this.#unknown.size < MAX_UNKNOWN) this.#unknown.add(key);
    this.#pauseMs = PAUSE_MS.least;
  }
}

/** Of each pool the newest generation: slices of an older one are about to go (k8s.io/api/resource/v1, ResourcePool.Generation). */
function addressesOf(slices: readonly DecodedSlice[]): ReadonlyMap<string, string> {
  const newest = new Map<string, number>();
  for (const { pool, generation } of slices) newest.set(pool, Math.max(generation, newest.get(pool) ?? generation));
  const addresses = new Map<string, string>();
  for (const { pool, generation, devices } of slices) {
    if (generation !== newest.get(pool)) continue;
    for (const [device, pciAddress] of devices) {
      if (addresses.size < MAX_DEVICES) addresses.set(`${pool}/${device}`, pciAddress);
    }
  }
  return addresses;
}
