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

test('get sorts by exact rates, and prints the columns that are asked for', { skip }, async () => {
  const names = async (...args: readonly string[]): Promise<string[]> => {
    const { code, out, error } = await kubectl('viewer', ['get', 'podnetworks', '-n', 'demo', '--no-headers', ...args]);
    assert.equal(code, 0, error);
    return out
      .trim()
      .split('\n')
      .map((line) => line.split(/ +/).join(' '));
  };
  // 500 is less than 1500: as texts it would be more
  const sorted = await names('-l', 'app=web', '--field-selector', 'interface=eth0', '--sort-by=.rates.receiveBytes');
  assert.deepEqual(
    sorted.map((line) => line.split(' ')[0]),
    ['p2.eth0', 'p1.eth0'],
  );
  assert.deepEqual(await names('-o', 'custom-columns=N:.metadata.name,R:.rates.receiveBytes,L:.metadata.labels.app'), [
    'p1.eth0 1500 web',
    'p1.net1 0 web',
    'p2.eth0 500 web',
    'p2.net1 0 web',
  ]);
  assert.deepEqual(await names('-o', 'name', '--field-selector', 'pod=p2'), [
    'podnetwork.podnet.dev/p2.eth0',
    'podnetwork.podnet.dev/p2.net1',
  ]);
  assert.deepEqual(await names('-o', 'jsonpath={.items[*].rates.receivePackets}'), ['1500 0 500 0']);
  const labelled = await names('-L', 'app', '--field-selector', 'metadata.name=p1.eth0');
  assert.match(labelled[0] ?? '', /^p1\.eth0 default 1\.50 kB\/s .* web$/);
});

test('a list in chunks is the list', { skip }, async () => {
  const get = (...args: readonly string[]) =>
    kubectl('root', ['get', 'podnetworks', '-A', ...args], ['system:masters']);
  const whole = await get('--chunk-size', '0');
  assert.match(whole.out, /^NAMESPACE +NAME +NETWORK /);
  for (const size of ['1', '2', '3']) assert.equal((await get('--chunk-size', size)).out, whole.out, size);
  const page = await kubectl('root', ['get', '--raw', `${PODNET}/podnetworks?limit=4`], ['system:masters']);
  const { metadata, items } = JSON.parse(page.out) as { metadata: Record<string, unknown>; items: object[] };
  assert.deepEqual([items.length, metadata['remainingItemCount']], [4, 2]);
  const rest = await kubectl(
    'root',
    ['get', '--raw', `${PODNET}/podnetworks?limit=4&continue=${String(metadata['continue'])}`],
    ['system:masters'],
  );
  const last = JSON.parse(rest.out) as { metadata: Record<string, unknown>; items: object[] };
  assert.deepEqual([last.items.length, last.metadata['continue']], [2, undefined]);
});

test('what is read only says so to who changes it, over HTTP/2', { skip }, async () => {
  const refused =
    /^Error from server \(MethodNotAllowed\): the server does not allow this method on the requested resource$/m;
  const name = ['podnetworks', 'p1.eth0', '-n', 'demo'];
  for (const args of [
    ['delete', ...name],
    ['label', ...name, 'a=b'],
    ['patch', ...name, '--type=merge', '-p', '{}'],
  ]) {
    const { code, error } = await kubectl('root', args, ['system:masters']);
    assert.notEqual(code, 0);
    assert.match(error, refused, args.join(' '));
  }
  const { error } = await kubectl('alice', ['delete', ...name]);
  assert.match(error, /^Error from server \(Forbidden\): podnetworks\.podnet\.dev "p1\.eth0" is forbidden: /m);
});

test('describe, yaml and several names at once', { skip }, async () => {
  const described = await kubectl('viewer', ['describe', 'podnetwork', 'p1.eth0', '-n', 'demo']);
  assert.equal(described.code, 0, described.error);
  assert.match(described.out, /^Kind: +PodNetwork$/m);
  assert.match(described.out, /^ +Receive Bytes: +1500$/m);
  const yaml = await kubectl('viewer', ['get', 'pn/p1.eth0', 'pn/p2.eth0', '-n', 'demo', '-o', 'yaml']);
  assert.equal(yaml.code, 0, yaml.error);
  assert.match(yaml.out, /^ {4}receiveBytes: "?1500"?$/m);
  assert.match(yaml.out, /^ {4}receiveBytes: "?500"?$/m);
});

test('a watch prints the list, and says that there is none', { skip }, async () => {
  const { code, out, error } = await kubectl('viewer', ['get', 'podnetworks', '-n', 'demo', '-w']);
  assert.match(out, /^p1\.eth0 +default +1\.50 kB\/s/m);
  assert.notEqual(code, 0);
  assert.match(
    error,
    /^Error from server \(MethodNotAllowed\): watch is not supported on resources of kind "podnetworks\.podnet\.dev"$/m,
  );
});

test('what there is to ask for is listed, with short names', { skip }, async () => {
  const { out, error } = await kubectl('viewer', ['api-resources', '--api-group', 'podnet.dev', '--no-headers']);
  const rows = out
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/).slice(0, 2));
  assert.ok(
    rows.some(([name, short]) => name === 'podnetworks' && short === 'pn'),
    out + error,
  );
  assert.ok(
    rows.some(([name, short]) => name === 'nodenetworks' && short === 'nn'),
    out,
  );
  assert.ok(
    rows.some(([name, short]) => name === 'virtualfunctions' && short === 'vf'),
    out,
  );
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
