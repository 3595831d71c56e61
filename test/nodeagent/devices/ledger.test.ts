import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger, type LedgerReading } from '../../../nodeagent/devices/ledger.js';
import type { VirtualFunctionBase } from '../../../openapi/device-report.js';
import { PCI_ADDRESS, TOKEN } from '../../../openapi/patterns.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';

const VF = '0000:3b:02.0';
const OTHER = '0000:3b:02.1';
const U64_MAX = 2n ** 64n - 1n;

type Counters = Readonly<Record<string, number | bigint>>;

function reading(
  ownerKey: string | undefined,
  counters: Counters | undefined,
  changes: Partial<LedgerReading> = {},
): LedgerReading {
  const known = counters && new Map(Object.entries(counters).map(([key, value]) => [key, BigInt(value)]));
  return { pciAddress: VF, ownerKey, source: 'rtnetlink', counters: known, ...changes };
}

/** A ledger that has read a VF so, one reading after the other. */
function read(...readings: readonly LedgerReading[]): Ledger {
  const ledger = new Ledger('agent');
  for (const one of readings) ledger.update([one]);
  return ledger;
}

function entryOf(ledger: Ledger, pciAddress = VF) {
  const entry = ledger.of(pciAddress);
  assert.ok(entry !== undefined, `${pciAddress} is not in the ledger`);
  return entry;
}

/** What a server keeps of a report, and gives back. */
function baseOf(ledger: Ledger, ownerKey: string | undefined): VirtualFunctionBase {
  const { epoch, raw, counted, unattributed } = entryOf(ledger);
  return { pciAddress: VF, epoch, raw, counted, unattributed, ...(ownerKey !== undefined && { ownerKey }) };
}

/** A ledger that goes on from bases, as after a restart. */
function adopted(...bases: readonly VirtualFunctionBase[]): Ledger {
  const ledger = new Ledger('next-agent');
  ledger.adopt(bases);
  return ledger;
}

test('what a VF counted before it was first read is nobody’s', () => {
  const { epoch, ...rest } = entryOf(read(reading('a', { receiveBytes: 900 })));
  assert.deepEqual(rest, {
    isCurrent: true,
    raw: { receiveBytes: '900' },
    counted: { receiveBytes: 0 },
    unattributed: { receiveBytes: 0 },
  });
  assert.match(epoch, new RegExp(TOKEN));
});

test('growth goes to who had the VF before and after', () => {
  const ledger = read(reading('a', { receiveBytes: 900 }), reading('a', { receiveBytes: 950 }));
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 50 });
  assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 0 });
});

test('a new owner begins at 0, in another epoch, and the step is nobody’s', () => {
  const ledger = read(reading('a', { receiveBytes: 900 }), reading('a', { receiveBytes: 950 }));
  const before = entryOf(ledger).epoch;
  ledger.update([reading('b', { receiveBytes: 1_000 })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 0 });
  assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 50 });
  assert.notEqual(entryOf(ledger).epoch, before);
});

test('what a VF counts while nobody has it is nobody’s', () => {
  const ledger = read(reading(undefined, { receiveBytes: 1 }), reading(undefined, { receiveBytes: 4 }));
  assert.deepEqual(entryOf(ledger).counted, {});
  assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 3 });
});

test('a VF that is taken away and one that is given are new epochs', () => {
  const ledger = new Ledger('agent');
  const epochs = ['a', undefined, 'b', undefined].map((owner) => {
    ledger.update([reading(owner, { receiveBytes: 1 })]);
    return entryOf(ledger).epoch;
  });
  assert.equal(new Set(epochs).size, 4);
});

test('a decrease is no growth, and the next growth is from there', () => {
  const values = [900, 100, 130];
  const ledger = read(...values.map((receiveBytes) => reading('a', { receiveBytes })));
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 30 });
  assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 0 });
});

test('what was counted while readings were lost goes to the owner', () => {
  const ledger = read(reading('a', { receiveBytes: 10 }), reading('a', undefined));
  assert.equal(entryOf(ledger).isCurrent, false);
  ledger.update([reading('a', { receiveBytes: 30 })]);
  assert.equal(entryOf(ledger).isCurrent, true);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 20 });
});

test('a hand-over while readings are lost makes the gap nobody’s', () => {
  const ledger = read(reading('a', { receiveBytes: 10 }), reading('b', undefined), reading('b', { receiveBytes: 30 }));
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 0 });
  assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 20 });
});

