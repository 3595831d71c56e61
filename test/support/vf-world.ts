import assert from 'node:assert/strict';
import { Ledger, type LedgerEntry, type LedgerReading } from '../../nodeagent/devices/ledger.js';
import type { VirtualFunctionBase } from '../../openapi/device-report.js';
import { VF_COUNTER_SOURCES, type VfCounterSource } from '../../openapi/report-terms.js';

export const VF_ADDRESSES = ['0000:3b:02.0', '0000:3b:02.1'] as const;
export const VF_COUNTER_KEYS = ['receiveBytes', 'transmitBytes', 'rdma/mlx5_2/1/hw/out_of_buffer'] as const;

/** What happens to one VF; `vf` and `key` are indices. */
type OneVfEvent =
  | { readonly is: 'traffic'; readonly vf: number; readonly key: number; readonly amount: bigint }
  /** To a pod that never had a VF before; whoever has the VF loses it. */
  | Each<'attach' | 'detach' | 'lose-reading' | 'remove' | 'read-one', { readonly vf: number }>
  | { readonly is: 'lose-counter'; readonly vf: number; readonly key: number }
  /** The counters are lower than before, or at 0. */
  | { readonly is: 'reset'; readonly vf: number; readonly to: bigint }
  | { readonly is: 'change-source'; readonly vf: number; readonly source: VfCounterSource };
/** What happens on a node, one after the other. */
export type VfEvent = OneVfEvent | Each<'read' | 'report' | 'restart' | 'restart-with-bases', unknown>;
type Each<Kind extends string, Rest> = Kind extends string ? { readonly is: Kind } & Rest : never;

const U64 = 2n ** 64n;
/** Figures up to here are exact in a report. */
const EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** What is really so of a VF. */
class RealVf {
  owner: string | undefined;
  source: VfCounterSource = 'rtnetlink';
  isLost = false;
  isGone = false;
  readonly hidden = new Set<string>();
  /** As each source shows them: they count the same, each from where it began. */
  readonly shown: Readonly<Record<VfCounterSource, Map<string, bigint>>>;
  /** All that it ever counted, and what it did while its present owner had it. */
  readonly all = new Map<string, bigint>();
  readonly owned = new Map<string, bigint>();
  /** What the present owner had counted when its counter was first read: what it is credited with is the rest, if nothing disturbs. */
  readonly start = new Map<string, bigint>();
  ownerRead: string | undefined;
  /** What it had counted when a counter was first read; all of the rest is somebody's or nobody's, while that can be told. */
  readonly traced = new Map<string, bigint>();
  /** Newest figures that were read, by counter and by pod; of nobody: ''. */
  readonly figures = new Map<string, Map<string, bigint>>();
  isTraced = true;
  /** Steps of its counters that are not to be seen through, and how many there were then. */
  disturbances = 0;
  disturbancesAtStart = 0;

  constructor(start: bigint) {
    const from = (value: bigint) => new Map(VF_COUNTER_KEYS.map((key) => [key, value % U64]));
    this.shown = { rtnetlink: from(start), sysfs: from(start + 10_000n), netdev: from(3n * start + 5n) };
  }

  count(key: string, amount: bigint): void {
    this.#step((value, one) => (one === key ? value + amount : value));
    this.all.set(key, valueOf(this.all, key) + amount);
    this.owned.set(key, valueOf(this.owned, key) + amount);
  }

  giveTo(owner: string | undefined): void {
    this.owner = owner;
    this.owned.clear();
  }

  reset(to: bigint): void {
    this.#step((value) => (to < value ? to : 0n));
    this.disturbances++;
  }

  /** Whoever counts past 64 bits begins at 0 again. */
  #step(next: (value: bigint, key: string) => bigint): void {
    for (const source of VF_COUNTER_SOURCES) {
      for (const [key, before] of this.shown[source]) {
        const value = next(before, key);
        if (value >= U64) this.disturbances++;
        this.shown[source].set(key, value % U64);
      }
    }
  }
}

interface Reported {
  readonly base: VirtualFunctionBase;
  readonly start: ReadonlyMap<string, bigint>;
  readonly disturbancesAtStart: number;
}

/**
 * A node on which pods come and go and VFs count, and a ledger that reads them. It knows what each VF really counted while each pod had
 * it, and fails when the ledger credits a pod with more, loses what it need not, or takes back what was reported.
 */
