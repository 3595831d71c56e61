// Counters of ipamd are added up as what they grow by, node by node and series by series.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IPAM_COUNTERS, IpamGrowth } from '../../../../apiserver/store/ipam/ipam-growth.js';
import type { IpamSample } from '../../../../openapi/ipam-report.js';

const ADD = 'awscni_add_ip_req_count';
const DEL = 'awscni_del_ip_req_count';

interface Told {
  readonly [name: string]: number | Readonly<Record<string, number>> | undefined;
}

/** What one counter grew by, reading by reading; a reading that is undefined leaves the counter out as bad. */
function growth(name: string, readings: readonly Told[string][], of = new IpamGrowth()): number[] {
  const column = IPAM_COUNTERS.findIndex(({ reads }) => reads === name);
  return readings.map((told) => {
    const families = told === undefined ? [] : [{ name, type: 'counter' as const, samples: samplesOf(told) }];
    const byName = new Map(families.map((family) => [family.name, family]));
    return of.take({ byName, leftOut: told === undefined ? [name] : [] })[column] ?? NaN;
  });
}

/** One without labels, or by reason. */
function samplesOf(told: number | Readonly<Record<string, number>>): IpamSample[] {
  if (typeof told === 'number') return [{ labels: {}, value: told }];
  return Object.entries(told).map(([reason, value]) => ({ labels: { reason }, value }));
}

test('a counter that stands still grows by nothing', () => {
  assert.deepEqual(growth(ADD, [20, 20]), [0, 0]);
});

test('a counter that falls has begun anew, at 0', () => {
  assert.deepEqual(growth(ADD, [100, 100, 150, 20, 30]), [0, 0, 50, 20, 10]);
});

test('what a counter stood at when it was first heard of is no growth', () => {
  assert.deepEqual(growth(ADD, [500]), [0]);
});

test('a counter that was left out as bad brings what it missed', () => {
  assert.deepEqual(growth(ADD, [10, undefined, undefined, 17]), [0, NaN, NaN, 7]);
  assert.deepEqual(growth(ADD, [undefined, 10, 12]), [NaN, 0, 2]);
});

test('each series grows by itself', () => {
  assert.deepEqual(
    growth(DEL, [
      { a: 10, b: 5 },
      { a: 12, b: 2 },
      { b: 2, a: 15 },
    ]),
    [0, 4, 3],
  );
});

test('a series that comes later began at 0', () => {
  assert.deepEqual(growth(DEL, [{}, { a: 3 }, { a: 3, b: 2 }]), [0, 3, 2]);
});

test('a series that goes takes nothing back, and begins at 0 when it comes again', () => {
  assert.deepEqual(growth(DEL, [{ a: 7, b: 1 }, { b: 1 }, { a: 2, b: 1 }]), [0, 0, 2]);
});

test('a family with labels that is not there has counted nothing', () => {
  assert.deepEqual(growth(DEL, [{}, {}, { a: 4 }]), [0, 0, 4]);
});

test('a counter that is always there and is not is not known', () => {
  assert.deepEqual(growth(ADD, [10, {}, 12]), [0, NaN, 2]);
});

test('the reading after everything is forgotten is the first', () => {
  const of = new IpamGrowth();
  assert.deepEqual(growth(ADD, [10, 12], of), [0, 2]);
  of.forget();
  assert.deepEqual(growth(ADD, [500, 501], of), [0, 1]);
});

const steps = fc.array(fc.record({ a: fc.nat(1_000), b: fc.nat(1_000) }), { minLength: 1, maxLength: 30 });

test('where nothing begins anew growth is what was counted since the first reading', () => {
  fc.assert(
    fc.property(steps, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (increments, isBad) => {
      let [a, b] = [100, 200];
      const readings = increments.map((by, i) => {
        [a, b] = [a + by.a, b + by.b];
        const isLast = i === increments.length - 1;
        return i > 0 && !isLast && isBad[i] === true ? undefined : { a, b };
      });
      const grown = growth(DEL, readings).filter((by) => !Number.isNaN(by));
      const first = increments[0] ?? { a: 0, b: 0 };
      assert.equal(
        grown.reduce((sum, by) => sum + by, 0),
        a + b - (300 + first.a + first.b),
      );
    }),
  );
});

test('growth is never negative, whatever is told', () => {
  const reading = fc.option(fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(1_000_000)), { nil: undefined });
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 30 }), (readings) => {
      const highest = Math.max(0, ...readings.flatMap((told) => Object.values(told ?? {})));
      for (const by of growth(DEL, readings)) assert.ok(Number.isNaN(by) || (by >= 0 && by <= 3 * highest));
    }),
  );
});
