// A total of IP addresses leaves nobody out: what the API server's list of pods tells of who there ought to be, through the whole server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiPod } from '../../../apiserver/pods/pod-list.js';
import type { Status } from '../../../openapi/kubernetes.js';
import type { ExternalMetricValueList } from '../../../openapi/metric-values.js';
import { createTestServer } from '../../support/app.js';
import { apiPod, createTestCluster } from '../../support/cluster.js';
import { ipamReport } from '../../support/ipam-reports.js';
import { podReport } from '../../support/reports.js';

const TOTAL = '/apis/external.metrics.k8s.io/v1beta1/namespaces/podnet-system/ipam_ip_max';
const START_MS = 10_000_000;

const awsNode = (of: string, overrides: Partial<ApiPod> = {}): ApiPod =>
  apiPod({
    ...{ namespace: 'kube-system', name: `aws-node-${of}`, uid: `uid-aws-node-${of}` },
    labels: { 'k8s-app': 'aws-node' },
    ...overrides,
  });

/** A server beside a list of pods of ipamd. */
function fixture(...pods: readonly ApiPod[]) {
  const cluster = createTestCluster(pods);
  const server = createTestServer({ cluster });
  /** A report of a node that has a pod of ipamd, by whatever name the node goes. */
  const push = async (node: string, second: number, pod = node): Promise<void> => {
    const { namespace, name, uid } = awsNode(pod);
    const pods = [podReport({ namespace, name, uid, hostNetwork: true, interfaces: [] })];
    const report = ipamReport(START_MS + second * 1_000, {}, { node, bootId: `boot-${pod}`, pods });
    assert.equal((await server.push(report)).statusCode, 200);
  };
  const total = async (): Promise<string> => {
    const { statusCode, body } = await server.get<ExternalMetricValueList & Pick<Status, 'message'>>(TOTAL);
    return statusCode === 200 ? (body.items[0]?.value ?? '') : `${statusCode} ${body.message.replace(/^.*: /, '')}`;
  };
  const printed = async (): Promise<string[]> => {
    const { text } = await server.get('/metrics');
    return text.split('\n').filter((line) => /^podnet_ipam_(nodes|cluster_ip_max)/.test(line));
  };
  return { cluster, server, push, total, printed };
}

test('a node that a server has not heard of yet is missing', async () => {
  const { push, total, printed } = fixture(awsNode('a'), awsNode('b'), awsNode('gone', { isTerminating: true }));
  await push('a', 0);
  assert.equal(await total(), '404 1 of 2 nodes report their IP addresses');
  assert.deepEqual(await printed(), [
    'podnet_ipam_nodes{state="reporting"} 1',
    'podnet_ipam_nodes{state="missing"} 1',
    'podnet_ipam_cluster_ip_max 40',
  ]);
  await push('b', 0);
  assert.equal(await total(), '80');
});

test('a list that is not current tells who is missing, one that never was tells nothing', async () => {
  const { cluster, push, total, printed } = fixture(awsNode('a'), awsNode('b'));
  await push('a', 0);
  cluster.state.isCurrent = false;
  assert.equal(await total(), '404 1 of 2 nodes report their IP addresses');
  const before = fixture();
  before.cluster.state.isSynced = before.cluster.state.isCurrent = false;
  await before.push('a', 0);
  assert.equal(await before.total(), '503 no sum can be told to be whole');
  assert.deepEqual(await before.printed(), []);
  assert.equal((await printed()).length, 3);
});

test('a node that has another name now is not missing under the one that it had', async () => {
  const { server, push, total } = fixture(awsNode('a'), awsNode('b'));
  await push('b', 0);
  await push('a', 0);
  server.clock.advance(20_000);
  await push('b', 20);
  assert.equal(await total(), '404 1 of 2 nodes report their IP addresses');
  await push('a.example.org', 20, 'a');
  assert.equal(await total(), '80');
});