export class VfWorld {
  readonly #vfs: readonly RealVf[];
  #ledger = new Ledger('agent-0');
  #agents = 1;
  #pods = 0;
  #reported = new Map<string, Reported>();
  /** Highest figures of a report, by VF, epoch and counter. */
  readonly #highest = new Map<string, number>();
  /** Newest figures of a report, by VF and counter: of each pod, and of nobody (''). */
  readonly #credits = new Map<string, Map<string, bigint>>();

  constructor(starts: readonly bigint[]) {
    this.#vfs = starts.map((start) => new RealVf(start));
  }

  play(event: VfEvent): void {
    if (event.is === 'read') this.#read();
    else if (event.is === 'report') this.#report();
    else if (event.is === 'restart') this.#restart([]);
    else if (event.is === 'restart-with-bases') this.#restart([...this.#reported.values()]);
    else this.#playOne(event);
  }

  /** Two readings more, and a report of what came of it all. */
  end(): void {
    this.#read();
    this.#read();
    this.#report();
  }

  #playOne(event: OneVfEvent): void {
    const vf = this.#vfs[event.vf] ?? assert.fail();
    if (event.is === 'traffic') vf.count(VF_COUNTER_KEYS[event.key] ?? '', event.amount);
    else if (event.is === 'attach') vf.giveTo(`pod-${++this.#pods}`);
    else if (event.is === 'detach') vf.giveTo(undefined);
    else if (event.is === 'lose-reading') vf.isLost = true;
    else if (event.is === 'remove') vf.isGone = true;
    else if (event.is === 'lose-counter') vf.hidden.add(VF_COUNTER_KEYS[event.key] ?? '');
    else if (event.is === 'reset') vf.reset(event.to);
    else if (event.is === 'read-one') this.#readOne(event.vf);
    else {
      if (vf.source !== event.source) vf.disturbances++;
      vf.source = event.source;
    }
  }

  #read(): void {
    const present = this.#vfs.flatMap((vf, i) => (vf.isGone ? [] : [i]));
    this.#ledger.update(present.map((i) => this.#readingOf(i)));
    for (const [i, vf] of this.#vfs.entries()) {
      if (vf.isGone) {
        assert.equal(this.#ledger.of(VF_ADDRESSES[i] ?? ''), undefined);
        vf.start.clear();
        vf.isTraced = false;
      } else this.#check(i);
      vf.isGone = vf.isLost = false;
      vf.hidden.clear();
    }
  }

  #readOne(index: number): void {
    const others = () => [...this.#ledger.entries()].filter(([address]) => address !== VF_ADDRESSES[index]);
    const before = others();
    this.#ledger.updateSome([this.#readingOf(index)]);
    assert.deepEqual(others(), before, 'a reading out of turn touched another VF');
    this.#check(index);
  }

  #readingOf(index: number): LedgerReading {
    const { owner, source, shown, hidden, isLost } = this.#vfs[index] ?? assert.fail();
    const counters = isLost ? undefined : new Map([...shown[source]].filter(([key]) => !hidden.has(key)));
    return { pciAddress: VF_ADDRESSES[index] ?? '', ownerKey: owner, source, counters };
  }

  #check(index: number): void {
    const vf = this.#vfs[index] ?? assert.fail();
    const entry = this.#ledger.of(VF_ADDRESSES[index] ?? '') ?? assert.fail('a VF that was read is not there');
    const { counted, isCurrent } = entry;
    assert.equal(isCurrent, !vf.isLost && vf.hidden.size < VF_COUNTER_KEYS.length);
    if (vf.ownerRead !== vf.owner) {
      vf.start.clear();
      vf.disturbancesAtStart = vf.disturbances;
    }
    vf.ownerRead = vf.owner;
    for (const key of VF_COUNTER_KEYS) {
      const isKnown = isCurrent && !vf.hidden.has(key);
      if (isKnown && !vf.start.has(key)) vf.start.set(key, valueOf(vf.owned, key));
      if (isKnown) checkTrace(vf, key, entry);
      const credited = counted[key];
      if (isCurrent) assert.equal(credited !== undefined, isKnown && vf.owner !== undefined, `${key} is shown`);
      if (credited === undefined) continue;
      const really = valueOf(vf.owned, key);
      assert.ok(BigInt(credited) <= really, `${vf.owner} is credited with ${credited} of ${really}`);
      const expected = really - valueOf(vf.start, key);
      if (!isKnown || vf.disturbances > vf.disturbancesAtStart || expected > EXACT) continue;
      assert.equal(BigInt(credited), expected, `what ${vf.owner} is credited with of ${key}`);
    }
  }

  #report(): void {
    this.#reported = new Map();
    for (const [i, vf] of this.#vfs.entries()) {
      const pciAddress = VF_ADDRESSES[i] ?? '';
      const entry = this.#ledger.of(pciAddress);
      if (entry === undefined) continue;
      const { epoch, raw, counted, unattributed, isCurrent } = entry;
      const owner = vf.ownerRead;
      const base = { pciAddress, epoch, raw, counted, unattributed, ...(owner !== undefined && { ownerKey: owner }) };
      this.#reported.set(pciAddress, {
        base: JSON.parse(JSON.stringify(base)) as VirtualFunctionBase,
        start: new Map([...vf.start].filter(([key]) => counted[key] !== undefined)),
        disturbancesAtStart: vf.disturbancesAtStart,
      });
      for (const key of isCurrent ? VF_COUNTER_KEYS : []) this.#checkReported(vf, { pciAddress, key, entry });
    }
  }

  #checkReported(
    vf: RealVf,
    { pciAddress, key, entry }: Readonly<{ pciAddress: string; key: string; entry: LedgerEntry }>,
  ): void {
    const place = `${pciAddress} ${key}`;
    const credits = this.#credits.get(place) ?? new Map<string, bigint>();
    this.#credits.set(place, credits);
    for (const [who, figure] of [
      [vf.ownerRead, entry.counted[key]],
      ['', entry.unattributed[key]],
    ] as const) {
      if (who === undefined || figure === undefined) continue;
      credits.set(who, BigInt(figure));
      if (who === '') continue;
      const inEpoch = `${place} ${entry.epoch}`;
      assert.ok(figure >= (this.#highest.get(inEpoch) ?? 0), `${figure} of ${who} is less than was reported before`);
      this.#highest.set(inEpoch, figure);
    }
    const sum = sumOf(credits);
    assert.ok(sum <= valueOf(vf.all, key), `${sum} are credited of ${valueOf(vf.all, key)} that ${place} counted`);
  }

  #restart(bases: readonly Reported[]): void {
    this.#ledger = new Ledger(`agent-${this.#agents++}`);
    this.#ledger.adopt(bases.map(({ base }) => base));
    const known = new Map(bases.map((one) => [one.base.pciAddress, one]));
    for (const [i, vf] of this.#vfs.entries()) {
      const reported = known.get(VF_ADDRESSES[i] ?? '');
      vf.isTraced = false;
      vf.ownerRead = reported?.base.ownerKey;
      vf.disturbancesAtStart = reported?.disturbancesAtStart ?? vf.disturbances;
      vf.start.clear();
      for (const [key, value] of reported?.start ?? []) vf.start.set(key, value);
    }
  }
}

/** Growth is never dropped: where it is nobody's, it is said to be. */
function checkTrace(vf: RealVf, key: string, { counted, unattributed }: LedgerEntry): void {
  const all = valueOf(vf.all, key);
  const figures = vf.figures.get(key) ?? new Map<string, bigint>();
  vf.figures.set(key, figures);
  if (!vf.traced.has(key)) vf.traced.set(key, all);
  if (vf.owner !== undefined) figures.set(vf.owner, BigInt(counted[key] ?? assert.fail()));
  figures.set('', BigInt(unattributed[key] ?? assert.fail()));
  const expected = all - valueOf(vf.traced, key);
  if (vf.disturbances > 0 || !vf.isTraced || expected > EXACT) return;
  assert.equal(sumOf(figures), expected, `what came of all that ${key} counted`);
}

function sumOf(figures: ReadonlyMap<string, bigint>): bigint {
  return [...figures.values()].reduce((a, b) => a + b, 0n);
}

function valueOf(counters: ReadonlyMap<string, bigint>, key: string): bigint {
  return counters.get(key) ?? 0n;
}
