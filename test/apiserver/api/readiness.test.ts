import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agents } from '../../../apiserver/pods/agents.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { apiPod, createTestCluster } from '../../support/cluster.js';
import { nodeReport } from '../../support/reports.js';

/** Of the reports. */
const INTERVAL_MS = 1_000;

const isReady = async (server: TestServer) => (await server.get('/readyz')).statusCode === 200;

async function report(server: TestServer, count: number, role: 'node' | 'probe' = 'node'): Promise<void> {
  for (let i = 0; i < count; i++) {
    await server.push(nodeReport(1_000, { node: `node-${i}`, bootId: `boot-${i}`, pods: [], role }));
  }
}

test('ready when nineteen of twenty agents have reported, and then for good', async () => {
  let expected: number | undefined = 20;
  const server = createTestServer({ cluster: { ...createTestCluster(), expectedAgents: () => expected } });
  server.clock.advance(INTERVAL_MS);
  await report(server, 18);
  assert.equal(await isReady(server), false);
  await report(server, 19);
  assert.equal(await isReady(server), true);
  expected = 1_000;
  assert.equal(await isReady(server), true);
});

test('that the first ones to report are all of their workload makes nobody ready: those of others come within an interval', async () => {
  let expected = 2;
  const server = createTestServer({ cluster: { ...createTestCluster(), expectedAgents: () => expected } });
  await report(server, 2);
  assert.equal(await isReady(server), false);
  server.clock.advance(INTERVAL_MS - 1);
  await report(server, 3);
  expected = 20;
  server.clock.advance(1);
  assert.equal(await isReady(server), false);
  await report(server, 20);
  assert.equal(await isReady(server), true);
});

test('agents that probe make nobody ready for those that count the pods', async () => {
  const server = createTestServer({ cluster: { ...createTestCluster(), expectedAgents: () => 20 } });
  server.clock.advance(INTERVAL_MS);
  await report(server, 20, 'probe');
  assert.equal(await isReady(server), false);
  await report(server, 18);
  assert.equal(await isReady(server), false);
  await report(server, 19);
  assert.equal(await isReady(server), true);
});

test('where agents probe as well, enough of them have to have reported', async () => {
  const server = createTestServer({ cluster: { ...createTestCluster(), expectedAgents: () => 20 } });
  server.clock.advance(INTERVAL_MS);
  await report(server, 1, 'probe');
  await report(server, 20);
  assert.equal(await isReady(server), false);
  await report(server, 19, 'probe');
  assert.equal(await isReady(server), true);
});

test('ready after three intervals, however many agents there are', async () => {
  const server = createTestServer({ cluster: { ...createTestCluster(), expectedAgents: () => undefined } });
  await report(server, 3);
  server.clock.advance(45_000);
  assert.equal(await isReady(server), false);
  server.clock.advance(1);
  assert.equal(await isReady(server), true);
});

test('the intervals are those of the agents, none counts for less than 15 s nor for more than a minute', async () => {
  for (const [intervalMs, readyMs] of [
    [1_000, 45_000],
    [30_000, 90_000],
    [300_000, 180_000],
  ] as const) {
    const server = createTestServer({ cluster: { ...createTestCluster(), expectedAgents: () => 20 } });
    await server.push(nodeReport(1_000, { pods: [], intervalMs }));
    await server.push(nodeReport(1_000, { pods: [], node: 'other', bootId: 'other' }));
    server.clock.advance(readyMs);
    assert.equal(await isReady(server), false, `${intervalMs} ms`);
    server.clock.advance(1);
    assert.equal(await isReady(server), true, `${intervalMs} ms`);
  }
});

test('a server that waits for agents says how many, of each role', async () => {
  const server = createTestServer({
    cluster: { ...createTestCluster(), expectedAgents: (role) => (role === 'node' ? 20 : undefined) },
  });
  const line = async () => (await server.get('/readyz?verbose')).text.split('\n')[1];
  assert.equal(await line(), '[-]reports failed: 0 of 20 agents of role node have reported, no agent has reported');
  server.clock.advance(INTERVAL_MS);
  await report(server, 18);
  const fresh = (count: number) =>
    `${count} of 20 agents of role node have reported, ${count} of ${count} agents are fresh, the newest report came 0.0 s ago, the oldest of a fresh one 0.0 s ago`;
  assert.equal(await line(), `[-]reports failed: ${fresh(18)}`);
  await report(server, 19);
  assert.equal(await line(), `[+]reports ok: ${fresh(19)}`);
});

test('a check that fails is named, one that has something to say says it', async () => {
  const server = createTestServer({
    checks: [
      { name: 'good', isMet: () => true, detail: () => 'with a remark' },
      { name: 'bad', isMet: () => false },
    ],
  });
  await report(server, 1);
  const { statusCode, text } = await server.get('/readyz?verbose');
  assert.equal(statusCode, 500);
  assert.equal(
    text,
    '[+]ping ok\n[+]reports ok: 1 of 1 agents is fresh, the newest report came 0.0 s ago, the oldest of a fresh one 0.0 s ago\n[+]nodes ok\n[+]good ok: with a remark\n[-]bad failed: reason withheld\nreadyz check failed\n',
  );
});

test('/readyz says how fresh the reports are, and names no node', async () => {
  const server = createTestServer();
  const lineOfReports = async () =>
    (await server.get('/readyz?verbose')).text.split('\n').find((line) => line.includes('reports'));
  await report(server, 1);
  server.clock.advance(30_000);
  await report(server, 3); // of node-0 nothing new
  server.clock.advance(2_500);
  await server.push(nodeReport(1_000, { node: 'node-9', bootId: 'boot-9', pods: [] }));
  assert.equal(
    await lineOfReports(),
    '[+]reports ok: 3 of 4 agents are fresh, the newest report came 0.0 s ago, the oldest of a fresh one 2.5 s ago',
  );
  server.clock.advance(60_000);
  assert.equal(await lineOfReports(), '[+]reports ok: 0 of 4 agents are fresh');
  assert.doesNotMatch((await server.get('/readyz?verbose')).text, /node-/);
});

test('there should be as many agents as the workloads that report have pods', () => {
  const workload = { kind: 'DaemonSet', name: 'agent' };
  const pod = (name: string, of = workload) => apiPod({ namespace: 'podnet-system', name, uid: name, workload: of });
  const cluster = createTestCluster([
    ...['a', 'b', 'c'].map((name) => pod(name)),
    pod('p', { kind: 'DaemonSet', name: 'prober' }),
    pod('other', { kind: 'Deployment', name: 'apiserver' }),
  ]);
  const agents = new Agents(cluster.pods);
  assert.equal(agents.expected('node'), undefined);
  agents.note({ namespace: 'podnet-system', name: 'nobody' }, 'node');
  assert.equal(agents.expected('node'), undefined);
  agents.note({ namespace: 'podnet-system', name: 'a' }, 'node');
  assert.equal(agents.expected('node'), 3);
  assert.equal(agents.expected('probe'), undefined);
  agents.note({ namespace: 'podnet-system', name: 'p' }, 'probe');
  assert.deepEqual([agents.expected('node'), agents.expected('probe')], [3, 1]);
  cluster.state.isCurrent = false;
  assert.equal(agents.expected('node'), undefined);
});
