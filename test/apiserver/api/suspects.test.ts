// Who is seen failing or slow, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeNetwork, NodeNetworkList } from '../../../openapi/podnet-api.js';
import type { Table } from '../../../openapi/kubernetes.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { meshReport, type Mesh, type MeshDial, type Went } from '../../support/probe-mesh.js';
import { nodeReport } from '../../support/reports.js';

const SIX: Mesh = { zones: ['', '', '', '', '', ''], k: 4, networks: ['default', 'sriov'] };
const FAST = 0.000_1;
const NODE_NETWORKS = '/apis/podnet.dev/v1alpha1/nodenetworks';
const TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1';
const FAMILY = 'podnet_node_suspect_ratio';

async function push(server: TestServer, second: number, went: (dial: MeshDial) => Went, probers = [0, 1, 2, 3, 4, 5]) {
  for (const prober of probers) {
    const probed = (dial: MeshDial) => {
      const latency = went(dial);
      return typeof latency === 'number' ? { latencies: Array.from({ length: second }, () => latency) } : {};
    };
    const { statusCode, body } = await server.push(meshReport(SIX, prober, second * 1_000, went, probed));
    assert.equal(statusCode, 200, body.message);
  }
  server.clock.advance(1_000);
}

async function linesOf(server: TestServer, query = ''): Promise<string[]> {
  const { text } = await server.get(`/metrics${query}`);
  return text.split('\n').filter((line) => line.startsWith(`${FAMILY}{`));
}

const dead = ({ peer, network }: MeshDial): Went => (peer === 2 && network === 'default' ? 'failing' : FAST);
const lineOf = (letter: string, network: string, ratio: number) =>
  `${FAMILY}{node="node-${letter}",network="${network}"} ${ratio}`;

test('/metrics has the ratio of every node that is dialled, behind the families of nodes', async () => {
  const server = createTestServer();
  await push(server, 10, dead, [0, 1, 3, 4, 5]);
  const expected = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap((letter) => [
    lineOf(letter, 'default', letter === 'c' ? 1 : 0),
    lineOf(letter, 'sriov', 0),
  ]);
  assert.deepEqual(await linesOf(server), expected);
  const { text } = await server.get('/metrics', { accept: 'application/openmetrics-text' });
  assert.match(text, new RegExp(`# HELP ${FAMILY} .*\n# TYPE ${FAMILY} gauge\n# UNIT ${FAMILY} ratio\n${FAMILY}{`));
});

