// What moves of rows keep, and where the rows of many series stand.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { CounterSeries, moveAll, moved, type Move, type Run } from '../../../apiserver/store/counter-series.js';
import { Store } from '../../../apiserver/store/store.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const EPOCH = 0;

/** Series whose rows a test writes and reads. */
class Rows extends CounterSeries {
  write(row: number, reading: readonly number[]): void {
    this.writeRow(row, reading, EPOCH);
  }

  get rows(): number[][] {
    const rows: number[][] = [];
    for (let at = 0; at < this.values.length; at += this.width)
      rows.push([...this.values.subarray(at, at + this.width)]);
    return rows;
  }
}

/** Series of so many counters each, with so many rows of numbers that are nowhere else. */
function filled(counters: readonly number[], rows: number, capacity = rows): Rows[] {
  let next = 1;
  return counters.map((count) => {
    const series = new Rows(count, capacity);
    for (let row = 0; row < rows; row++)
      series.write(
        row,
        Array.from({ length: count }, () => next++),
      );
    return series;
  });
}

/** What has to stand in them after a move. */
function expected(series: readonly Rows[], { kept, capacity }: Move): number[][][] {
  return series.map(({ rows, width }) => {
    const full = kept.flatMap(({ from, to }) => rows.slice(from, to));
    const empty = Array.from({ length: capacity - full.length }, () => Array<number>(width).fill(NaN));
    return [...full, ...empty];
  });
}

/** Whether all of them stand in one piece of memory that has room for nothing else, none on another's. */
function assertPacked(series: readonly CounterSeries[]): void {
  let at = 0;
  for (const { values } of series) {
    assert.equal(values.buffer, series[0]?.values.buffer);
    assert.equal(values.byteOffset, at);
    at += values.byteLength;
  }
  assert.equal(series[0]?.values.buffer.byteLength ?? 0, at);
}

/** Numbers that stand elsewhere than most, and numbers of no use where most stand, each as a share of all. */
function apartOf(series: readonly CounterSeries[]): { readonly elsewhere: number; readonly unused: number } {
  const all = series.reduce((sum, { values }) => sum + values.length, 0);
  const sizes = new Map<ArrayBuffer, number>();
  for (const { values } of series) sizes.set(values.buffer, (sizes.get(values.buffer) ?? 0) + values.length);
  const [common = new ArrayBuffer(0)] = [...sizes.keys()].sort((a, b) => b.byteLength - a.byteLength);
  const inCommon = sizes.get(common) ?? 0;
  return { elsewhere: (all - inCommon) / all, unused: (common.byteLength / 8 - inCommon) / all };
}

function runsOf(isKept: readonly boolean[]): Run[] {
  return isKept.flatMap((kept, row) => (kept ? [{ from: row, to: row + 1 }] : []));
}

