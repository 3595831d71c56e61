// Counters of all nodes together: what each grew by, and no restart, new node or lost reading is a spike.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../../../../apiserver/store/store.js';
import type { NodeReport } from '../../../../openapi/node-report.js';
import { ipamReport, ipamSource } from '../../../support/ipam-reports.js';
import { figure, ingest, newStore, now } from '../../../support/ipam-store.js';
import { nodeReport } from '../../../support/reports.js';

const ADD = figure('ipam_add_ip_req_per_second');
const STEP_MS = 15_000;
const MINUTE_MS = 60_000;

/** A report of a node that has been asked for so many addresses. */
const asked = (node: string, atMs: number, count: number, overrides: Partial<NodeReport> = {}) =>
  ipamReport(atMs, { awscni_add_ip_req_count: count }, { node, ...overrides });

/** What all nodes grew by together from poll to poll; a poll has the count of each node, or undefined where it was not read. */
function growths(store: Store, polls: readonly (readonly (number | undefined)[])[]): (number | undefined)[] {
  let before = 0;
  return polls.map((counts, poll) => {
    const atMs = (poll + 1) * STEP_MS;
    for (const [i, count] of counts.entries()) {
      ingest(store, count === undefined ? nodeReport(atMs, { node: `n${i}` }) : asked(`n${i}`, atMs, count));
    }
    const total = store.ipam.total(ADD, now(atMs))?.value;
    const grown = total === undefined ? undefined : total - before;
    before = total ?? before;
    return grown;
  });
}

test('nodes that stand still grow by nothing', () => {
  const poll = [20, 50, 30];
  assert.deepEqual(growths(newStore(), [poll, poll, poll]), [0, 0, 0]);
});

test('what one node grows by is what all grow by', () => {
  assert.deepEqual(growths(newStore(), [[100, 10], [110, 10], [120, 10]]), [0, 10, 10]); // prettier-ignore
});

test('a restart of ipamd begins at 0', () => {
  assert.deepEqual(growths(newStore(), [[100], [100], [150], [20], [30]]), [0, 0, 50, 20, 10]);
});

test('a node that joins brings nothing', () => {
  assert.deepEqual(growths(newStore(), [[5], [5, 500], [6, 500], [6, 502]]), [0, 0, 1, 2]);
});

test('a node that misses a poll brings what it missed', () => {
  assert.deepEqual(growths(newStore(), [[10, 5], [10, undefined], [10, 12]]), [0, 0, 7]); // prettier-ignore
});

test('a report that comes twice counts once', () => {
  const store = newStore();
  ingest(store, asked('n0', 1_000, 10));
  ingest(store, asked('n0', 2_000, 15));
  ingest(store, asked('n0', 2_000, 15));
  assert.equal(store.ipam.total(ADD, now(2_000))?.value, 5);
});

test('over a restart of its agent a node is the one that it was', () => {
  const store = newStore();
  ingest(store, asked('n0', 1_000, 10));
  const instance = { id: 'instance-b', startedAt: 1_500 };
  ingest(store, nodeReport(2_000, { node: 'n0', instance }));
  ingest(store, asked('n0', 3_000, 15, { instance }));
  assert.equal(store.ipam.total(ADD, now(3_000))?.value, 5);
});

test('over a reboot a node is the one that it was', () => {
  const store = newStore();
  ingest(store, asked('n0', 1_000_000, 10));
  const boot = { bootId: 'boot-b', instance: { id: 'instance-b', startedAt: 0 } };
  ingest(store, asked('n0', 30_000, 4, boot), 1_000_000);
  assert.equal(store.ipam.total(ADD, now(1_030_000))?.value, 4);
});

test('another machine of the same name brings nothing, nor does the first when it is back', () => {
  const store = newStore();
  const other = { bootId: 'boot-b', instance: { id: 'instance-b', startedAt: 0 } };
  ingest(store, asked('n0', 1_000_000, 10));
  ingest(store, asked('n0', 1_020_000, 50_000, other)); // up for as long as the first
  ingest(store, asked('n0', 1_021_000, 50_003, other));
  ingest(store, asked('n0', 1_040_000, 60_000));
  assert.equal(store.ipam.total(ADD, now(1_040_000))?.value, 3);
});