test('of /metrics a node and a family can be chosen, and a namespace has no nodes', async () => {
  const server = createTestServer();
  await push(server, 10, dead);
  assert.deepEqual(await linesOf(server, '?node=node-c'), [lineOf('c', 'default', 1), lineOf('c', 'sriov', 0)]);
  assert.deepEqual(await linesOf(server, '?node=node-z'), []);
  assert.deepEqual(await linesOf(server, '?namespace=default'), []);
  assert.deepEqual(await linesOf(server, '?family=podnet_pod_info'), []);
  const { text } = await server.get(`/metrics?family=${FAMILY}&node=node-a`);
  const [help, type, ...lines] = text.trimEnd().split('\n');
  assert.match(help ?? '', /^# HELP podnet_node_suspect_ratio Share of /);
  assert.equal(type, `# TYPE ${FAMILY} gauge`);
  assert.deepEqual(lines, [lineOf('a', 'default', 0), lineOf('a', 'sriov', 0)]);
});

test('nobody probes: no ratio, and not a 0', async () => {
  const server = createTestServer();
  await server.push(nodeReport(1_000));
  const { text } = await server.get('/metrics');
  assert.doesNotMatch(text, /podnet_node_suspect_ratio/);
  assert.match((await server.get('/readyz?verbose')).text, /^\[\+\]nodes ok$/m);
});

test('a node that is silent keeps the ratio that others give it, and gives none', async () => {
  const server = createTestServer();
  await push(server, 10, () => FAST);
  for (let second = 11; second < 40; second++) await push(server, second, dead, [0, 1, 3, 4, 5]);
  assert.deepEqual(await linesOf(server, '?node=node-c'), [lineOf('c', 'default', 1), lineOf('c', 'sriov', 0)]);
  server.clock.advance(60_000);
  assert.deepEqual(await linesOf(server), []);
});

test('what is slow begins at --suspect-latency', async () => {
  for (const [suspectLatencyMs, ratio] of [
    [5, 1],
    [50, 0],
  ] as const) {
    const server = createTestServer({ suspectLatencyMs });
    await push(server, 10, ({ prober, peer }) => (prober === 2 || peer === 2 ? 0.02 : FAST));
    assert.deepEqual((await linesOf(server, '?node=node-c'))[0], lineOf('c', 'default', ratio));
  }
});

test('/readyz says how the nodes are, whom nobody may know by name', async () => {
  const server = createTestServer();
  await push(server, 10, () => FAST);
  const lineOfNodes = async () =>
    (await server.get('/readyz?verbose')).text.split('\n').find((line) => line.includes('nodes'));
  assert.equal(await lineOfNodes(), '[+]nodes ok: 0 of 6 nodes are suspect');
  await push(server, 11, dead);
  assert.equal(
    await lineOfNodes(),
    '[+]nodes ok: 1 of 6 nodes is suspect, the worst is seen failing or slow by 4 of 4 probers on default',
  );
  assert.equal((await server.get('/readyz')).text, 'ok');
  assert.match((await server.get('/readyz/nodes?verbose')).text, /1 of 6 nodes is suspect/);
  assert.doesNotMatch((await server.get('/readyz?verbose')).text, /node-/);
});

test('a nodenetwork has the latency of its node and how it is seen', async () => {
  const server = createTestServer();
  const late = ({ peer, prober, network }: MeshDial): Went =>
    network === 'sriov' && (peer === 2 || prober === 2) ? 0.02 : FAST;
  for (const second of [10, 11]) await push(server, second, late);
  const { body } = await server.get<NodeNetworkList>(NODE_NETWORKS);
  assert.deepEqual(
    body.items.map(({ metadata, roles, suspectRatio, suspectNetworks }) => [
      ...[metadata.name, ...roles, suspectRatio, suspectNetworks?.join()],
    ]),
    [
      ['node-a', 'probe', 0.25, 'sriov'],
      ['node-b', 'probe', 0, ''],
      ['node-c', 'probe', 1, 'sriov'],
      ['node-d', 'probe', 0.25, 'sriov'],
      ['node-e', 'probe', 0.25, 'sriov'],
      ['node-f', 'probe', 0.25, 'sriov'],
    ],
  );
  for (const { dialLatency } of body.items) assert.deepEqual(dialLatency, { p50Seconds: '88u', p99Seconds: '125u' });
  const { body: one } = await server.get<NodeNetwork>(`${NODE_NETWORKS}/node-c`);
  assert.deepEqual([one.suspectRatio, one.suspectNetworks], [1, ['sriov']]);
});

test('of pods that nobody looks for there are not 0', async () => {
  const server = createTestServer();
  for (const second of [10, 11]) await push(server, second, () => FAST);
  const { body } = await server.get<NodeNetwork>(`${NODE_NETWORKS}/node-a`);
  assert.deepEqual([body.pods, body.interfaces, body.absent?.reason], [undefined, undefined, 'not_counted']);
  const { body: table } = await server.get<Table>(`${NODE_NETWORKS}/node-a`, { accept: TABLE });
  assert.deepEqual(table.rows[0]?.cells.slice(0, 4), ['node-a', null, null, null]);
});

test('the table of nodes shows who is suspect; of a node that nobody dials nothing is said', async () => {
  const server = createTestServer();
  for (const second of [10, 11]) await push(server, second, dead);
  await server.push(nodeReport(1_000, { node: 'node-z', bootId: 'z', pods: [] }));
  const { body } = await server.get<Table>(NODE_NETWORKS, { accept: TABLE });
  const column = (name: string) => body.columnDefinitions.findIndex((one) => one.name === name);
  assert.deepEqual(
    body.rows.map(({ cells }) => [cells[0], cells[column('Suspect')], cells[column('Dial-P99')]]),
    [
      ['node-a', '0%', '0.125 ms'],
      ['node-b', '0%', '0.125 ms'],
      ['node-c', '100%', null],
      ['node-d', '0%', '0.125 ms'],
      ['node-e', '0%', '0.125 ms'],
      ['node-f', '0%', '0.125 ms'],
      ['node-z', null, null],
    ],
  );
  assert.deepEqual(
    ['Suspect', 'Dial-P99'].map((name) => body.columnDefinitions[column(name)]?.priority),
    [0, 1],
  );
});
