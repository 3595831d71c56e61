import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Nodeagent } from '../../nodeagent/start.js';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { HPA, startDeployment, type Deployment, type Sender } from '../support/deployment.js';
import { nodePodObject, pathOfPod, type NodePodObject } from '../support/node-pod-objects.js';
import { NodePods, PAIR, sendOverPair } from '../support/node-pods.js';
import { eventually, runNodeagent } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const NODE = 'node-a';
const UID = '5d7c4364-a67f-4714-8208-000000000001';
const STATUS = [
  { name: 'cbr0', interface: 'eth0', ips: ['10.0.0.1'], default: true, dns: {} },
  { name: 'telco/sriov-net1', interface: 'net1', ips: ['10.1.0.1'], dns: {} },
];
const POD: NodePodObject = {
  ...{ name: 'upf-0', namespace: 'telco', uid: UID, node: NODE },
  annotations: { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(STATUS) },
};
const DATAGRAMS = 100;
const PAYLOAD = 958;
/** Ethernet, IPv4 and UDP. */
const HEADERS = 42;
/** Needs no review, which nobody would answer while the Kubernetes API is away. */
const ADMIN = { user: 'admin', groups: ['system:masters', 'system:authenticated'] };
const METRICS = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/telco/pods';

describe('an agent of a node and the server of its cluster', { skip: missing('root', 'ip', 'nsenter') }, () => {
  const pods = new NodePods('pnnode');
  let directory: string;
  let cluster: Deployment;
  let agent: Nodeagent;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podnet-node-'));
    cluster = await startDeployment();
    cluster.rules.push(() => true);
    await pods.add({ uid: UID, ip: PAIR });
    cluster.api.put(pathOfPod(POD), nodePodObject(POD));
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, await cluster.agentToken());
    agent = await runNodeagent(cluster.server, [
      ...['--pod-source', 'kubernetes', '--kubeconfig', await cluster.api.kubeconfig(), '--node-name', NODE],
      ...['--token-file', tokenFile],
    ]);
  });
  after(async () => {
    await agent.close();
    await cluster.close();
    await pods.close();
    await rm(directory, { recursive: true });
  });

  /** What an HPA reads of the pod; undefined where there is none. */
  const read = async (metric: string, selector = '', sender: Sender = { user: HPA }): Promise<string | undefined> => {
    const query = selector === '' ? '' : `?metricLabelSelector=${encodeURIComponent(selector)}`;
    const { statusCode, body } = await cluster.viaProxy(`${METRICS}/*/${metric}${query}`, sender);
    if (statusCode === 404) return undefined;
    assert.equal(statusCode, 200);
    const { items } = body as unknown as MetricValueListV1Beta2;
    return items.find(({ describedObject }) => describedObject.name === POD.name)?.value;
  };
  const isThere = (value: string | undefined): boolean => value !== undefined;

  test('an HPA reads the traffic of one network of a pod', async () => {
    await eventually(() => read('network_receive_packets_per_second', 'network=sriov-net1'), isThere);
    sendOverPair(pods.pidOf(UID), { count: DATAGRAMS, payload: PAYLOAD });
    const counted = await eventually(
      async () => (await (await fetch(`${agent.url}/metrics`)).text()).split('\n'),
      (lines) => lines.some((line) => line.endsWith(` ${DATAGRAMS * (PAYLOAD + HEADERS)}`)),
    );
    assert.deepEqual(
      counted.filter((line) => line.endsWith(` ${DATAGRAMS * (PAYLOAD + HEADERS)}`)),
      [
        'podnet_interface_receive_bytes_total{node="node-a",namespace="telco",pod="upf-0",interface="net1",network="sriov-net1",nad_namespace="telco",primary="false"} 100000',
        'podnet_interface_transmit_bytes_total{node="node-a",namespace="telco",pod="upf-0",interface="eth0",network="cbr0",nad_namespace="",primary="true"} 100000',
      ],
    );
    await eventually(
      () => read('network_receive_packets_per_second', 'network=sriov-net1,nad_namespace=telco'),
      (value) => value !== undefined && value !== '0',
    );
    assert.equal(await read('network_receive_packets_per_second', 'network=cbr0'), '0');
  });

  test('an HPA reads the retransmissions of a pod', async () => {
    assert.equal(await eventually(() => read('network_tcp_retransmitted_segments_per_second'), isThere), '0');
  });

  test('an outage of the Kubernetes API costs neither a pod nor a sample', async () => {
    await cluster.api.down();
    cluster.clock.shiftMs += 20_000; // what is not reported now is stale
    await eventually(() => read('network_receive_bytes_per_second', '', ADMIN), isThere);
    await cluster.api.up();
  });

  test('a deleted pod is gone', async () => {
    cluster.api.remove(pathOfPod(POD));
    await eventually(
      () => read('network_receive_bytes_per_second', '', ADMIN),
      (value) => value === undefined,
    );
    await eventually(
      async () => (await fetch(`${agent.url}/metrics`)).text(),
      (text) => !text.includes(POD.name),
    );
  });
});
