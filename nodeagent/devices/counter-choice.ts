import {
  VF_COUNTERS,
  type VfCounter,
  type VfCounterAbsence,
  type VfCounterSource,
} from '../../openapi/report-terms.js';
import type { DeviceCounters, PfReading, PhysicalFunction, VfSettings, VirtualFunction } from './device.js';
import { ZeroGuard } from './zero-guard.js';

/** What a source says of the VFs of a physical function, by index; nothing of those of which it does not know. May throw. */
export type ReadCounters = () => ReadonlyMap<number, DeviceCounters>;

/** What there is to be asked about the VFs of one physical function. */
export interface PfSources {
  /** One that is not there has no answer. */
  readonly counters: Readonly<Partial<Record<VfCounterSource, ReadCounters>>>;
  readonly settingsOf: (vf: VirtualFunction) => VfSettings;
  /** Of its RDMA devices; empty where it has none that can be seen. */
  readonly rdmaCountersOf: (vf: VirtualFunction) => DeviceCounters;
}

export interface CounterChoiceDeps {
  /** The best first; one that is not named is not used. */
  readonly order: readonly VfCounterSource[];
  /** What the driver of a physical function is known to count of its VFs, for this source to tell; undefined where nobody knows. */
  readonly countedBy: (pf: PhysicalFunction, source: VfCounterSource) => readonly VfCounter[] | undefined;
}

/** What is remembered of a physical function, for as long as it is there with the same driver. */
interface Known {
  readonly driver: string | undefined;
  /** Counters that are known to count, by source; a source without any is not proven. */
  readonly proven: Map<VfCounterSource, Set<VfCounter>>;
  readonly guards: Map<VfCounterSource, ZeroGuard>;
  chosen: VfCounterSource | undefined;
  absence: VfCounterAbsence;
  /** Sweeps in a row in which the chosen source had no answer. */
  silentSweeps: number;
}

type Answer = ReadonlyMap<VirtualFunction, DeviceCounters>;
type Choice = Pick<PfReading, 'counterSource' | 'counterAbsence'> & {
  /** Those that are believed, by index. */
  readonly counters: ReadonlyMap<number, DeviceCounters>;
};

/** After so many without an answer a source is no longer waited for: five minutes of the default interval. */
const SILENT_SWEEPS = 20;
const NONE: ReadonlyMap<number, DeviceCounters> = new Map();

/**
 * Where the counters of the VFs of each physical function come from: the first source, in the order that was asked for, that truly has
 * them. For most drivers have none, and the kernel says zeros for those.
 *
 * - `rtnetlink` and `sysfs` are believed when they are proven: a VF of the physical function has shown a counter of VF_COUNTERS other
 *   than 0 through them, or the driver is known to count. A source stays proven while the physical function is there with that driver.
 *   Of a driver that is known not to count all that rtnetlink tells, the others are proven one by one.
 * - `netdev` is the VF's own interface and needs no proof. It tells of the VFs whose interface is on the node, and of those alone.
 * - A better source takes over as soon as it is proven. A worse one does not while the chosen one answers now and then: the VFs have no
 *   counters in a sweep without an answer.
 * - What an RDMA device counts is added whatever the source, and proves nothing.
 * - Zeros may stand for a failure, whatever the source: see ZeroGuard.
 */
export class CounterChoice {
  readonly #deps: CounterChoiceDeps;
  readonly #known = new Map<string, Known>();

  constructor(deps: CounterChoiceDeps) {
    this.#deps = deps;
  }

  /** Asks the sources, and no more of them than it takes. What they throw is no counters. */
  read(pf: PhysicalFunction, sources: PfSources): PfReading {
    const known = this.#knownOf(pf);
    if (pf.virtualFunctions.length === 0) return { pf, virtualFunctions: [] };
    const { counters, ...choice } = this.#choose(pf, known, sources);
    return {
      ...{ pf, ...choice },
      virtualFunctions: pf.virtualFunctions.map((vf) => {
        const all = new Map([...(counters.get(vf.index) ?? []), ...orNone(() => sources.rdmaCountersOf(vf))]);
        return { vf, settings: sources.settingsOf(vf), ...(all.size > 0 && { counters: all }) };
      }),
    };
  }

