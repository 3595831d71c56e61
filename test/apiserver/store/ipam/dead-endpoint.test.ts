// One IPAM endpoint of a thousand is dead: it is seen to be missing, and costs no other anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../../../apiserver/store/store.js';
import { ipamReport } from '../../../support/ipam-reports.js';
import { figure, ingest, newStore, now } from '../../../support/ipam-store.js';
import { nodeReport } from '../../../support/reports.js';

const NODES = 1_000;
const DEAD = 417;
const STEP_MS = 15_000;

/** One report of each node: pod addresses are i % 30, and the node is asked for i % 7 more each time. */
function poll(store: Store, round: number, dead: 'hangs' | 'answers'): void {
  for (let i = 0; i < NODES; i++) {
    const atMs = round * STEP_MS + i * 10;
    const node = `n${i}`;
    const told = { awscni_assigned_ip_addresses: i % 30, awscni_add_ip_req_count: 1_000 + round * (i % 7) };
    const source = { intervalMs: STEP_MS };
    if (i !== DEAD || dead === 'answers') {
      ingest(store, ipamReport(atMs, told, { node, intervalMs: STEP_MS, source }));
    } else {
      const problem = { name: 'awscni' as const, problem: 'timeout', families: [], leftOut: [], pools: [], ...source };
      ingest(store, nodeReport(atMs, { node, pods: [], intervalMs: STEP_MS, ipam: [problem] }));
    }
  }
}

const sumOf = (share: (i: number) => number, isIn = (i: number) => i !== DEAD) =>
  Array.from({ length: NODES }, (_, i) => (isIn(i) ? share(i) : 0)).reduce((sum, one) => sum + one, 0);

/** When the reports of a round have all come. */
const end = (round: number) => now((round + 1) * STEP_MS);

for (const [what, before] of [
  ['was always dead', 'hangs'],
  ['has died', 'answers'],
] as const) {
  test(`the total of a thousand nodes of which one ${what} is that of the others`, () => {
    const store = newStore();
    for (let round = 1; round <= 2; round++) poll(store, round, before);
    for (let round = 3; round <= 6; round++) poll(store, round, 'hangs');
    const { ipam } = store;
    assert.deepEqual(ipam.nodes(end(6)), { reporting: NODES - 1, missing: 1 });
    assert.equal(ipam.reportingNodes(end(6)).includes(`n${DEAD}`), false);
    const assigned = ipam.total(figure('ipam_assigned_ip_addresses'), end(6));
    assert.deepEqual(assigned, { value: sumOf((i) => i % 30), ageMs: STEP_MS, spanMs: 0 });
    assert.equal(
      ipam.total(figure('ipam_free_ip_addresses'), end(6))?.value,
      sumOf((i) => 40 - (i % 30)),
    );
    const grown = sumOf((i) => 5 * (i % 7)) + (before === 'answers' ? DEAD % 7 : 0);
    assert.equal(ipam.total(figure('ipam_add_ip_req_per_second'), end(6))?.value, grown);
    const rate = ipam.totalRate(figure('ipam_add_ip_req_per_second'), 60_000, end(6));
    assert.ok(Math.abs((rate?.value ?? NaN) - sumOf((i) => (i % 7) / 15)) < 1e-6);
    const [dead] = store.nodesNamed(`n${DEAD}`);
    assert.equal(dead?.isFresh(end(6)), true);
  });
}

test('when it answers again it is one of them, and brings what was missed', () => {
  const store = newStore();
  poll(store, 1, 'answers');
  for (let round = 2; round <= 5; round++) poll(store, round, 'hangs');
  poll(store, 6, 'answers');
  assert.deepEqual(store.ipam.nodes(end(6)), { reporting: NODES, missing: 0 });
  const grown = store.ipam.total(figure('ipam_add_ip_req_per_second'), end(6))?.value;
  assert.equal(grown, sumOf((i) => 5 * (i % 7), () => true)); // prettier-ignore
});
