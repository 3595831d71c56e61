// kubectl, pointed straight at the server of a cluster: what an operator would type, with the certificates that he would have.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../support/bundle.js';
import { createLeaf, type Issued } from '../support/certificates.js';
import { CUSTOM, EXTERNAL, METRIC, PODNET, deployDemo } from '../support/demo-data.js';
import { HPA, startDeployment, type Deployment } from '../support/deployment.js';
import { missing } from '../support/requirements.js';

const skip = missing('kubectl');

let deployment: Deployment;
let directory: string;
before(async () => {
  if (skip !== false) return;
  deployment = await startDeployment();
  await deployDemo(deployment);
  deployment.rules.push(
    ({ groups = [], nonResourceAttributes }) =>
      groups.includes('system:authenticated') &&
      /^\/(api|apis|openapi|version)/.test(nonResourceAttributes?.path ?? ''),
    ({ user, resourceAttributes }) => user === 'viewer' && resourceAttributes?.['namespace'] === 'demo',
    ({ user, resourceAttributes }) => user === HPA && resourceAttributes !== undefined,
  );
  directory = await mkdtemp(join(tmpdir(), 'podnet-kubectl-'));
});
after(async () => {
  if (skip !== false) return;
  await deployment.close();
  await rm(directory, { recursive: true });
});

async function kubeconfig(name: string, { chain, key }: Issued): Promise<string> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const file = join(directory, `${name.replaceAll(':', '-')}.yaml`);
  const { url, ca } = deployment.server;
  await writeFile(
    file,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority-data': base64(ca) } }],
      users: [{ name, user: { 'client-certificate-data': base64(chain), 'client-key-data': base64(key) } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: name } }],
      'current-context': 'x',
    }),
  );
  return file;
}

async function kubectl(user: string, args: readonly string[], organizations: readonly string[] = []) {
  const leaf = await createLeaf(deployment.authorities.client, user, { organizations });
  const env = { HOME: directory, KUBECONFIG: await kubeconfig(user, leaf) };
  const client = run('kubectl', args, { env });
  return { code: await client.ended, out: client.out(), error: client.error() };
}

test('get podnetworks prints a table of what moves', { skip }, async () => {
  const { code, out, error } = await kubectl('viewer', ['get', 'podnetworks', '-n', 'demo']);
  assert.equal(code, 0, error);
  assert.match(out, /^NAME +NETWORK +RECEIVE +TRANSMIT +DROPPED$/m);
  assert.match(out, /^p1\.eth0 +default +1\.50 kB\/s +1\.50 kB\/s +3\.00 kpkt\/s$/m);
  assert.match(out, /^p2\.net1 +demo\/gw +0 B\/s +0 B\/s +0 pkt\/s$/m);
});

test('get podnetworks by label, field and name, wide and as JSON', { skip }, async () => {
  const wide = await kubectl('viewer', [
    'get',
    'pn',
    '-n',
    'demo',
    '-o',
    'wide',
    '-l',
    'app=web',
    '--field-selector',
    'pod=p2',
  ]);
  assert.equal(wide.code, 0, wide.error);
  assert.match(wide.out, /RECEIVE-PACKETS.*NODE/);
  assert.doesNotMatch(wide.out, /^p1/m);
  const json = await kubectl('viewer', ['get', 'podnetworks', 'p1.eth0', '-n', 'demo', '-o', 'json']);
  assert.equal((JSON.parse(json.out) as { rates: { receiveBytes: string } }).rates.receiveBytes, '1500');
});

test('get nodenetworks and virtualfunctions, for who may see the cluster', { skip }, async () => {
  const nodes = await kubectl('root', ['get', 'nodenetworks'], ['system:masters']);
  assert.match(nodes.out, /^node-a +3 +6 +2\.01 kB\/s/m, nodes.error);
  const none = await kubectl('root', ['get', 'nodenetworks', 'nope'], ['system:masters']);
  assert.match(none.error, /Error from server \(NotFound\): nodenetworks.podnet.dev "nope" not found/);
  const functions = await kubectl('root', ['get', 'vf'], ['system:masters']);
  assert.match(functions.out + functions.error, /No resources found/);
  const everywhere = await kubectl('root', ['get', 'podnetworks', '-A', '--chunk-size', '2'], ['system:masters']);
  assert.equal(everywhere.out.trim().split('\n').length, 1 + 6, everywhere.out);
});

test('get --raw prints what the HPA reads', { skip }, async () => {
  const list = await kubectl(HPA, [
    'get',
    '--raw',
    `${CUSTOM}/namespaces/demo/pods/*/${METRIC}?labelSelector=app%3Dweb`,
  ]);
  assert.equal(list.code, 0, list.error);
  assert.deepEqual(
    (JSON.parse(list.out) as { items: { value: string }[] }).items.map(({ value }) => value),
    ['1500', '500'],
  );
  const sum = await kubectl(HPA, ['get', '--raw', `${EXTERNAL}/namespaces/demo/${METRIC}`]);
  assert.equal((JSON.parse(sum.out) as { items: { value: string }[] }).items[0]?.value, '2k');
  const unknown = await kubectl(HPA, ['get', '--raw', `${CUSTOM}/namespaces/demo/pods/nope/${METRIC}`]);
  assert.equal(
    unknown.error.trim(),
    `Error from server (NotFound): the server could not find the metric ${METRIC} for pods nope`,
  );
});

test('get --raw of explain answers why', { skip }, async () => {
  const { out, error } = await kubectl('viewer', ['get', '--raw', `${PODNET}/namespaces/demo/explain/${METRIC}`]);
  const { pods, message } = JSON.parse(out || '{}') as { pods: { name: string; value: string }[]; message: string };
  assert.deepEqual(
    pods.map(({ name, value }) => [name, value]),
    [
      ['p1', '1500'],
      ['p2', '500'],
    ],
    error,
  );
  assert.equal(message, '2 pods considered: every pod that should have a value has one');
});

test('who may not is told so, in the words of Kubernetes', { skip }, async () => {
  const { code, error } = await kubectl('alice', ['get', 'podnetworks', '-n', 'demo']);
  assert.notEqual(code, 0);
  assert.match(
    error,
    /Error from server \(Forbidden\): podnetworks\.podnet\.dev is forbidden: User "alice" cannot list resource "podnetworks" in API group "podnet\.dev" in the namespace "demo"/,
  );
  const elsewhere = await kubectl('viewer', ['get', 'podnetworks', '-n', 'other']);
  assert.match(elsewhere.error, /Forbidden/);
});
