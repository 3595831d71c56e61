// IP addresses of nodes as kubectl prints them, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Table } from '../../../../openapi/kubernetes.js';
import type { NodeNetwork } from '../../../../openapi/podnet-api.js';
import { createTestServer, type TestServer } from '../../../support/app.js';
import { ipamReport, shrinking } from '../../../support/ipam-reports.js';
import { nodeReport } from '../../../support/reports.js';

const NODE_NETWORKS = '/apis/podnet.dev/v1alpha1/nodenetworks';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
/** Long enough up that there is an hour of history. */
const START_MS = 10_000_000;

type Reported = Parameters<typeof ipamReport>;

async function fixture(told: Reported[1] = {}, more: Reported[2] = {}): Promise<TestServer> {
  const server = createTestServer();
  const { statusCode, body } = await server.push(ipamReport(START_MS, told, more));
  assert.deepEqual([statusCode, body.rejected], [200, []], JSON.stringify(body));
  return server;
}

async function addressesOf(server: TestServer): Promise<NodeNetwork['ipAddresses']> {
  return (await server.get<NodeNetwork>(`${NODE_NETWORKS}/node-a`)).body.ipAddresses;
}

async function cellsOf(server: TestServer): Promise<Record<string, unknown>> {
  const { body } = await server.get<Table>(`${NODE_NETWORKS}/node-a`, { accept: TABLE });
  return Object.fromEntries(['IPs', 'ENIs'].map((name) => [name, body.rows[0]?.cells[columnOf(body, name)]]));
}

const columnOf = (table: Table, name: string) => table.columnDefinitions.findIndex((one) => one.name === name);

test('a nodenetwork has the addresses of its node, and when they run out', async () => {
  const pools = [{ labels: {}, samples: shrinking(START_MS, 28, 0.03) }];
  const server = await fixture({}, { source: { pools } });
  assert.deepEqual(await addressesOf(server), {
    ...{ assigned: 12, total: 20, maximum: 40, free: 28 },
    ...{ exhaustionSeconds: 933, enisAllocated: 2, enisMaximum: 4 },
  });
});

test('the table has them of those that there can be', async () => {
  const server = await fixture();
  assert.deepEqual(await cellsOf(server), { IPs: '12/40', ENIs: '2/4' });
  const { body } = await server.get<Table>(NODE_NETWORKS, { accept: TABLE });
  assert.deepEqual(
    ['IPs', 'ENIs'].map((name) => body.columnDefinitions[columnOf(body, name)]?.priority),
    [0, 1],
  );
});

test('none of them given to pods is 0, none known is nothing', async () => {
  const server = await fixture({ awscni_assigned_ip_addresses: 0 });
  assert.deepEqual(await cellsOf(server), { IPs: '0/40', ENIs: '2/4' });
  server.clock.advance(60_000);
  assert.equal(await addressesOf(server), undefined);
  assert.deepEqual(await cellsOf(server), { IPs: null, ENIs: null });
});

test('a node without ipamd has no addresses', async () => {
  const server = createTestServer();
  await server.push(nodeReport(1_000));
  assert.equal(await addressesOf(server), undefined);
  assert.deepEqual(await cellsOf(server), { IPs: null, ENIs: null });
});

for (const value of [-1, 12.5, 1e300]) {
  test(`${value} addresses are no count`, async () => {
    const server = await fixture({ awscni_total_ip_addresses: value });
    assert.equal(await addressesOf(server), undefined);
    assert.deepEqual(await cellsOf(server), { IPs: null, ENIs: null });
  });
}

test('what only some of a node is known of is not shown', async () => {
  const families = [
    { name: 'awscni_assigned_ip_addresses', type: 'gauge' as const, samples: [{ labels: {}, value: 5 }] },
  ];
  const server = await fixture({}, { source: { families, leftOut: ['awscni_ip_max'] } });
  assert.deepEqual(await cellsOf(server), { IPs: null, ENIs: null });
});