test('a counter that is not read is not shown as current', () => {
  const ledger = read(
    reading('a', { receiveBytes: 10, transmitBytes: 10 }),
    reading('a', { receiveBytes: 15, transmitBytes: 15 }),
    reading('a', { receiveBytes: 16 }),
  );
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 6 });
  assert.deepEqual(entryOf(ledger).raw, { receiveBytes: '16', transmitBytes: '15' });
  ledger.update([reading('a', { receiveBytes: 16, transmitBytes: 17 })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 6, transmitBytes: 7 });
});

test('counters of an RDMA device come and go by name', () => {
  const key = 'rdma/mlx5_2/1/hw/out_of_sequence';
  const ledger = read(reading('a', { receiveBytes: 1 }), reading('a', { receiveBytes: 1, [key]: 7 }));
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 0, [key]: 0 });
  ledger.update([reading('a', { receiveBytes: 2, [key]: 9 })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 1, [key]: 2 });
});

test('another source is another counter: no growth, and the figures go on', () => {
  const ledger = read(reading('a', { receiveBytes: 10 }), reading('a', { receiveBytes: 15 }));
  const before = entryOf(ledger).epoch;
  ledger.update([reading('a', { receiveBytes: 9_000 }, { source: 'netdev' })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 5 });
  assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 0 });
  assert.notEqual(entryOf(ledger).epoch, before);
  ledger.update([reading('a', { receiveBytes: 9_001 }, { source: 'netdev' })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 6 });
});

test('what another source last said is not gone on from', () => {
  const ledger = read(
    reading('a', { receiveBytes: 10, transmitBytes: 10 }),
    reading('a', { receiveBytes: 10 }, { source: 'netdev' }),
    reading('a', { receiveBytes: 10, transmitBytes: 500 }, { source: 'netdev' }),
  );
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 0, transmitBytes: 0 });
});

test('a VF that was gone is another one, even for the same owner', () => {
  const ledger = read(reading('a', { receiveBytes: 10 }), reading('a', { receiveBytes: 15 }));
  const before = entryOf(ledger).epoch;
  ledger.update([]);
  assert.equal(ledger.of(VF), undefined);
  ledger.update([reading('a', { receiveBytes: 100 })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 0 });
  assert.notEqual(entryOf(ledger).epoch, before);
});

test('a reading out of turn touches no other VF', () => {
  const other = { pciAddress: OTHER };
  const ledger = new Ledger('agent');
  ledger.update([reading('a', { receiveBytes: 1 }), reading('b', { receiveBytes: 1 }, other)]);
  ledger.update([reading('a', { receiveBytes: 2 }), reading('b', undefined, other)]);
  const before = entryOf(ledger, OTHER);
  ledger.updateSome([reading('a', { receiveBytes: 5 })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 4 });
  assert.deepEqual(entryOf(ledger, OTHER), before);
  ledger.update([reading(undefined, { receiveBytes: 9 }), reading('b', { receiveBytes: 2 }, other)]);
  assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 4 });
  assert.deepEqual([...ledger.entries().keys()], [VF, OTHER]);
});

test('counters above 2^53 and 2^63 are exact', () => {
  for (const start of [2n ** 53n, 2n ** 63n - 2n, U64_MAX - 3n]) {
    const ledger = read(reading('a', { receiveBytes: start }), reading('a', { receiveBytes: start + 3n }));
    assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 3 });
    assert.deepEqual(entryOf(ledger).raw, { receiveBytes: String(start + 3n) });
  }
});

test('a figure that a double does not hold is rounded down', () => {
  const grown = 2n ** 60n + 255n;
  const ledger = read(reading('a', { receiveBytes: 0 }), reading('a', { receiveBytes: grown }));
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 2 ** 60 });
});

test('after a restart the figures of the same owner go on', () => {
  const before = read(reading('a', { receiveBytes: 10 }), reading('a', { receiveBytes: U64_MAX - 5n }));
  const ledger = adopted(baseOf(before, 'a'));
  assert.equal(entryOf(ledger).isCurrent, false);
  assert.equal(entryOf(ledger).epoch, entryOf(before).epoch);
  const first = read(reading('a', { receiveBytes: 10 }), reading('a', { receiveBytes: 15 }));
  const next = adopted(baseOf(first, 'a'));
  next.update([reading('a', { receiveBytes: 18 })]);
  assert.deepEqual(entryOf(next).counted, { receiveBytes: 8 });
  assert.equal(entryOf(next).epoch, entryOf(first).epoch);
});

