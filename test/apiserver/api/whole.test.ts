// Sums leave nobody out: each case is a way in which a part could be taken for the whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Explanation } from '../../../openapi/podnet-api.js';
import type { PodReport } from '../../../openapi/node-report.js';
import type { ApiPod } from '../../../apiserver/pods/pod-list.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { apiPod, createTestCluster, type TestCluster } from '../../support/cluster.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const METRIC = 'network_receive_bytes_per_second';
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const SERVICE = { namespace: 'default', name: 'web', labels: {}, selector: { app: 'web' } };
const ofService = `${CUSTOM}/namespaces/default/services/web/${METRIC}`;
const ofNetwork = `${CUSTOM}/namespaces/telco/network-attachment-definitions.k8s.cni.cncf.io/sriov/${METRIC}`;

const eth0 = (second: number) => interfaceReport({ readings: [readingOf(100 * second)] });
const net1 = (second: number, overrides: object = {}) =>
  interfaceReport({
    ...{ name: 'net1', network: 'sriov', nadNamespace: 'telco', primary: false, identity: '1/4' },
    readings: [readingOf(1_000 * second)],
    ...overrides,
  });

type Describe = (second: number) => Partial<PodReport>;

interface Fixture {
  readonly server: TestServer;
  readonly cluster: TestCluster;
  readonly push: (seconds: readonly number[], pods: Readonly<Record<string, Describe>>, node?: string) => Promise<void>;
  readonly ask: (path: string) => Promise<string>;
}

/** Listed are the pods named, each with the label app=web; what they report is for each case to say. */
function fixture(names: readonly string[], overrides: Readonly<Record<string, Partial<ApiPod>>> = {}): Fixture {
  const cluster = createTestCluster(
    names.map((name) => apiPod({ name, uid: `uid-${name}`, ...overrides[name] })),
    [SERVICE],
  );
  const server = createTestServer({ cluster });
  return {
    server,
    cluster,
    push: async (seconds, described, node = 'node-a') => {
      for (const second of seconds) {
        const pods = Object.entries(described).map(([name, describe]) => {
          const { interfaces, ...rest } = { interfaces: [eth0(second)], ...describe(second) };
          const report = { ...podReport({ name, uid: `uid-${name}` }), ...rest };
          return interfaces === undefined ? without(report) : { ...report, interfaces };
        });
        const { statusCode, text } = await server.push(nodeReport(second * 1_000, { node, bootId: node, pods }));
        assert.equal(statusCode, 200, text);
        server.clock.advance(1_000);
      }
    },
    ask: async (path) => {
      const { statusCode, body } = await server.get(path);
      if (statusCode === 200) return body.items.map(({ value }) => value).join();
      return body.message.split(': ').at(-1) ?? '';
    },
  };
}

/** Whose interfaces could not be read. */
function without({ interfaces: _, ...report }: PodReport): PodReport {
  return report;
}

const well: Describe = () => ({});
const unread: Describe = () => ({ interfaces: undefined }) as unknown as Partial<PodReport>;

test('a pod that could not be read yet is missing; one without a network is not', async () => {
  const { push, ask } = fixture(['a', 'b']);
  await push([1, 2], { a: well, b: unread });
  assert.equal(await ask(ofService), '1 of 2 pods have samples');
  await push([3], { a: well, b: () => ({ interfaces: [] }) });
  assert.equal(await ask(ofService), '100');
});

test('a pod that cannot be read any more keeps what it had, until that is stale', async () => {
  const { push, ask } = fixture(['a', 'b']);
  await push([1, 2], { a: well, b: well });
  await push([3], { a: well, b: unread });
  assert.equal(await ask(ofService), '200');
  await push([20, 21], { a: well, b: unread });
  for (let second = 22; second < 40; second++) await push([second], { a: well, b: unread });
  assert.equal(await ask(ofService), '1 of 2 pods have samples');
});