describe('all series of a node', () => {
  const CAPACITY = 6;
  const move = fc.record({
    isKept: fc.array(fc.boolean(), { minLength: CAPACITY, maxLength: CAPACITY }),
    capacity: fc.integer({ min: CAPACITY, max: 9 }),
    /** Series that are gone before it, and new ones. */
    gone: fc.nat(2),
    more: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 2 }),
  });

  test('keep their rows however often they are moved, with nothing known behind them, most in one piece of memory', () => {
    const counters = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(counters, fc.array(move, { minLength: 1, maxLength: 6 }), (first, moves) => {
        let series = filled(first, CAPACITY);
        let held = CAPACITY;
        for (const { isKept, capacity, gone, more } of moves) {
          series = [...series.slice(Math.min(gone, series.length - 1)), ...filled(more, CAPACITY, held)];
          const wanted = expected(series, { kept: runsOf(isKept), capacity });
          moveAll(series, { kept: runsOf(isKept), capacity });
          held = capacity;
          assert.deepEqual(
            series.map(({ rows }) => rows),
            wanted,
          );
          const { elsewhere, unused } = apartOf(series);
          assert.ok(elsewhere <= 0.25 && unused <= 0.25, `${elsewhere} elsewhere, ${unused} unused`);
        }
      }),
    );
  });

  test('stay where they are when they have the size already', () => {
    const series = filled([8, 8, 5], 4);
    moveAll(series, { kept: [{ from: 0, to: 4 }], capacity: 4 });
    const values = series.map((one) => one.values);
    moveAll(series, { kept: [{ from: 1, to: 3 }], capacity: 4 });
    series.forEach((one, i) => {
      assert.equal(one.values, values[i]);
    });
  });

  test('of many one may go and another come without a move of the others, until they are a quarter', () => {
    const width = 9;
    let series = filled(Array<number>(40).fill(width - 1), 4);
    const move = { kept: [{ from: 0, to: 4 }], capacity: 4 };
    moveAll(series, move);
    const { buffer } = series[0]?.values ?? {};
    for (let changed = 1; changed <= 10; changed++) {
      series = [...series.slice(1), ...filled([width - 1], 4)];
      moveAll(series, move);
      assert.equal(series[0]?.values.buffer, buffer, `${changed} of 40`);
    }
    moveAll([...series.slice(1), ...filled([width - 1], 4)], move);
    assert.notEqual(series[1]?.values.buffer, buffer);
  });

  test('give back what those took that are gone', () => {
    const series = filled([8, 8, 5], 4);
    moveAll(series, { kept: [{ from: 0, to: 4 }], capacity: 4 });
    for (const left of [series.slice(1), series.slice(0, 2), series.slice(2)]) {
      moveAll(left, { kept: [{ from: 0, to: 4 }], capacity: 4 });
      assertPacked(left);
    }
  });

  test('give it back also where the others need as much as they had', () => {
    const series = filled([8, 8, 8, 8], 4);
    moveAll(series, { kept: [{ from: 0, to: 4 }], capacity: 4 });
    const left = series.slice(2);
    moveAll(left, { kept: [{ from: 0, to: 4 }], capacity: 8 });
    assertPacked(left);
  });

  test('are moved where there are none', () => {
    moveAll([], { kept: [], capacity: 4 });
  });
});

test('rows that are moved have the room that is wanted, be it less than they had', () => {
  const times = Float64Array.of(1, 2, 3, 4, 5, 6);
  const kept = [
    { from: 1, to: 2 },
    { from: 4, to: 6 },
  ];
  assert.deepEqual([...moved(times, 1, { kept, capacity: 4 })], [2, 5, 6, NaN]);
  assert.deepEqual([...moved(times, 1, { kept, capacity: 8 })], [2, 5, 6, ...Array<number>(5).fill(NaN)]);
  assert.equal(moved(times, 1, { kept, capacity: 6 }), times);
  assert.deepEqual([...times], [2, 5, 6, NaN, NaN, NaN]);
});

test('the rows of a node whose pods are nearly all new stand in one piece of memory, and so they do once they were moved', () => {
  const store = new Store({ historyMs: 60_000 });
  const push = (second: number, names: readonly string[]): CounterSeries[] => {
    const readings = [readingOf(second)];
    const interfaces = ['eth0', 'net1'].map((name) => interfaceReport({ name, readings }));
    const pods = names.map((name) => podReport({ name, uid: name, interfaces }));
    const outcome = store.ingest(checkReport(nodeReport(second * 1_000, { pods })).report, second * 1_000);
    assert.ok(outcome.ok);
    return [...outcome.node.pods.values()].flatMap((pod) => [...pod.everySeries()]);
  };
  const names = ['a', 'b', 'c', 'd', 'e'];
  assertPacked(push(1, names));
  for (let second = 2; second < 100; second++) push(second, names);
  const packed = push(100, names);
  assertPacked(packed);
  const values = packed.map((one) => one.values);
  push(101, [...names, 'f']);
  assert.ok(
    packed.every((one, i) => one.values === values[i]),
    'for one more pod those of the others are not moved',
  );
  for (let second = 102; second < 180; second++) push(second, [...names, 'f', 'g']);
  assertPacked(push(180, [...names, 'f', 'g']));
});
