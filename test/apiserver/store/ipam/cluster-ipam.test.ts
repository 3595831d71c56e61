// Of how many nodes the totals are, and what they are: whole, or not there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../../../apiserver/store/store.js';
import type { IpamFamily, IpamSourceReport } from '../../../../openapi/ipam-report.js';
import type { NodeReport } from '../../../../openapi/node-report.js';
import { ipamReport, ipamSource, shrinking } from '../../../support/ipam-reports.js';
import { figure, ingest, newStore, now } from '../../../support/ipam-store.js';
import { nodeReport, podReport } from '../../../support/reports.js';

const HOUR_MS = 3_600_000;
const WINDOW_MS = 60_000;

const value = (store: Store, name: string, atMs: number) => store.ipam.total(figure(name), now(atMs))?.value;
const ofNode = (store: Store, node: string, name: string, atMs: number) =>
  store.ipam.ofNode(node, figure(name), WINDOW_MS, now(atMs))?.value;
const rate = (store: Store, name: string, atMs: number) =>
  store.ipam.totalRate(figure(name), WINDOW_MS, now(atMs))?.value;
const nodes = (store: Store, atMs: number) => {
  const { reporting, missing } = store.ipam.nodes(now(atMs));
  return [reporting, missing];
};
const unread = (atMs: number, problem: string | undefined, overrides: Partial<NodeReport> = {}) => {
  const { takenAt: _, ...source } = ipamSource(atMs, {}, { families: [], ...(problem !== undefined && { problem }) });
  return nodeReport(atMs, { node: 'n0', pods: [], ipam: [source], ...overrides });
};
/** Without a family; with `leftOut` it was bad. */
const without = (name: string, atMs: number, overrides: Partial<IpamSourceReport> = {}) => {
  const { families } = ipamSource(atMs);
  return { families: families.filter((family) => family.name !== name), ...overrides };
};
const awsNode = podReport({
  ...{ namespace: 'kube-system', name: 'aws-node-x', uid: 'aws-node-x', labels: { 'k8s-app': 'aws-node' } },
  ...{ hostNetwork: true, interfaces: [] },
});

test('totals are of the nodes that report', () => {
  const store = newStore();
  for (const [i, assigned] of [3, 5, 9].entries()) {
    ingest(store, ipamReport(1_000 + i, { awscni_assigned_ip_addresses: assigned }, { node: `n${i}` }));
  }
  assert.deepEqual(nodes(store, 2_000), [3, 0]);
  assert.deepEqual(store.ipam.total(figure('ipam_assigned_ip_addresses'), now(2_000)), {
    ...{ value: 17, ageMs: 1_000, spanMs: 0 },
  });
  assert.deepEqual(store.ipam.reportingNodes(now(2_000)), ['n0', 'n1', 'n2']);
  ingest(store, ipamReport(10_000, { awscni_assigned_ip_addresses: 4 }, { node: 'n0' }));
  assert.equal(value(store, 'ipam_assigned_ip_addresses', 16_002), 13);
  assert.deepEqual(nodes(store, 16_002), [2, 1]);
  assert.deepEqual(store.ipam.reportingNodes(now(16_002)), ['n0', 'n2']);
});

test('where no node reports there is nothing', () => {
  const store = newStore();
  assert.deepEqual(nodes(store, 0), [0, 0]);
  ingest(store, nodeReport(1_000));
  assert.deepEqual(nodes(store, 1_000), [0, 0]);
  assert.equal(value(store, 'ipam_eni_max', 1_000), undefined);
  assert.equal(ofNode(store, 'node-a', 'ipam_eni_max', 1_000), undefined);
  assert.equal(rate(store, 'ipam_add_ip_req_per_second', 1_000), undefined);
});

test('samples with labels are added up', () => {
  const store = newStore();
  const cidrs = [[{ cidr: 'a' }, 2], [{ cidr: 'b' }, 3]] as const; // prettier-ignore
  ingest(store, ipamReport(1_000, { awscni_assigned_ip_per_cidr: cidrs }, { node: 'n0' }));
  ingest(store, ipamReport(1_000, {}, { node: 'n1' }));
  assert.equal(value(store, 'ipam_assigned_ip_per_cidr', 1_000), 5);
  assert.equal(ofNode(store, 'n1', 'ipam_assigned_ip_per_cidr', 1_000), 0);
});