test('a network that an annotation names and no report has makes the total absent', async () => {
  const { push, ask } = fixture(['a', 'dpdk'], {
    a: { namespace: 'telco', networks: ['telco/sriov'] },
    dpdk: { namespace: 'telco', networks: ['cbr0', 'telco/sriov'] },
  });
  await push([1, 2], {
    a: (second) => ({ namespace: 'telco', interfaces: [eth0(second), net1(second)] }),
    dpdk: () => ({ namespace: 'telco' }),
  });
  assert.equal(await ask(ofNetwork), '1 of 2 pods have samples');
  assert.equal(await ask(`${CUSTOM}/namespaces/telco/pods/*/${METRIC}`), '1100'); // not dpdk with eth0 alone
  assert.equal(await ask(`${CUSTOM}/namespaces/telco/pods/*/${METRIC}?metricLabelSelector=primary%3Dtrue`), '100,100');
});

test('an interface whose network is not known may be the one of the annotation', async () => {
  const { push, ask } = fixture(['a'], { a: { networks: ['telco/sriov'] } });
  await push([1, 2], {
    a: (second) => ({ interfaces: [eth0(second), net1(second, { network: '', nadNamespace: '' })] }),
  });
  assert.equal(await ask(ofService), '1100');
  assert.equal(await ask(`${ofService}?metricLabelSelector=network%3Dsriov`), '0 of 1 pods have samples');
});

test('an annotation of another namespace does not make a network absent', async () => {
  const { push, ask } = fixture(['a', 'evil'], {
    a: { namespace: 'telco', networks: ['telco/sriov'] },
    evil: { networks: ['telco/sriov'] },
  });
  await push([1, 2], { a: (second) => ({ namespace: 'telco', interfaces: [net1(second)] }) });
  assert.equal(await ask(ofNetwork), '1k');
});

test('a list that is not current tells who is missing, one that never was tells nothing', async () => {
  const { cluster, push, ask } = fixture(['a', 'b']);
  await push([1, 2], { a: well });
  cluster.state.isCurrent = false;
  assert.equal(await ask(ofService), "the API server's list is not current"); // which pods the Service selects
  assert.equal(await ask(`${CUSTOM}/namespaces/default/metrics/${METRIC}`), '1 of 2 pods have samples');
  assert.equal(await ask(`${CUSTOM}/namespaces/default/pods/*/${METRIC}`), '100');
  cluster.state.isSynced = false;
  assert.equal(await ask(`${CUSTOM}/namespaces/default/metrics/${METRIC}`), 'no sum can be told to be whole');
});

test('a terminating pod counts while it has samples, and is not waited for', async () => {
  const { push, ask } = fixture(['a', 'b', 'gone'], { b: { isTerminating: true }, gone: { isTerminating: true } });
  await push([1, 2], { a: well, b: well });
  assert.equal(await ask(ofService), '200');
  for (let second = 3; second < 25; second++) await push([second], { a: well });
  assert.equal(await ask(ofService), '100');
});

test('a node with a pod that had to be left out, or was made anew, has no sum', async () => {
  const { server, cluster, push, ask } = fixture(['a', 'b']);
  const ofNode = `${CUSTOM}/nodes/node-a/${METRIC}`;
  for (const second of [1, 2]) {
    const bad = { ...podReport({ name: 'b', uid: 'uid-b' }), labels: 'none' } as unknown as PodReport;
    const pods = [podReport({ name: 'a', uid: 'uid-a', interfaces: [eth0(second)] }), bad];
    await server.push(nodeReport(second * 1_000, { bootId: 'node-a', pods }));
    server.clock.advance(1_000);
  }
  assert.equal(await ask(ofNode), '1 of 2 pods have samples');
  await push([3, 4], { a: well, b: well });
  assert.equal(await ask(ofNode), '200');
  cluster.state.pods = cluster.state.pods.map((pod) => (pod.name === 'b' ? { ...pod, uid: 'uid-b-again' } : pod));
  assert.equal(await ask(ofNode), '1 of 2 pods have samples');
});

