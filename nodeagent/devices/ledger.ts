import type { VirtualFunctionBase, VirtualFunctionReport } from '../../openapi/device-report.js';
import { PCI_ADDRESS, TOKEN, TOKEN_MAX } from '../../openapi/patterns.js';
import { REPORT_LIMITS, VF_COUNTER_SOURCES, type VfCounterSource } from '../../openapi/report-terms.js';
import { parseCounts, parseRaw, toCounts, toRaw } from './ledger-figures.js';
import type { DeviceCounters } from './device.js';

/** A VF, and what was read of it. */
export interface LedgerReading {
  readonly pciAddress: string;
  /** See ownerKey in device.ts; undefined: nobody has it, or nobody knows who. */
  readonly ownerKey: string | undefined;
  /** Where the counters come from; undefined: there are none but those of its RDMA device. */
  readonly source: VfCounterSource | undefined;
  /** Undefined: they could not be read, or are not believed. */
  readonly counters: DeviceCounters | undefined;
}

/** How a VF stands: the fields of a report of the same names. */
export type LedgerEntry = Required<
  Pick<VirtualFunctionReport, 'epoch' | 'isCurrent' | 'raw' | 'counted' | 'unattributed'>
>;

/** `none`: of its RDMA device alone. */
type Source = VfCounterSource | 'none';

interface State {
  epoch: string;
  ownerKey: string | undefined;
  /** Undefined: of no reading that is to be gone on from. */
  source: Source | undefined;
  /** What each counter stood at when it was last known. */
  readonly raw: Map<string, bigint>;
  /** What the owner is credited with. One that is not there has not been known since the owner got the VF. */
  readonly counted: Map<string, bigint>;
  readonly unattributed: Map<string, bigint>;
  /** Counters of the newest reading. */
  known: ReadonlySet<string>;
}

const SOURCES: readonly Source[] = [...VF_COUNTER_SOURCES, 'none'];
const IS_PCI_ADDRESS = new RegExp(PCI_ADDRESS);
const IS_TOKEN = new RegExp(TOKEN);
const NOTHING: DeviceCounters = new Map();

/**
 * What each pod is credited with of what the VFs counted that it had. Figures of a VF go with its PCI address.
 *
 * - A counter grows by what it is higher than when it was last known. A decrease is no growth, and proves nothing (a reset, a step of
 *   the driver): the next growth is from there. One that was not known before has no growth.
 * - Growth between two readings is the owner's who had the VF at both. It is *unattributed*, nobody's, where the VF changed hands
 *   between them or nobody had it: no pod is ever credited with what another sent. Of a hand-over to the same owner, there and
 *   back, nothing is seen: it takes a pod that is known by its name, and was made again under it.
 * - A new owner begins an epoch, with every counter at 0. A counter that is not known then comes to it when it is known again, at 0, and
 *   what it grew by meanwhile is unattributed.
 * - Other counters (a source in the place of another) begin an epoch too, and the step to them has no growth; the owner's figures
 *   go on.
 * - A VF that an update of all of them does not name is gone. Under its address there may be another one next time: whatever was
 *   counted before then, even by the same owner, is not gone on from.
 *
 * Counters are 64 bits wide, so they are reckoned with as BigInt: exact above 2^53, where a double is not, and above 2^63. What is
 * credited starts at 0 with each owner and so is a double's exact number up to 2^53 (nine petabytes); above, it is rounded down.
 *
 * An epoch is named `<prefix>/<number>/<source>`: what is gone on from after a restart has to be of the same source, and the epoch
 * is all that is reported of it for each VF.
 */
export class Ledger {
  readonly #prefix: string;
  readonly #states = new Map<string, State>();
  #epochs = 0;

  /** @param prefix of the names of epochs: a token of at most 100 characters that no other ledger of this node ever had */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /**
   * Goes on from what a ledger before this one had reported, as if it had been read now. A VF that is already known keeps what is known. A
   * base with a value that cannot be is ignored.
   */
  adopt(bases: readonly VirtualFunctionBase[]): void {
    for (const base of bases) {
      if (this.#states.size >= REPORT_LIMITS.virtualFunctions) return;
      if (!this.#states.has(base.pciAddress)) this.#adopt(base);
    }
  }

  #adopt({ pciAddress, epoch, ownerKey, ...figures }: VirtualFunctionBase): void {
    const raw = parseRaw(figures.raw);
    const counted = parseCounts(figures.counted ?? {});
    const unattributed = parseCounts(figures.unattributed ?? {});
    const isNamed = IS_PCI_ADDRESS.test(pciAddress) && IS_TOKEN.test(epoch) && epoch.length <= TOKEN_MAX;
    if (!isNamed || raw === undefined || counted === undefined || unattributed === undefined) return;
    const source = sourceOf(epoch);
    // a counter of which the figure was not reported begins at 0 again
    const isWhole = ownerKey === undefined || [...raw.keys()].every((key) => counted.has(key));
    this.#states.set(pciAddress, {
      ...{ epoch: isWhole ? epoch : this.#nextEpoch(source), ownerKey, source, raw, unattributed },
      counted: ownerKey === undefined ? new Map<string, bigint>() : counted,
      known: new Set(),
    });
  }

