// The server among the things it leans on: the list of pods, reviews and keys of a Kubernetes API that comes, goes and lies.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test, type TestContext } from 'node:test';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { CUSTOM, METRIC, PODNET, createDemo, deployDemo } from '../support/demo-data.js';
import { startDeployment, type Deployment } from '../support/deployment.js';
import { CA_CONFIG_MAP } from '../support/empty-authority.js';
import { eventually } from '../support/programs.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../support/reports.js';

const ADMIN = { user: 'admin', groups: ['system:masters'] };

async function start(t: TestContext, flags: string[] = []): Promise<Deployment> {
  const deployment = await startDeployment({ flags });
  t.after(() => deployment.close());
  await deployDemo(deployment);
  return deployment;
}

async function values(
  { viaProxy }: Deployment,
  path = `${CUSTOM}/namespaces/demo/pods/*/${METRIC}`,
): Promise<string[]> {
  const { body } = await viaProxy(path, ADMIN);
  const { items = [] } = body as unknown as Partial<MetricValueListV1Beta2>;
  return items.map(({ describedObject, value }) => `${describedObject.name}=${value}`);
}

const DEMO = ['p1=1500', 'p2=500'];

test('a deleted pod is gone at once, its recreation is another one', async (t) => {
  const deployment = await start(t);
  assert.deepEqual(await values(deployment), DEMO);
  deployment.api.remove('/api/v1/namespaces/demo/pods/p2');
  await eventually(
    () => values(deployment),
    (found) => found.join() === 'p1=1500',
  );
  assert.doesNotMatch((await deployment.viaProxy('/metrics', ADMIN)).text, /namespace="demo",pod="p2"/);
  deployment.addPod('demo', 'p2', { uid: 'uid-p2-again' });
  await eventually(
    () => deployment.server.pods.get('demo', 'p2', 0)?.uid,
    (uid) => uid === 'uid-p2-again',
  );
  assert.deepEqual(await values(deployment), ['p1=1500']);
});

test('a pod that finished is no pod any more', async (t) => {
  const deployment = await start(t);
  const path = '/api/v1/namespaces/demo/pods/p2';
  deployment.api.put(path, {
    metadata: { uid: 'uid-p2', creationTimestamp: '2026-11-20T10:00:00Z' },
    spec: { nodeName: 'node-a' },
    status: { phase: 'Succeeded' },
  });
  await eventually(
    () => values(deployment),
    (found) => found.join() === 'p1=1500',
  );
});

test('a Deployment is reached through its ReplicaSet, and is whole or absent', async (t) => {
  const deployment = await start(t);
  const path = `${CUSTOM}/namespaces/demo/deployments.apps/web/${METRIC}`;
  assert.deepEqual(await values(deployment, path), ['web=2k']);
  deployment.addPod('demo', 'p3', {
    labels: { 'pod-template-hash': '5b8dd9f89' },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web-5b8dd9f89', uid: 'rs', controller: true }],
  });
  const { body } = await eventually(
    () => deployment.viaProxy(path, ADMIN),
    ({ statusCode }) => statusCode === 404,
  );
  assert.match(body.message, /: 2 of 3 pods have samples$/);
});

/** node-b reports a pod of node-a, and says that it is younger than it is. */
async function steal({ agentToken, push }: Deployment): Promise<void> {
  const token = await agentToken({ node: 'node-b' });
  for (const second of [10, 20]) {
    const interfaces = [interfaceReport({ readings: [readingOf(9_000_000 * second)] })];
    const creationTimestamp = '2027-01-01T00:00:00Z';
    const pods = [podReport({ namespace: 'demo', name: 'p1', uid: 'uid-p1', creationTimestamp, interfaces })];
    const report = nodeReport(second * 1_000, { node: 'node-b', bootId: 'boot-b', pods });
    assert.equal((await push(report, token)).statusCode, 200);
  }
}

test('a pod that two nodes report stays with the first while that lives', async (t) => {
  const deployment = await start(t);
  deployment.api.misbehave(({ path }) => (path.endsWith('/pods/p1') ? { status: 503 } : undefined));
  await steal(deployment);
  assert.deepEqual(await values(deployment), DEMO);
});