for (const [what, source] of [
  ['had to leave out', without('awscni_eni_max', 1_000, { leftOut: ['awscni_eni_max'] })],
  ['does not have, and ipamd always has', without('awscni_eni_max', 1_000)],
] as const) {
  test(`a total of what a node ${what} is not known`, () => {
    const store = newStore();
    ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
    ingest(store, ipamReport(1_000, {}, { node: 'n1', source }));
    assert.equal(value(store, 'ipam_eni_max', 1_000), undefined);
    assert.equal(ofNode(store, 'n0', 'ipam_eni_max', 1_000), 4);
    assert.equal(ofNode(store, 'n1', 'ipam_eni_max', 1_000), undefined);
    assert.equal(value(store, 'ipam_eni_allocated', 1_000), 4);
  });
}

const latency = (...samples: readonly (readonly [string | undefined, number])[]): IpamFamily => ({
  ...{ name: 'awscni_aws_api_latency_ms', type: 'summary' },
  samples: samples.map(([quantile, one], i) =>
    quantile === undefined
      ? { suffix: '_sum', labels: { api: `${i}` }, value: one }
      : { labels: { api: `${i}`, quantile }, value: one },
  ),
});
const withLatency = (node: string, family: IpamFamily) =>
  ipamReport(1_000, {}, { node, source: { families: [...ipamSource(1_000).families, family] } });

test('latency is the highest that a node tells, in seconds', () => {
  const store = newStore();
  const name = 'ipam_aws_api_latency_seconds';
  ingest(store, withLatency('n0', latency([undefined, 9_000])));
  assert.equal(value(store, name, 1_000), undefined);
  ingest(store, withLatency('n1', latency(['0.99', 25], ['0.5', 800], ['0.990', 40])));
  ingest(store, withLatency('n2', latency(['0.99', 30])));
  assert.equal(value(store, name, 1_000), 0.04);
  assert.equal(ofNode(store, 'n2', name, 1_000), 0.03);
  assert.equal(ofNode(store, 'n0', name, 1_000), undefined);
  ingest(store, ipamReport(1_000, {}, { node: 'n3', source: { leftOut: ['awscni_aws_api_latency_ms'] } }));
  assert.equal(value(store, name, 1_000), undefined);
});

test('free is what nodes can have less what pods have', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
  ingest(store, ipamReport(1_000, { awscni_ip_max: 20, awscni_assigned_ip_addresses: 21 }, { node: 'n1' }));
  assert.equal(value(store, 'ipam_free_ip_addresses', 1_000), 28);
  assert.equal(ofNode(store, 'n1', 'ipam_free_ip_addresses', 1_000), 0);
  ingest(store, ipamReport(1_000, { awscni_ip_max: 0 }, { node: 'n2' }));
  assert.equal(value(store, 'ipam_free_ip_addresses', 1_000), undefined);
  assert.equal(value(store, 'ipam_exhaustion_seconds', 1_000), undefined);
});

test('addresses run out at the trends of the nodes together', () => {
  const store = newStore();
  const trend = (perSecond: number) => ({ pools: [{ labels: {}, samples: shrinking(HOUR_MS, 28, perSecond) }] });
  const name = 'ipam_exhaustion_seconds';
  ingest(store, ipamReport(HOUR_MS, {}, { node: 'n0' }));
  assert.equal(value(store, name, HOUR_MS), undefined);
  ingest(store, ipamReport(HOUR_MS, {}, { node: 'n1', source: trend(0.02) }));
  assert.equal(Math.round(value(store, name, HOUR_MS) ?? NaN), 2_800);
  assert.equal(Math.round(ofNode(store, 'n1', name, HOUR_MS) ?? NaN), 1_400);
  ingest(store, ipamReport(HOUR_MS, {}, { node: 'n2', source: trend(-0.01) }));
  assert.equal(Math.round(value(store, name, HOUR_MS) ?? NaN), 8_400);
  assert.equal(ofNode(store, 'n2', name, HOUR_MS), undefined);
  ingest(store, ipamReport(HOUR_MS, {}, { node: 'n3', source: trend(-0.01) }));
  assert.equal(value(store, name, HOUR_MS), undefined);
});

const ADD = 'ipam_add_ip_req_per_second';
const asked = (node: string, atMs: number, count: number, overrides: Partial<NodeReport> = {}) =>
  ipamReport(atMs, { awscni_add_ip_req_count: count }, { node, ...overrides });