  /** Takes a reading of every VF of the node. Those that it does not name are gone. */
  update(readings: readonly LedgerReading[]): void {
    const named = new Set(readings.map(({ pciAddress }) => pciAddress));
    for (const pciAddress of this.#states.keys()) {
      if (!named.has(pciAddress)) this.#states.delete(pciAddress);
    }
    this.updateSome(readings);
  }

  /** Takes a reading of some VFs, such as the last one of a pod that is ending. Of the others it says nothing. */
  updateSome(readings: readonly LedgerReading[]): void {
    for (const reading of readings) this.#read(reading);
  }

  #read({ pciAddress, ownerKey, counters = NOTHING, ...reading }: LedgerReading): void {
    const state = this.#states.get(pciAddress) ?? this.#begin(pciAddress, ownerKey);
    const source: Source | undefined = counters.size === 0 ? state.source : (reading.source ?? 'none');
    const isHandedOver = state.ownerKey !== ownerKey;
    if (isHandedOver || state.source !== source) state.epoch = this.#nextEpoch(source);
    if (isHandedOver) state.counted.clear();
    if (state.source !== source) state.raw.clear();
    state.ownerKey = ownerKey;
    state.source = source;
    for (const [key, value] of counters) credit(state, key, value);
    state.known = new Set(counters.keys());
    if (state.raw.size > Math.max(REPORT_LIMITS.countersPerVf, counters.size)) {
      forgetUnknown(state);
      state.epoch = this.#nextEpoch(source);
    }
  }

  #begin(pciAddress: string, ownerKey: string | undefined): State {
    const state: State = {
      ...{ epoch: this.#nextEpoch(undefined), ownerKey, source: undefined },
      raw: new Map(),
      counted: new Map(),
      unattributed: new Map(),
      known: new Set(),
    };
    this.#states.set(pciAddress, state);
    return state;
  }

  #nextEpoch(source: Source | undefined): string {
    return `${this.#prefix}/${++this.#epochs}/${source ?? 'none'}`;
  }

  of(pciAddress: string): LedgerEntry | undefined {
    const state = this.#states.get(pciAddress);
    return state && entryOf(state);
  }

  /** All of them, by PCI address. */
  entries(): Map<string, LedgerEntry> {
    return new Map([...this.#states].map(([pciAddress, state]) => [pciAddress, entryOf(state)]));
  }
}

function credit({ ownerKey, raw, counted, unattributed }: State, key: string, value: bigint): void {
  const growth = growthBetween(raw.get(key), value);
  raw.set(key, value);
  const credited = counted.get(key);
  if (credited !== undefined) counted.set(key, credited + growth);
  else if (ownerKey !== undefined) counted.set(key, 0n);
  unattributed.set(key, (unattributed.get(key) ?? 0n) + (credited === undefined ? growth : 0n));
}

function growthBetween(last: bigint | undefined, value: bigint): bigint {
  return last !== undefined && value > last ? value - last : 0n;
}

/** RDMA devices have names that may change: what a VF once counted under another is not kept for ever. */
function forgetUnknown({ raw, counted, unattributed, known }: State): void {
  for (const figures of [raw, counted, unattributed]) {
    for (const key of figures.keys()) {
      if (!known.has(key)) figures.delete(key);
    }
  }
}

/**
 * While counters are current the owner's figure of one that was not read is left out, as it is one of another time; what it stood at
 * is not.
 */
function entryOf({ epoch, raw, counted, unattributed, known }: State): LedgerEntry {
  const isCurrent = known.size > 0;
  const isShown = (key: string): boolean => !isCurrent || known.has(key);
  return {
    ...{ epoch, isCurrent, raw: toRaw(raw) },
    ...{ counted: toCounts(counted, isShown), unattributed: toCounts(unattributed, isShown) },
  };
}

function sourceOf(epoch: string): Source | undefined {
  const last = epoch.slice(epoch.lastIndexOf('/') + 1);
  return SOURCES.find((source) => source === last);
}