test('a pod that two nodes report is of the node that it is on, whoever came first', async (t) => {
  const deployment = await startDeployment();
  t.after(() => deployment.close());
  deployment.rules.push(({ resourceAttributes }) => resourceAttributes?.['resource'] === 'nodereports');
  deployment.addPod('demo', 'p1');
  await eventually(
    () => deployment.server.pods.get('demo', 'p1', 0)?.uid,
    (uid) => uid === 'uid-p1',
  );
  await steal(deployment);
  await deployDemo(deployment);
  await eventually(
    () => values(deployment),
    (found) => found.join() === DEMO.join(),
  );
  const { text } = await deployment.viaProxy('/metrics?family=podnet_interface_receive_bytes_total', ADMIN);
  assert.doesNotMatch(text, /node="node-b"/);
});

test('an agent whose pod is deleted is out at once', async (t) => {
  const deployment = await start(t);
  const token = await deployment.agentToken();
  const report = nodeReport(50_000, { pods: [] });
  assert.equal((await deployment.push(report, token)).statusCode, 200);
  deployment.api.remove('/api/v1/namespaces/podnet-system/pods/agent-a');
  await eventually(
    async () => (await deployment.push(report, token)).statusCode,
    (code) => code === 401,
  );
});

test('tokens that are not for us, or no longer, let nobody in', async (t) => {
  const deployment = await start(t);
  const report = nodeReport(50_000, { pods: [] });
  const codeOf = async (token: string) => (await deployment.push(report, token)).statusCode;
  assert.equal(await codeOf(await deployment.agentToken({ audience: 'other' })), 401);
  assert.equal(await codeOf(await deployment.agentToken({ expiresInSeconds: -3_600 })), 401);
  assert.equal(await codeOf(await deployment.agentToken({ pod: { name: 'agent-z', uid: 'uid-agent-z' } })), 401);
  assert.equal(await codeOf('x'.repeat(4_000)), 401);
  assert.equal(await codeOf(await deployment.agentToken({ node: 'node-b' })), 403);
  assert.equal(await codeOf(await deployment.agentToken()), 200);
});

test('nobody whose report is refused counts among the agents to wait for', async (t) => {
  const deployment = await startDeployment();
  t.after(() => deployment.close());
  for (let i = 0; i < 20; i++) {
    const ownerReferences = [{ kind: 'DaemonSet', name: 'tenant', uid: 'ds-2', controller: true }];
    deployment.addPod('podnet-system', `tenant-${i}`, { ownerReferences });
  }
  await eventually(
    () => deployment.server.pods.get('podnet-system', 'tenant-19', 0)?.uid,
    (uid) => uid === 'uid-tenant-19',
  );
  const tenant = await deployment.agentToken({ pod: { name: 'tenant-0', uid: 'uid-tenant-0' } });
  assert.equal((await deployment.push(nodeReport(1_000), tenant)).statusCode, 403);
  deployment.clock.shiftMs += 10_000; // the refusal is no longer remembered
  deployment.rules.push(({ resourceAttributes }) => resourceAttributes?.['resource'] === 'nodereports');
  assert.equal((await deployment.push(nodeReport(1_000, { node: 'node-b' }), tenant)).statusCode, 403);
  const readyz = async () => (await deployment.ask('/readyz')).statusCode;
  assert.equal(await readyz(), 500);
  assert.equal((await deployment.push(nodeReport(1_000, { pods: [] }))).statusCode, 200);
  assert.equal(await readyz(), 200);
});

test('an agent that never ends its reports locks out no other agent', async (t) => {
  const deployment = await start(t);
  const session = connect(deployment.server.url, { ca: deployment.server.ca });
  const authorization = `Bearer ${await deployment.agentToken({ node: 'node-b' })}`;
  const codes: unknown[] = [];
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', authorization };
  for (let i = 0; i < 50; i++) {
    const stream = session.request({ ':method': 'POST', ':path': `${PODNET}/nodereports`, ...headers });
    stream.on('response', (fields) => codes.push(fields[':status']));
    stream.on('error', () => undefined);
    stream.write('x');
  }
  try {
    await eventually(
      () => codes.length,
      (count) => count === 46,
    );
    assert.deepEqual([...new Set(codes)], [429]);
    assert.equal((await deployment.push(nodeReport(50_000, { pods: [] }))).statusCode, 200);
  } finally {
    session.destroy();
  }
});

