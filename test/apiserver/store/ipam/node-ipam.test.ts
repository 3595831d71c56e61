// What is held of the sources of a node, and what of it says something of the present.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeSeries } from '../../../../apiserver/store/node-series.js';
import { viewOf } from '../../../../apiserver/store/view.js';
import type { IpamPool } from '../../../../openapi/ipam-report.js';
import { ipamReport, ipamSource } from '../../../support/ipam-reports.js';
import { ingest, newStore, now } from '../../../support/ipam-store.js';
import { nodeReport } from '../../../support/reports.js';

const ALL = { shown: () => undefined, isListed: false };

/** What is to be seen of a node at a time of its clock. */
const seen = (node: NodeSeries, atMs: number) => viewOf(node, now(atMs), ALL).view.ipam;
/** The addresses that pods have, by source. */
const assigned = (node: NodeSeries, atMs: number) =>
  seen(node, atMs)?.map(
    ({ families }) => families.find(({ name }) => name.endsWith('assigned_ip_addresses'))?.samples[0]?.value,
  );
const told = (addresses: number) => ({ awscni_assigned_ip_addresses: addresses });
const minutes = (from: number, to: number): IpamPool['samples'] =>
  Array.from({ length: to - from + 1 }, (_, i) => [(from + i) * 60_000, from + i]);
const withPool = (samples: IpamPool['samples']) => ({ source: { pools: [{ labels: {}, samples }] } });
const poolOf = (node: NodeSeries, atMs: number) => seen(node, atMs)?.[0]?.pools[0]?.samples;

test('the newest reading is what is seen', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, told(3)));
  const node = ingest(store, ipamReport(2_000, told(5)));
  assert.deepEqual(assigned(node, 2_000), [5]);
  const { families } = ipamSource(2_000, told(5));
  assert.deepEqual(seen(node, 2_000), [{ name: 'awscni', families, pools: [] }]);
});

test('sources stand in the order of their names', () => {
  const hostLocal = { ...ipamSource(1_000), name: 'host-local' as const, families: [] };
  const node = ingest(newStore(), nodeReport(1_000, { ipam: [hostLocal, ipamSource(1_000)] }));
  assert.deepEqual(
    seen(node, 1_000)?.map(({ name }) => name),
    ['awscni', 'host-local'],
  );
});

test('a reading that is not newer changes nothing', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, told(3)));
  const node = ingest(store, nodeReport(2_000, { ipam: [ipamSource(1_000, told(9))] }));
  assert.deepEqual(assigned(node, 2_000), [3]);
});

test('a report without a reading keeps the last until it is stale', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, told(3)));
  const instance = { id: 'instance-b', startedAt: 1_500 };
  const { takenAt: _, ...never } = ipamSource(2_000, {}, { families: [], problem: 'not_found' });
  ingest(store, nodeReport(2_000, { instance, ipam: [never] }));
  const node = ingest(store, nodeReport(3_000, { instance }));
  assert.deepEqual(assigned(node, 3_000), [3]);
  ingest(store, nodeReport(16_000, { instance }));
  assert.deepEqual(assigned(node, 16_000), [3]);
  assert.equal(seen(node, 16_001), undefined);
});

test('a reading is good for three intervals of its source', () => {
  const store = newStore();
  const source = ipamSource(1_000, told(3), { intervalMs: 60_000 });
  ingest(store, nodeReport(1_000, { ipam: [source] }));
  const node = ingest(store, nodeReport(180_000, { ipam: [source] }));
  assert.deepEqual(assigned(node, 181_000), [3]);
  assert.equal(seen(node, 181_001), undefined);
});

test('what is seen is fresh until its oldest source is not', () => {
  const awscni = ipamSource(2_000, {}, { intervalMs: 60_000 });
  const hostLocal = { ...ipamSource(1_000), name: 'host-local' as const, families: [] };
  const node = ingest(newStore(), nodeReport(3_000, { pods: [], ipam: [awscni, hostLocal] }));
  assert.equal(viewOf(node, now(3_000), ALL).freshUntilMs, now(16_000));
  assert.equal(viewOf(node, now(16_001), ALL).freshUntilMs, now(182_000));
});

test('what is of the node is of no namespace', () => {
  const node = ingest(newStore(), ipamReport(1_000));
  assert.equal(viewOf(node, now(1_000), { ...ALL, namespace: 'default' }).view.ipam, undefined);
});

test('an agent that was started again gets its hour of free addresses back', () => {
  const store = newStore();
  ingest(store, ipamReport(40 * 60_000, {}, withPool(minutes(0, 40))));
  const instance = { id: 'instance-b', startedAt: 40 * 60_000 };
  const node = ingest(store, ipamReport(41 * 60_000, {}, { ...withPool(minutes(41, 41)), instance }));
  assert.deepEqual(poolOf(node, 41 * 60_000), minutes(0, 41));
});

test('of a node that can have another number of addresses there is no trend from before', () => {
  const store = newStore();
  const grown = { awscni_ip_max: 26 };
  ingest(store, ipamReport(40 * 60_000, {}, withPool(minutes(0, 40))));
  ingest(store, ipamReport(41 * 60_000, grown, withPool(minutes(41, 41))));
  const node = ingest(store, ipamReport(42 * 60_000, grown, withPool(minutes(41, 42))));
  assert.deepEqual(poolOf(node, 42 * 60_000), minutes(41, 42));
});

test('after a reboot nothing of the boot before is held', () => {
  const store = newStore();
  ingest(store, ipamReport(40 * 60_000, told(3), withPool(minutes(0, 40))));
  const boot = { bootId: 'boot-b', instance: { id: 'instance-b', startedAt: 0 } };
  const booted = { ...ipamReport(5_000, told(4), { ...withPool([[5_000, 7]]), ...boot }) };
  const node = ingest(store, booted, 41 * 60_000);
  assert.deepEqual(poolOf(node, 5_000 + 41 * 60_000), [[5_000, 7]]);
});

for (const [way, toMs] of [
  ['back', 1_000_000],
  ['forth', 9_000_000],
] as const) {
  test(`a clock that stepped ${way} takes the hour with it, and the next reading is good`, () => {
    const store = newStore();
    ingest(store, ipamReport(40 * 60_000, told(3), withPool(minutes(0, 40))));
    const stepped = ipamReport(toMs, told(4), { ...withPool([[toMs, 7]]), sequence: 2_401 });
    const node = ingest(store, stepped, 40 * 60_000 + 1_000 - toMs);
    assert.deepEqual(assigned(node, 40 * 60_000 + 1_000), [4]);
    assert.deepEqual(poolOf(node, 40 * 60_000 + 1_000), [[toMs, 7]]);
  });
}

test('labels and names that nodes have alike are held once', () => {
  const store = newStore();
  const series = { awscni_ec2api_req_count: [[{ fn: 'x' }, 1]] as const };
  const [a, b] = ['node-a', 'node-b'].map((node) => ingest(store, ipamReport(1_000, series, { node })));
  const samplesOf = (node: NodeSeries | undefined) => node && seen(node, 1_000)?.[0]?.families.at(-1)?.samples;
  assert.ok(samplesOf(a)?.[0]?.labels !== undefined);
  assert.equal(samplesOf(a)?.[0]?.labels, samplesOf(b)?.[0]?.labels);
});