  /** One that there was no time for: its VFs have no counters now, and their source is what it was. */
  unread(pf: PhysicalFunction, settingsOf: PfSources['settingsOf']): PfReading {
    const { chosen, absence } = this.#knownOf(pf);
    const choice = chosen === undefined ? { counterAbsence: absence } : { counterSource: chosen };
    return {
      ...{ pf, ...(pf.virtualFunctions.length > 0 && choice) },
      virtualFunctions: pf.virtualFunctions.map((vf) => ({ vf, settings: settingsOf(vf) })),
    };
  }

  /** Forgets the physical functions that are not among these. */
  keepOnly(pciAddresses: ReadonlySet<string>): void {
    for (const pciAddress of this.#known.keys()) {
      if (!pciAddresses.has(pciAddress)) this.#known.delete(pciAddress);
    }
  }

  #knownOf({ pciAddress, driver, virtualFunctions }: PhysicalFunction): Known {
    let known = this.#known.get(pciAddress);
    if (known === undefined || known.driver !== driver) {
      known = {
        ...{ driver, proven: new Map(), guards: new Map(), chosen: undefined, absence: 'failed', silentSweeps: 0 },
      };
      this.#known.set(pciAddress, known);
    }
    const vfs = new Set(virtualFunctions.map(nameOf));
    for (const guard of known.guards.values()) guard.keepOnly(vfs);
    return known;
  }

  #choose(pf: PhysicalFunction, known: Known, { counters: readers }: PfSources): Choice {
    let absence: VfCounterAbsence = 'no_source';
    for (const source of this.#deps.order) {
      const answer = ask(readers[source], pf);
      if (answer === 'failed') absence = absence === 'unproven' ? absence : 'failed';
      else if (answer.size > 0) {
        absence = 'unproven';
        const guard = guardOf(known, source);
        const believed = [...answer].filter(([vf, one]) => guard.isBelievable(nameOf(vf), one));
        const proven = this.#prove(pf, source, { answer, known });
        if (proven.size === 0 && source !== 'netdev') continue;
        known.chosen = source;
        known.silentSweeps = 0;
        const isKnown = source === 'rtnetlink' && this.#deps.countedBy(pf, source) !== undefined;
        const counters = believed.map(([vf, one]) => [vf.index, isKnown ? only(proven, one) : one] as const);
        return { counterSource: source, counters: new Map(counters) };
      }
      if (source !== known.chosen) continue;
      known.silentSweeps++;
      if (known.silentSweeps < SILENT_SWEEPS) return { counterSource: source, counters: NONE };
    }
    known.chosen = undefined;
    known.absence = absence;
    return { counterAbsence: absence, counters: NONE };
  }

  #prove(
    pf: PhysicalFunction,
    source: VfCounterSource,
    { answer, known }: { readonly answer: Answer; readonly known: Known },
  ): ReadonlySet<VfCounter> {
    const proven = known.proven.get(source) ?? new Set(this.#deps.countedBy(pf, source));
    known.proven.set(source, proven);
    for (const counters of answer.values()) {
      for (const name of VF_COUNTERS) {
        if ((counters.get(name) ?? 0n) !== 0n) proven.add(name);
      }
    }
    return proven;
  }
}

function only(names: ReadonlySet<string>, counters: DeviceCounters): DeviceCounters {
  return new Map([...counters].filter(([name]) => names.has(name)));
}

/** Of the VFs that are there. Nothing where there is no such source. */
function ask(read: ReadCounters | undefined, { virtualFunctions }: PhysicalFunction): Answer | 'failed' {
  try {
    const counters = read?.() ?? NONE;
    return new Map(
      virtualFunctions.flatMap((vf) => {
        const ofVf = counters.get(vf.index);
        return ofVf === undefined || ofVf.size === 0 ? [] : [[vf, ofVf] as const];
      }),
    );
  } catch {
    return 'failed';
  }
}

function orNone(read: () => DeviceCounters): DeviceCounters {
  try {
    return read();
  } catch {
    return new Map();
  }
}

function guardOf({ guards }: Known, source: VfCounterSource): ZeroGuard {
  const guard = guards.get(source) ?? new ZeroGuard();
  guards.set(source, guard);
  return guard;
}

function nameOf({ index, pciAddress }: VirtualFunction): string {
  return `${index} ${pciAddress}`;
}