test('an outage of the Kubernetes API blinds nobody who is known, and is shown', async (t) => {
  const deployment = await start(t);
  const { api, clock } = deployment;
  const readyz = async () => (await deployment.viaProxy('/readyz?verbose', ADMIN)).text;
  assert.match(await readyz(), /^\[\+\]pods ok: the API server's list was confirmed \d+\.\d s ago$/m);
  api.misbehave(() => ({ status: 503 }));
  api.dropWatches();
  const { pushDemo } = createDemo(deployment);
  for (const [second, passed] of [
    [100, 100],
    [200, 100],
    [201, 1],
  ] as const) {
    clock.shiftMs += passed * 1_000;
    await pushDemo(second);
  }
  assert.match(
    await readyz(),
    /^\[\+\]pods ok: the API server's list was confirmed [\d.]+ s ago and is not current, the reports stand alone$/m,
  );
  assert.deepEqual(await values(deployment), DEMO);
  const { statusCode } = await deployment.viaProxy('/metrics', { user: 'stranger' });
  assert.equal(statusCode, 500);
  const denials = deployment.logged.filter((line) => /request denied|request failed/.test(line));
  assert.equal(denials.length, 1, denials.join('')); // one line for it, and one that is limited
  api.misbehave(undefined);
  await eventually(
    readyz,
    (text) => /^\[\+\]pods ok: the API server's list was confirmed \d+\.\d s ago$/m.test(text),
    20_000,
  );
});

test('--api-groups leaves the others to whoever owns them', async (t) => {
  const deployment = await startDeployment({ flags: ['--api-groups', 'external.metrics.k8s.io'] });
  t.after(() => deployment.close());
  const codeOf = async (path: string) => (await deployment.viaProxy(path, ADMIN)).statusCode;
  assert.equal(await codeOf('/apis/external.metrics.k8s.io/v1beta1'), 200);
  assert.equal(await codeOf('/apis/custom.metrics.k8s.io/v1beta2'), 404);
  assert.equal(await codeOf(`${CUSTOM}/namespaces/demo/pods/*/${METRIC}`), 404);
  const { body } = await deployment.viaProxy('/apis', ADMIN);
  assert.deepEqual(
    (body as unknown as { groups: { name: string }[] }).groups.map(({ name }) => name),
    ['external.metrics.k8s.io'],
  );
});

test('our APIServices and the ConfigMap of the agents get the authority', async (t) => {
  const path = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta2.custom.metrics.k8s.io';
  const foreign = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io';
  const deployment = await startDeployment({
    prepare: (api) => {
      api.put(path, { spec: { service: { namespace: 'podnet-system', name: 'podnet-apiserver' } } });
      api.put(foreign, { spec: { service: { namespace: 'keda', name: 'keda-operator-metrics-apiserver' } } });
    },
  });
  t.after(() => deployment.close());
  const { api, server } = deployment;
  const bundleOf = (object: string) =>
    (api.objects.get(object)?.['spec'] as { caBundle?: string } | undefined)?.caBundle;
  await eventually(
    () => bundleOf(path),
    (bundle) => bundle !== undefined,
  );
  assert.equal(Buffer.from(bundleOf(path) ?? '', 'base64').toString(), server.ca);
  assert.equal(bundleOf(foreign), undefined);
  const map = api.objects.get(CA_CONFIG_MAP);
  assert.equal((map?.['data'] as Record<string, string> | undefined)?.['ca.crt'], server.ca);
});

test('who publishes to CloudWatch asks for the Lease and says so, a dry run does neither', async (t) => {
  const lease = '/apis/coordination.k8s.io/v1/namespaces/podnet-system/leases/podnet-apiserver-cloudwatch';
  const publishing = await startDeployment({ flags: ['--publish.cloudwatch'] });
  t.after(() => publishing.close());
  const dry = await startDeployment({ flags: ['--publish.cloudwatch', '--publish.cloudwatch.dry-run'] });
  t.after(() => dry.close());
  const metricsOf = async ({ viaProxy }: Deployment) => (await viaProxy('/metrics', ADMIN)).text;
  await eventually(
    () => metricsOf(publishing),
    (text) => /^podnet_apiserver_cloudwatch_is_publisher 1$/m.test(text),
  );
  assert.ok(publishing.api.objects.has(lease));
  assert.doesNotMatch(await metricsOf(dry), /podnet_apiserver_cloudwatch/);
  assert.ok(!dry.api.requests.some(({ path }) => path.includes('podnet-apiserver-cloudwatch')));
});
