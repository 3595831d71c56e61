import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { createTestServer, type TestServer } from '../../support/app.js';
import { ipamFamily } from '../../support/ipam-view.js';
import { ipamFamilies, ipamReport } from '../../support/ipam-reports.js';
import type { IpamFamily } from '../../../openapi/ipam-report.js';
import { missing } from '../../support/requirements.js';

/** A server that heard of IP addresses from as many nodes, each with families besides those that ipamd has. */
async function serverWith(nodes: Readonly<Record<string, readonly IpamFamily[]>>): Promise<TestServer> {
  const server = createTestServer({ compat: ['cni-metrics-helper'] });
  for (const [node, more] of Object.entries(nodes)) {
    const source = { families: [...ipamFamilies(), ...more] };
    await server.push(ipamReport(1_000, {}, { node, bootId: node, source }));
  }
  return server;
}

const thing = (value: number) => ipamFamily('awscni_new_thing', 'gauge', value, 'Of a later ipamd.');
const NODES = { 'node-a': [thing(1)], 'node-b': [thing(2)] };

/** Lines of IP addresses. */
async function linesOf(server: TestServer, query = '', pattern = /podnet_ipam_|awscni_/): Promise<string[]> {
  const { text } = await server.get(`/metrics${query}`);
  return text.split('\n').filter((line) => pattern.test(line) && !line.startsWith('# HELP'));
}

test('nodes, families that nobody knew, totals and their old names are served, each under one header', async () => {
  const lines = await linesOf(await serverWith(NODES), '', /_(eni_max|new_thing|ipam_nodes)/);
  assert.deepEqual(lines, [
    '# TYPE podnet_ipam_eni_max gauge',
    'podnet_ipam_eni_max{node="node-a"} 4',
    'podnet_ipam_eni_max{node="node-b"} 4',
    '# TYPE podnet_ipam_new_thing gauge',
    'podnet_ipam_new_thing{node="node-a"} 1',
    'podnet_ipam_new_thing{node="node-b"} 2',
    '# TYPE podnet_ipam_nodes gauge',
    'podnet_ipam_nodes{state="reporting"} 2',
    'podnet_ipam_nodes{state="missing"} 0',
    '# TYPE podnet_ipam_cluster_eni_max gauge',
    'podnet_ipam_cluster_eni_max 8',
    '# TYPE awscni_eni_max gauge',
    'awscni_eni_max 8',
  ]);
});

test('of a node there is what it tells, of a namespace nothing, of a family that alone', async () => {
  const server = await serverWith(NODES);
  const ofNode = await linesOf(server, '?node=node-b');
  assert.ok(ofNode.includes('podnet_ipam_new_thing{node="node-b"} 2'));
  assert.ok(ofNode.includes('podnet_ipam_free_ip_addresses{node="node-b"} 28'));
  assert.ok(!ofNode.some((line) => /node-a|cluster|podnet_ipam_nodes|awscni_/.test(line)));
  assert.deepEqual(await linesOf(server, '?namespace=default'), []);
  for (const family of ['podnet_ipam_new_thing', 'podnet_ipam_cluster_ip_max', 'awscni_ip_max']) {
    const lines = await linesOf(server, `?family=${family}`, /./);
    assert.deepEqual([...new Set(lines.map((line) => /podnet_\w+|awscni_\w+/.exec(line)?.[0]))], [family]);
  }
});

test('a family that must not be served costs itself alone', async () => {
  const server = await serverWith({ 'node-a': [ipamFamily('awscni_nodes', 'gauge', 7), thing(1)] });
  const lines = await linesOf(server, '', /ipam_(nodes|new_thing)[ {]/);
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('#')),
    [
      'podnet_ipam_new_thing{node="node-a"} 1',
      'podnet_ipam_nodes{state="reporting"} 1',
      'podnet_ipam_nodes{state="missing"} 0',
    ],
  );
});

test('a family is gone when its nodes do not tell it any more', async () => {
  const server = await serverWith(NODES);
  for (const node of Object.keys(NODES)) {
    await server.push(ipamReport(2_000, {}, { node, bootId: node, sequence: 2 }));
  }
  assert.deepEqual(await linesOf(server, '', /new_thing/), []);
});

test('promtool has nothing to say', { skip: missing('promtool') }, async () => {
  const { text } = await (await serverWith(NODES)).get('/metrics');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});