test('a rate is of two readings, and of all nodes together', () => {
  const store = newStore();
  ingest(store, asked('n0', 1_000, 10));
  assert.equal(ofNode(store, 'n0', ADD, 1_000), undefined);
  ingest(store, asked('n0', 11_000, 30));
  ingest(store, asked('n1', 11_000, 500));
  assert.equal(rate(store, ADD, 11_000), undefined); // n1 has told but once, as all have when a server starts
  ingest(store, asked('n1', 13_000, 502));
  assert.deepEqual(store.ipam.ofNode('n0', figure(ADD), WINDOW_MS, now(13_000)), {
    ...{ value: 2, ageMs: 2_000, spanMs: 10_000 },
  });
  assert.deepEqual(store.ipam.totalRate(figure(ADD), WINDOW_MS, now(13_000)), {
    ...{ value: 3, ageMs: 2_000, spanMs: 10_000 },
  });
});

test('a rate is of its window', () => {
  const store = newStore();
  for (let second = 1; second <= 200; second++)
    ingest(store, asked('n0', second * 1_000, Math.max(0, second - 190) * 5));
  const over = (windowMs: number) => store.ipam.ofNode('n0', figure(ADD), windowMs, now(200_000));
  assert.deepEqual([over(10_000)?.value, over(10_000)?.spanMs], [5, 10_000]);
  assert.ok(Math.abs((over(100_000)?.value ?? 0) - 0.5) < 0.02);
});

test('a node that joins later does not hide the rate of the others', () => {
  const store = newStore();
  for (let second = 10; second <= 60; second += 10) ingest(store, asked('n0', second * 1_000, second * 2));
  ingest(store, asked('n1', 60_000, 500));
  assert.equal(rate(store, ADD, 60_000), 2);
  ingest(store, asked('n1', 61_000, 503));
  assert.equal(rate(store, ADD, 61_000), 5);
});

test('a restart of ipamd grows by what was counted since', () => {
  const store = newStore();
  for (const [i, count] of [100, 150, 20, 30].entries()) ingest(store, asked('n0', i * 10_000 + 1_000, count));
  assert.equal(rate(store, ADD, 31_000), 80 / 30);
});

test('a rate of a counter that was left out last is not known', () => {
  const store = newStore();
  const bad = (atMs: number) => without('awscni_add_ip_req_count', atMs, { leftOut: ['awscni_add_ip_req_count'] });
  ingest(store, asked('n0', 1_000, 10));
  ingest(store, asked('n0', 11_000, 20));
  ingest(store, ipamReport(12_000, {}, { node: 'n0', source: bad(12_000) }));
  assert.equal(ofNode(store, 'n0', ADD, 12_000), undefined);
  assert.equal(rate(store, ADD, 12_000), undefined);
  ingest(store, asked('n0', 21_000, 30));
  assert.equal(rate(store, ADD, 21_000), 1);
});

test('after a reboot a rate begins anew, and the total goes on', () => {
  const store = newStore();
  for (const second of [1, 11, 21]) ingest(store, asked('n0', 1_000_000 + second * 1_000, second));
  const boot = { bootId: 'boot-b', instance: { id: 'instance-b', startedAt: 0 } };
  ingest(store, asked('n0', 5_000, 3, boot), 1_060_000);
  assert.equal(ofNode(store, 'n0', ADD, 1_065_000), undefined);
  assert.equal(rate(store, ADD, 1_065_000), undefined);
  ingest(store, asked('n0', 6_000, 4, boot), 1_060_000);
  assert.equal(rate(store, ADD, 1_066_000), 1);
  assert.equal(store.ipam.total(figure(ADD), now(1_066_000))?.value, 20 + 3 + 1);
});

test('a node whose agent cannot read an ipamd is missing', () => {
  const store = newStore();
  ingest(store, unread(1_000, 'unreachable'));
  assert.deepEqual(nodes(store, 1_000), [0, 1]);
  ingest(store, unread(2_000, 'not_found'));
  assert.deepEqual(nodes(store, 2_000), [0, 0]);
  ingest(store, unread(3_000, 'not_found', { pods: [awsNode] }));
  assert.deepEqual(nodes(store, 3_000), [0, 1]);
  const other = { ...awsNode, namespace: 'default' };
  ingest(store, unread(4_000, 'not_found', { pods: [other] }));
  assert.deepEqual(nodes(store, 4_000), [0, 0]);
});

test('a node that told once is missing when its reading is stale', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
  ingest(store, unread(2_000, 'failed'));
  assert.deepEqual(nodes(store, 2_000), [1, 0]);
  ingest(store, nodeReport(16_001, { node: 'n0' }));
  assert.deepEqual(nodes(store, 16_001), [0, 1]);
});

