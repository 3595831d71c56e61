import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { gunzipSync } from 'node:zlib';
import { test } from 'node:test';
import { podLabel } from '../../../metrics/labels.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from '../../support/reports.js';
import { missing } from '../../support/requirements.js';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';

async function serverWithNodes(): Promise<TestServer> {
  const server = createTestServer({ podLabels: [podLabel('app')] });
  const odd = interfaceReport({
    name: 'a"b\\c',
    network: '',
    primary: false,
    identity: '2/1',
    readings: [[1, null, 3, 4, 5, 6, 7, 2 ** 64]],
  });
  const net1 = interfaceReport({
    name: 'net1',
    network: 'n3',
    nadNamespace: 'telco',
    primary: false,
    hostInterface: 'veth1',
    pciAddress: '0000:02:0a.0',
    identity: '2/2',
    readings: [readingOf(50)],
  });
  const net2 = interfaceReport({
    ...{ name: 'net2', network: 'n6', nadNamespace: 'telco', primary: false, identity: '2/3' },
    ...{ receiveUnreliable: true, readings: [[null, null, null, null, 5, 6, 7, 8]] },
  });
  const transport = [[null, ...transportOf(100).slice(1)]];
  const workload = { kind: 'StatefulSet', name: 'web' };
  await server.push(
    nodeReport(1_000, {
      node: 'node-b',
      bootId: 'b',
      pods: [
        podReport({
          namespace: 'telco',
          name: 'upf-0',
          uid: 'u',
          labels: {},
          interfaces: [odd, net1, net2],
          transport,
        }),
      ],
    }),
  );
  await server.push(
    nodeReport(1_000, {
      pods: [
        podReport({ workload, transport: [transportOf(0)] }),
        podReport({ name: 'agent', uid: 'a', hostNetwork: true, interfaces: [] }),
      ],
    }),
  );
  return server;
}

/** The families of nodes: what the server says of itself changes from run to run. */
function ofNodes(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.includes('podnet_apiserver_'))
    .join('\n');
}

for (const [format, accept] of [
  ['text', 'text/plain'],
  ['openmetrics', OPENMETRICS],
] as const) {
  test(`the ${format} exposition is the golden one`, async () => {
    const text = ofNodes((await (await serverWithNodes()).get('/metrics', { accept })).text);
    const golden = `test/golden/metrics.${format}.txt`;
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, text);
    assert.equal(text, await readFile(golden, 'utf8'));
  });
}

test('each family stands once, headers before samples, no series twice', async () => {
  const { text, headers } = await (await serverWithNodes()).get('/metrics', { accept: OPENMETRICS });
  assert.equal(headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  const lines = text.trimEnd().split('\n');
  assert.equal(lines.at(-1), '# EOF');
  const types = lines.filter((line) => line.startsWith('# TYPE'));
  assert.equal(new Set(types).size, types.length);
  const series = lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')));
  assert.equal(new Set(series).size, series.length);
});

test('filters leave the rest out', async () => {
  const server = await serverWithNodes();
  const podsOf = async (query: string) => {
    const { text } = await server.get(`/metrics?${query}`);
    return [...new Set([...text.matchAll(/pod="([^"]+)"/g)].map((match) => match[1]))];
  };
  assert.deepEqual(await podsOf('namespace=telco'), ['upf-0']);
  assert.deepEqual(await podsOf('node=node-a'), ['web-0', 'agent']);
  assert.deepEqual(await podsOf('namespace=nope'), []);
  const family = await server.get('/metrics?family=podnet_pod_info');
  assert.deepEqual([...new Set([...family.text.matchAll(/^podnet_\w+/gm)].map(([name]) => name))], ['podnet_pod_info']);
});

test('gzip is the same text', async () => {
  const server = await serverWithNodes();
  const address = '/metrics?node=node-b';
  const plain = (await server.get(address)).text;
  const { headers, raw } = await server.raw(address, { 'accept-encoding': 'gzip' });
  assert.equal(headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(raw).toString(), plain);
});

test('promtool has nothing to say', { skip: missing('promtool') }, async () => {
  const { text } = await (await serverWithNodes()).get('/metrics');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});