test('after a restart nothing is credited to another owner', () => {
  const before = read(reading('a', { receiveBytes: 10 }), reading('a', { receiveBytes: 15 }));
  for (const [was, is] of [
    ['a', 'b'],
    ['a', undefined],
    [undefined, 'a'],
    [undefined, undefined],
  ] as const) {
    const ledger = adopted(baseOf(before, was));
    ledger.update([reading(is, { receiveBytes: 18 })]);
    assert.deepEqual(entryOf(ledger).counted, is === undefined ? {} : { receiveBytes: 0 });
    assert.deepEqual(entryOf(ledger).unattributed, { receiveBytes: 3 });
    if (was !== is) assert.notEqual(entryOf(ledger).epoch, entryOf(before).epoch);
  }
});

test('after a restart with another source there is no growth', () => {
  const ledger = adopted(baseOf(read(reading('a', { receiveBytes: 10 })), 'a'));
  ledger.update([reading('a', { receiveBytes: 500 }, { source: 'sysfs' })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 0 });
  const ofAnother = adopted({ ...baseOf(read(reading('a', { receiveBytes: 10 })), 'a'), epoch: 'not-ours' });
  ofAnother.update([reading('a', { receiveBytes: 500 })]);
  assert.deepEqual(entryOf(ofAnother).counted, { receiveBytes: 0 });
});

test('a counter whose figure was not reported begins again', () => {
  const before = read(
    reading('a', { receiveBytes: 10, transmitBytes: 10 }),
    reading('a', { receiveBytes: 15, transmitBytes: 15 }),
    reading('a', { receiveBytes: 16 }),
  );
  const ledger = adopted(baseOf(before, 'a'));
  ledger.update([reading('a', { receiveBytes: 17, transmitBytes: 17 })]);
  assert.deepEqual(entryOf(ledger).counted, { receiveBytes: 7, transmitBytes: 0 });
  assert.notEqual(entryOf(ledger).epoch, entryOf(before).epoch);
});

test('a base that cannot be costs no other', () => {
  const good = baseOf(read(reading('a', { receiveBytes: 10 })), 'a');
  const bad: VirtualFunctionBase[] = [
    ...['', '-1', '1.5', '0x10', 'many', String(U64_MAX + 1n), '1'.repeat(21)].map((digits) => ({
      ...good,
      raw: { receiveBytes: digits },
    })),
    ...[-1, 1.5, NaN, Infinity, 2 ** 65].map((figure) => ({ ...good, counted: { receiveBytes: figure } })),
    { ...good, unattributed: { receiveBytes: -1 } },
    { ...good, pciAddress: '../../etc' },
    { ...good, epoch: '' },
    { ...good, epoch: 'x'.repeat(129) },
  ];
  for (const base of bad) assert.deepEqual([...adopted(base).entries()], [], JSON.stringify(base));
  assert.deepEqual(
    [
      ...adopted(...bad, good)
        .entries()
        .keys(),
    ],
    [VF],
  );
});

test('a base says nothing of a VF that was read already', () => {
  const ledger = read(reading('b', { receiveBytes: 10 }));
  const before = entryOf(ledger);
  ledger.adopt([baseOf(read(reading('a', { receiveBytes: 1 })), 'a')]);
  assert.deepEqual(entryOf(ledger), before);
});

test('names of counters that come and go are not kept for ever', () => {
  const ledger = new Ledger('agent');
  for (let round = 0; round < 4; round++) {
    const keys = Array.from({ length: 200 }, (_, i) => [`rdma/mlx5_${round}/1/hw/c${i}`, 1n] as const);
    ledger.update([reading('a', Object.fromEntries(keys))]);
    assert.ok(Object.keys(entryOf(ledger).raw).length <= REPORT_LIMITS.countersPerVf);
  }
});

test('the ledger takes from bases no more VFs than a report has', () => {
  const base = baseOf(read(reading('a', { receiveBytes: 10 })), 'a');
  const bases = Array.from({ length: REPORT_LIMITS.virtualFunctions + 5 }, (_, i) => {
    const pciAddress = `${i.toString(16).padStart(4, '0')}:00:00.0`;
    assert.match(pciAddress, new RegExp(PCI_ADDRESS));
    return { ...base, pciAddress };
  });
  assert.equal(adopted(...bases).entries().size, REPORT_LIMITS.virtualFunctions);
});
