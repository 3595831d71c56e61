import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMPAT_NAMES } from '../../../metrics/compat/compat.js';
import { createTestServer } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const net1 = interfaceReport({
  name: 'net1',
  network: 'n3',
  nadNamespace: 'telco',
  primary: false,
  identity: '4026532177/4',
  hostInterface: 'veth1',
  readings: [readingOf(50)],
});
const container = { name: 'upf', image: 'registry/upf:2', cgroup: '/kubepods/poduid/upf' };

async function serverWithPods(compat = COMPAT_NAMES.slice()) {
  const server = createTestServer({ compat });
  const upf = podReport({
    namespace: 'telco',
    name: 'upf-0',
    uid: 'u',
    container,
    interfaces: [interfaceReport(), net1],
  });
  const host = podReport({ name: 'agent', uid: 'a', hostNetwork: true, interfaces: [] });
  await server.push(nodeReport(1_000, { pods: [upf, host] }));
  return server;
}

test('families of predecessors are served from reports', async () => {
  const { text } = await (await serverWithPods()).get('/metrics?namespace=telco');
  const labels =
    'container="upf",id="/kubepods/poduid/upf",image="registry/upf:2",interface="veth1",name="k8s_upf_upf-0_telco_u_1",namespace="telco",node="node-a",pod="upf-0"';
  for (const line of [
    'pod_network_name_info{interface="eth0",namespace="telco",network_name="default",pod="upf-0"} 0',
    'pod_network_name_info{interface="net1",namespace="telco",network_name="telco/n3",pod="upf-0"} 0',
    'network:container_network_transmit_bytes_total{interface="net1",namespace="telco",network_name="telco/n3",node="node-a",pod="upf-0"} 54',
    'container_network_transmit_bytes_total_intf{interface="net1",namespace="telco",networkname="telco/n3",node="node-a",pod="upf-0"} 54',
    `pod_interface_shim{${labels}} 0`,
    `container_network_receive_bytes_total{${labels}} 50`,
    `container_network_transmit_packets_dropped_total{${labels}} 57`,
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
});

test('none of them is served unless asked for', async () => {
  const { text } = await (await serverWithPods([])).get('/metrics');
  assert.doesNotMatch(text, /container_network|pod_network_name_info|pod_interface_shim/);
});

test('the filter by family knows them', async () => {
  const server = await serverWithPods();
  for (const family of [
    'pod_network_name_info',
    'network:container_network_receive_bytes_total',
    'pod_interface_shim',
  ]) {
    const { text } = await server.get(`/metrics?family=${family}`);
    const names = [...text.matchAll(/^([a-z_:]+)\{/gm)].map((match) => match[1]);
    assert.deepEqual([...new Set(names)], [family]);
  }
});

// Fault of network-metrics-daemon: one pod told by two targets makes every join fail.
test('a pod that two nodes report has one network name', async () => {
  const server = await serverWithPods(['network-metrics-daemon']);
  const moved = podReport({
    namespace: 'telco',
    name: 'upf-0',
    uid: 'u2',
    creationTimestamp: '2026-11-20T11:00:00Z',
    interfaces: [interfaceReport({ network: 'other' })],
  });
  await server.push(nodeReport(1_000, { node: 'node-b', bootId: 'b', pods: [moved] }));
  const { text } = await server.get('/metrics?family=pod_network_name_info');
  assert.deepEqual(
    text.split('\n').filter((line) => line.includes('{')),
    ['pod_network_name_info{interface="eth0",namespace="telco",network_name="other",pod="upf-0"} 0'],
  );
});

test('they go with the pod at the next scrape', async () => {
  const server = await serverWithPods();
  await server.push(nodeReport(2_000, { pods: [] }));
  assert.doesNotMatch((await server.get('/metrics')).text, /upf-0/);
});