test('a machine that is put back to what it was brings nothing', () => {
  const store = newStore();
  ingest(store, asked('n0', 1_000_000, 5_000));
  ingest(
    store,
    asked('n0', 900_000, 4_000, { sequence: 1_001, samples: [{ sequence: 1_001, takenAt: 900_000 }] }),
    101_000,
  );
  assert.equal(store.ipam.total(ADD, now(1_001_000))?.value, 0);
});

for (const [what, minutes, grown] of [
  ['within a quarter of an hour is the one that it was', 14, 7],
  ['after more than a quarter of an hour is a new one', 16, 0],
] as const) {
  test(`a node that comes back ${what}`, () => {
    const store = newStore();
    ingest(store, asked('n0', 1_000, 10));
    const backMs = 1_000 + minutes * MINUTE_MS;
    for (let atMs = 30_000; atMs < backMs; atMs += 30_000) {
      store.expire(now(atMs));
      ingest(store, asked('n1', atMs, 1));
    }
    ingest(store, asked('n0', backMs, 17));
    assert.equal(store.ipam.total(ADD, now(backMs))?.value, grown);
  });
}

test('what a node that is gone grew by is not taken back', () => {
  const store = newStore();
  ingest(store, asked('n0', 1_000, 10));
  ingest(store, asked('n0', 2_000, 30));
  for (let atMs = 3_000; atMs < 30 * MINUTE_MS; atMs += 30_000) {
    store.expire(now(atMs));
    ingest(store, asked('n1', atMs, 1));
    assert.equal(store.ipam.total(ADD, now(atMs))?.value, 20);
    assert.equal(store.ipam.nodes(now(atMs)).reporting, atMs > 17_000 ? 1 : 2);
  }
});

test('a counter that a node had to leave out brings later what it missed', () => {
  const store = newStore();
  const leftOut = (atMs: number) => {
    const { families, ...source } = ipamSource(atMs);
    const others = families.filter(({ name }) => name !== 'awscni_add_ip_req_count');
    return nodeReport(atMs, {
      node: 'n0',
      ipam: [{ ...source, families: others, leftOut: ['awscni_add_ip_req_count'] }],
    });
  };
  ingest(store, asked('n0', 1_000, 10));
  ingest(store, leftOut(2_000));
  assert.equal(store.ipam.total(ADD, now(2_000))?.value, 0);
  ingest(store, asked('n0', 3_000, 16));
  assert.equal(store.ipam.total(ADD, now(3_000))?.value, 6);
});

test('a counter of nobody is not known', () => {
  const store = newStore();
  assert.equal(store.ipam.total(ADD, now(0)), undefined);
  ingest(store, asked('n0', 1_000, 10));
  assert.equal(store.ipam.total(ADD, now(16_001)), undefined);
});

test('a counter that no node tells is not known, and not 0', () => {
  const store = newStore();
  const untold = figure('ipam_force_removed_enis_per_second'); // an ipamd that has it has it from the start
  ingest(store, ipamReport(1_000, { awscni_force_removed_enis: [] }, { node: 'n0' }));
  assert.equal(store.ipam.total(untold, now(1_000)), undefined);
  assert.equal(store.ipam.total(ADD, now(1_000))?.value, 0);
  ingest(store, asked('n1', 1_000, 10));
  assert.equal(store.ipam.total(untold, now(1_000))?.value, 0);
});

test('whatever is lost on the way, growth is what was counted since each node joined', () => {
  const poll = fc.array(fc.record({ by: fc.nat(100), isLost: fc.boolean() }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(poll, { minLength: 1, maxLength: 12 }), (polls) => {
      const counts = [1_000, 50, 7];
      const first: (number | undefined)[] = [undefined, undefined, undefined];
      const last: number[] = [0, 0, 0];
      const told = polls.map((nodes) =>
        nodes.map(({ by, isLost }, i) => {
          const count = (counts[i] = (counts[i] ?? 0) + by);
          if (isLost) return undefined;
          first[i] ??= count;
          last[i] = count;
          return count;
        }),
      );
      const grown = growths(newStore(), told);
      assert.ok(grown.every((by = 0) => by >= 0));
      const isHeard = told.at(-1)?.some((count) => count !== undefined) ?? false;
      if (!isHeard) return;
      const expected = last.reduce((sum, count, i) => sum + count - (first[i] ?? 0), 0);
      assert.equal(
        grown.reduce<number>((sum, by) => sum + (by ?? 0), 0),
        expected,
      );
    }),
    { numRuns: 60 },
  );
});