test('a node that has no ipamd any more is missing for a quarter of an hour', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
  ingest(store, unread(900_000, 'not_found'), -880_000);
  const later = (minute: number) => {
    for (let i = 1; i <= minute; i++) ingest(store, unread(1_000 + i * 60_000, 'not_found'));
  };
  later(15);
  assert.deepEqual(nodes(store, 901_000), [0, 1]);
  later(16);
  assert.deepEqual(nodes(store, 961_000), [0, 0]);
});

test('a silent node is missing for as long as it has a pod', () => {
  const existing = new Set(['uid-web-0']);
  const store = newStore({ podExists: ({ meta }) => existing.has(meta.uid) });
  ingest(store, ipamReport(1_000, {}, { node: 'n0', pods: [podReport()] }));
  for (const atMs of [17_000, 400_000, HOUR_MS]) {
    store.expire(now(atMs), ({ meta }) => existing.has(meta.uid));
    assert.deepEqual(nodes(store, atMs), [0, 1]);
  }
  existing.clear();
  assert.deepEqual(nodes(store, HOUR_MS + 1_000), [0, 0]);
});

test('without a list of pods a silent node is missing until it is forgotten', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
  store.expire(now(301_000));
  assert.deepEqual(nodes(store, 301_000), [0, 1]);
  store.expire(now(301_001));
  assert.deepEqual(nodes(store, 301_001), [0, 0]);
});

test('a node that told since its agent started, and where nothing listens now, is missing for good', () => {
  const store = newStore();
  for (let minute = 0; minute <= 30; minute++) {
    const atMs = 1_000 + minute * 60_000;
    const source = { takenAt: 1_000, ...(minute > 0 && { problem: 'not_found' }) };
    ingest(store, ipamReport(atMs, {}, { node: 'n0', source }));
    assert.deepEqual(nodes(store, atMs), minute === 0 ? [1, 0] : [0, 1]);
  }
});

test('a silent node whose agent knew no pods is missing until it is forgotten', () => {
  const store = newStore({ podExists: () => true });
  ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
  assert.deepEqual(nodes(store, 17_000), [0, 1]);
  store.expire(now(301_001));
  assert.deepEqual(nodes(store, 301_001), [0, 0]);
});

test('nodes with a pod of ipamd that were never heard of are missing', () => {
  let serving: number | undefined = 3;
  const store = newStore({ servingPods: () => serving });
  assert.deepEqual(nodes(store, 0), [0, 0]);
  ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
  assert.deepEqual(nodes(store, 1_000), [1, 2]);
  serving = 0; // of another deployment
  assert.deepEqual(nodes(store, 2_000), [1, 0]);
});

test('while nobody knows how many there ought to be there is no total', () => {
  const list: { pods?: number } = {};
  const store = newStore({ servingPods: () => list.pods });
  ingest(store, asked('n0', 1_000, 5));
  ingest(store, asked('n0', 2_000, 6));
  assert.deepEqual(nodes(store, 2_000), [0, 0]);
  for (const name of ['ipam_eni_max', ADD]) assert.equal(value(store, name, 2_000), undefined);
  assert.equal(rate(store, ADD, 2_000), undefined);
  assert.equal(ofNode(store, 'n0', 'ipam_eni_max', 2_000), 4);
  assert.deepEqual(store.ipam.reportingNodes(now(2_000)), ['n0']);
  list.pods = 1;
  assert.equal(value(store, 'ipam_eni_max', 4_000), 4);
});

test('a total of what a node counts below 0 is not known', () => {
  const store = newStore();
  ingest(store, ipamReport(1_000, {}, { node: 'n0' }));
  ingest(store, ipamReport(1_000, { awscni_eni_allocated: -1 }, { node: 'n1' }));
  assert.equal(value(store, 'ipam_eni_allocated', 1_000), undefined);
  assert.equal(value(store, 'ipam_eni_max', 1_000), 8);
});

test('a node that joins without a counter hides the rate of all', () => {
  const store = newStore();
  for (let second = 10; second <= 60; second += 10) ingest(store, asked('n0', second * 1_000, second * 2));
  const name = 'awscni_add_ip_req_count';
  ingest(store, ipamReport(60_000, {}, { node: 'n1', source: without(name, 60_000, { leftOut: [name] }) }));
  assert.equal(rate(store, ADD, 60_000), undefined);
});