test('the pods of a node that fell silent for good stay missing', async () => {
  const { server, push, ask } = fixture(['a', 'b'], { a: { networks: [] }, b: { networks: [] } });
  const onNet: Describe = (second) => ({ interfaces: [net1(second)] });
  await push([1, 2], { a: onNet });
  await push([1, 2], { b: onNet }, 'node-b');
  assert.equal(await ask(ofNetwork), '2k');
  server.clock.advance(600_000);
  await push([600, 601], { a: onNet });
  server.store.expire(server.clock.monotonicMs(), (pod) => server.pods.isInList(pod));
  assert.equal(await ask(ofNetwork), '1 of 2 pods have samples');
});

test('an agent is not believed about owners', async () => {
  const { push, ask } = fixture(['a', 'naked'], { a: { workload: { kind: 'Deployment', name: 'web' } } });
  const claims: Describe = () => ({ workload: { kind: 'Deployment', name: 'web' } });
  await push([1, 2], { a: claims, naked: claims });
  assert.equal(await ask(`${CUSTOM}/namespaces/default/deployments.apps/web/${METRIC}`), '100');
});

test('an interface put on another network leaves its traffic behind', async () => {
  const { push, ask } = fixture(['a']);
  await push([1, 2, 3], { a: (second) => ({ interfaces: [net1(second)] }) });
  await push([4, 5], {
    a: (second) => ({ interfaces: [net1(second, { network: 'b', identity: '1/9', readings: [readingOf(second)] })] }),
  });
  assert.equal(await ask(`${ofService}?metricLabelSelector=network%3Db`), '1');
  assert.equal(await ask(`${ofService}?metricLabelSelector=network%3Dsriov`), 'no pod of it has traffic of its own');
});

test('interfaces stacked in a circle are no reason to leave a pod out', async () => {
  const { push, ask } = fixture(['a', 'b']);
  await push([1, 2], {
    a: well,
    b: () => ({
      interfaces: [
        interfaceReport({ name: 'x', lowerDevices: ['y'] }),
        interfaceReport({ name: 'y', lowerDevices: ['x'], identity: '1/5' }),
      ],
    }),
  });
  assert.equal(await ask(ofService), '1 of 2 pods have samples');
});

test('of a network its total is told, and no more', async () => {
  const { push, ask } = fixture(['a', 'secret'], { a: { namespace: 'telco' } });
  await push([1, 2], {
    a: (second) => ({ namespace: 'telco', interfaces: [net1(second)] }),
    secret: (second) => ({ interfaces: [net1(second)] }),
  });
  assert.equal(await ask(ofNetwork), '2k');
  assert.match(await ask(`${ofNetwork}?metricLabelSelector=pod%3Dsecret`), /is none of --cluster-metrics-namespaces$/);
  const external = `/apis/external.metrics.k8s.io/v1beta1/namespaces/telco/${METRIC}?labelSelector=network%3Dsriov,nad_namespace%3Dtelco`;
  assert.equal(await ask(external), '2k');
  for (const more of ['pod%3Dsecret', 'interface%3Dnet1', 'node%3Dnode-a', 'namespace!%3Dtelco']) {
    assert.notEqual(await ask(`${external},${more}`), '2k', more);
    assert.notEqual(await ask(`${external},${more}`), '1k,1k', more);
  }
  assert.equal(await ask(`${external},pod%3Dsecret`), 'no pod of it has traffic of its own');
});

test('explain tells the samples that the value is made of', async () => {
  const { server, push } = fixture(['a']);
  await push([1, 2], { a: well });
  await push([3], { a: unread });
  const { body } = await server.get<Explanation>(`/apis/podnet.dev/v1alpha1/namespaces/default/explain/${METRIC}`);
  assert.deepEqual(body.pods[0]?.samples, [
    { ageSeconds: 3, value: 100 },
    { ageSeconds: 2, value: 200 },
  ]);
  assert.deepEqual([body.pods[0]?.value, body.pods[0]?.ageSeconds], ['100', 2]);
});
