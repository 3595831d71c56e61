// ResourceClaims and ResourceSlices over a real connection: what is asked, when, and what is made of the answers.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Registry } from 'prom-client';
import type { KnownClaims } from '../../../nodeagent/devices/claims.js';
import { ResourceClaims } from '../../../nodeagent/inventory/resource-claims.js';
import { createSelfMetrics } from '../../../nodeagent/self-metrics.js';
import { SourceStates } from '../../../nodeagent/source-states.js';
import { createManualClock } from '../../support/clock.js';
import { startKubernetes } from '../../support/kube-client.js';
import { claimObject, DRIVER, resourcePath, sliceObject, type ClaimParts } from '../../support/resource-objects.js';

const NODE = 'node-a';
const VF = '0000:3b:02.1';
const VF2 = '0000:3b:02.2';
const VFS = new Set([VF, VF2]);
const MINUTE_MS = 60_000;

type Pods = Parameters<ResourceClaims['known']>[0];

function podWith(uid: string, ...resourceClaims: readonly string[]) {
  return { namespace: 'telco', uid, phase: 'running' as const, resourceClaims };
}

async function start(t: TestContext) {
  const kubernetes = await startKubernetes(t);
  const { api, client, log } = kubernetes;
  const clock = createManualClock();
  const metrics = createSelfMetrics(new Registry(), '0');
  const claims = new ResourceClaims({
    ...{ api: client, node: NODE, clock, random: () => 1 },
    states: new SourceStates({ log, metrics }),
  });
  t.after(() => claims.close());
  const look = async (pods: Pods, virtualFunctions: ReadonlySet<string> = VFS): Promise<KnownClaims> => {
    claims.known(pods, virtualFunctions);
    await claims.settled();
    return claims.known(pods, virtualFunctions);
  };
  return {
    ...{ ...kubernetes, clock, claims, look },
    /** What was asked since the last time, by the last part of its path. */
    asked: (): string[] => api.requests.splice(0).map(({ path }) => path.replace(/\?.*$/, '').replace(/^.*\//, '')),
    state: async (): Promise<unknown> => {
      const { values } = await metrics.sourceUp.get();
      return values.map(({ labels, value }) => (value === 1 ? 'up' : labels.reason)).join();
    },
    putClaim: (name: string, parts: ClaimParts) => api.put(resourcePath('resourceclaims', name), claimObject(parts)),
    putSlice: (parts: Parameters<typeof sliceObject>[0], name = 'slice-a') =>
      api.put(resourcePath('resourceslices', name), sliceObject(parts)),
  };
}

const addressesOf = ({ held, pciAddressOf }: KnownClaims) => held.map((device) => pciAddressOf(device));

test('a claim tells the pod, the address and the interface of its device', async (t) => {
  const { look, putClaim, putSlice, asked, state } = await start(t);
  putSlice({ devices: { 'vf-a': VF.toUpperCase(), 'vf-b': VF2 } });
  putClaim('upf-vf', { reservedFor: ['u1'], devices: { 'vf-a': 'net1' } });
  const known = await look([podWith('u1', 'upf-vf')]);
  const device = { driver: DRIVER, pool: NODE, device: 'vf-a' };
  assert.deepEqual(known.held, [{ ...device, podUid: 'u1', interfaceName: 'net1' }]);
  assert.deepEqual([addressesOf(known), known.watched, await state()], [[VF], [], 'up']);
  assert.deepEqual(asked(), ['upf-vf', 'resourceslices']);
});

test('without pods that have claims, or without VFs, nothing is asked', async (t) => {
  const { look, putClaim, asked, state, logged } = await start(t);
  putClaim('upf-vf', { reservedFor: ['u1'], devices: { 'vf-a': 'net1' } });
  const none = await look([podWith('u1'), { namespace: 'telco', uid: 'u2', phase: 'running' }]);
  assert.deepEqual([none.held, await state()], [[], 'not_needed']);
  assert.deepEqual((await look([podWith('u1', 'upf-vf')], new Set())).held, []);
  assert.deepEqual((await look([{ ...podWith('u1', 'upf-vf'), phase: 'ended' }])).held, []);
  assert.deepEqual([asked(), logged], [[], []]);
});

test('a claim that tells everything is asked for once, and forgotten with its pod', async (t) => {
  const { look, putClaim, putSlice, asked, clock } = await start(t);
  putSlice({ devices: { 'vf-a': VF } });
  putClaim('upf-vf', { reservedFor: ['u1'], devices: { 'vf-a': 'net1' } });
  await look([podWith('u1', 'upf-vf')]);
  asked();
  for (let minute = 0; minute < 30; minute++) {
    clock.advance(MINUTE_MS);
    await look([podWith('u1', 'upf-vf')]);
  }
  assert.deepEqual(asked(), []);
  assert.deepEqual((await look([])).held, []);
  await look([podWith('u1', 'upf-vf')]);
  assert.ok(asked().includes('upf-vf'));
});

test('a claim without network data of a VF is asked for again, ever more seldom', async (t) => {
  const { look, putClaim, putSlice, asked, clock } = await start(t);
  putSlice({ devices: { 'vf-a': VF } });
  putClaim('upf-vf', { reservedFor: ['u1'], devices: { 'vf-a': null } });
  const pods = [podWith('u1', 'upf-vf')];
  assert.deepEqual(addressesOf(await look(pods)), [VF], 'whose it is is known before');
  asked();
  const seconds: number[] = [];
  for (let second = 5; second <= 1_200; second += 5) {
    clock.advance(5_000);
    await look(pods);
    if (asked().length > 0) seconds.push(second);
  }
  assert.deepEqual(seconds, [15, 45, 105, 225, 465, 765, 1_065]);
  putClaim('upf-vf', { reservedFor: ['u1'], devices: { 'vf-a': 'net1' } });
  clock.advance(5 * MINUTE_MS);
  assert.equal((await look(pods)).held[0]?.interfaceName, 'net1');
});

test('a claim for what is no VF of the node is not asked for again', async (t) => {
  const { look, putClaim, putSlice, asked, clock } = await start(t);
  putSlice({ devices: { 'gpu-0': '0000:41:00.0', 'gpu-1': '' } });
  putClaim('gpus', { reservedFor: ['u1'], devices: { 'gpu-0': null, 'gpu-1': null } });
  await look([podWith('u1', 'gpus')]);
  asked();
  clock.advance(60 * MINUTE_MS);
  await look([podWith('u1', 'gpus')]);
  assert.deepEqual(asked(), []);
});

test('only who names a claim and is in its status has its devices', async (t) => {
  const { look, putClaim, putSlice, clock } = await start(t);
  putSlice({ devices: { 'vf-a': VF } });
  putClaim('shared', { reservedFor: ['u1', 'elsewhere'], devices: { 'vf-a': 'net1' } });
  const uidsOf = ({ held }: KnownClaims) => held.map(({ podUid }) => podUid);
  assert.deepEqual(uidsOf(await look([podWith('u2', 'shared')])), []);
  assert.deepEqual(uidsOf(await look([podWith('u1', 'shared'), podWith('u2', 'shared')])), ['u1']);
  putClaim('shared', { reservedFor: ['u1', 'u2'], devices: { 'vf-a': 'net1' } });
  clock.advance(MINUTE_MS);
  assert.deepEqual(uidsOf(await look([podWith('u1', 'shared'), podWith('u2', 'shared')])), ['u1', 'u2']);
});

test('a claim with administrative access holds nothing', async (t) => {
  const { look, putClaim } = await start(t);
  putClaim('monitor', { reservedFor: ['u1'], devices: { 'vf-a': null }, adminAccess: true });
  const { held, watched } = await look([podWith('u1', 'monitor')]);
  const expected = { driver: DRIVER, pool: NODE, device: 'vf-a', namespace: 'telco', claim: 'monitor' };
  assert.deepEqual([held, watched], [[], [expected]]);
});

test('a server that has older versions only is asked in those', async (t) => {
  for (const [version, unserved] of [
    ['v1beta2', ['v1']],
    ['v1beta1', ['v1', 'v1beta2']],
  ] as const) {
    const { api, look, asked, state } = await start(t);
    for (const one of unserved) api.unserved.add(`/apis/resource.k8s.io/${one}`);
    const isBasic = version === 'v1beta1';
    api.put(resourcePath('resourceslices', 's', version), sliceObject({ devices: { 'vf-a': VF }, isBasic }));
    api.put(
      resourcePath('resourceclaims', 'c', version),
      claimObject({ reservedFor: ['u1'], devices: { 'vf-a': 'net1' } }),
    );
    const known = await look([podWith('u1', 'c')]);
    assert.deepEqual([addressesOf(known), await state()], [[VF], 'up']);
    // the version is found out once
    assert.deepEqual(asked(), [...unserved.map(() => 'c'), 'c', 'resourceslices']);
  }
});

test('a server without the API is asked again after ten minutes', async (t) => {
  const { api, look, asked, state, clock } = await start(t);
  for (const version of ['v1', 'v1beta2', 'v1beta1']) api.unserved.add(`/apis/resource.k8s.io/${version}`);
  const pods = [podWith('u1', 'c', 'd', 'e', 'f')];
  await look(pods);
  assert.equal(await state(), 'unsupported');
  assert.ok(asked().length <= 6, 'each of two at once, in three versions');
  clock.advance(9 * MINUTE_MS);
  await look(pods);
  assert.deepEqual(asked(), []);
  clock.advance(MINUTE_MS);
  await look(pods);
  assert.ok(asked().length >= 3);
});

test('a claim that is not there is no fault of the source', async (t) => {
  const { look, putClaim, state, clock } = await start(t);
  const pods = [podWith('u1', 'late')];
  assert.deepEqual([(await look(pods)).held, await state()], [[], 'up']);
  putClaim('late', { reservedFor: ['u1'], devices: { '0000-3b-02-1': 'net1' } });
  clock.advance(15_000);
  assert.equal((await look(pods)).held.length, 1);
});

test('a missing right is told, and costs what was known nothing', async (t) => {
  const { api, look, putClaim, asked, state, clock, logged } = await start(t);
  putClaim('a', { reservedFor: ['u1'], devices: { '0000-3b-02-1': 'net1' } });
  await look([podWith('u1', 'a')]);
  api.misbehave(() => ({ status: 403, body: { kind: 'Status', reason: 'Forbidden', message: 'no', code: 403 } }));
  const pods = [podWith('u1', 'a'), podWith('u2', 'b', 'c', 'd', 'e')];
  assert.equal((await look(pods)).held.length, 1);
  assert.equal(await state(), 'not_permitted');
  assert.equal(logged.filter((line) => line.includes('a source is not in use')).length, 1);
  asked();
  clock.advance(9 * MINUTE_MS);
  await look(pods);
  assert.deepEqual(asked(), []);
  api.misbehave(undefined);
  clock.advance(MINUTE_MS);
  await look(pods);
  assert.equal(await state(), 'up');
});

test('a right that is missing in one namespace costs no other', async (t) => {
  const { api, look, putClaim, state, clock } = await start(t);
  putClaim('a', { reservedFor: ['u1'], devices: { '0000-3b-02-1': 'net1' } });
  api.misbehave(({ path }) =>
    path.includes('/namespaces/closed/')
      ? { status: 403, body: { kind: 'Status', reason: 'Forbidden', message: 'no', code: 403 } }
      : undefined,
  );
  const closed = { ...podWith('u2', 'x'), namespace: 'closed' };
  assert.equal((await look([closed, podWith('u1', 'a')])).held.length, 1);
  assert.equal(await state(), 'not_permitted');
  clock.advance(5 * MINUTE_MS);
  putClaim('b', { reservedFor: ['u3'], devices: { '0000-3b-02-2': 'net1' } });
  assert.equal((await look([closed, podWith('u1', 'a'), podWith('u3', 'b')])).held.length, 2);
  assert.equal(await state(), 'not_permitted', 'it still is');
});

test('slices are listed again for a device that is new, no more than once a minute', async (t) => {
  const { look, putClaim, putSlice, asked, clock } = await start(t);
  putSlice({ devices: { 'vf-a': VF } });
  putClaim('a', { reservedFor: ['u1'], devices: { 'vf-a': 'net1' } });
  putClaim('b', { reservedFor: ['u1'], devices: { 'vf-b': 'net2' } });
  await look([podWith('u1', 'a')]);
  clock.advance(30_000);
  asked();
  const pods = [podWith('u1', 'a', 'b')];
  assert.deepEqual(addressesOf(await look(pods)), [VF, undefined]);
  putSlice({ devices: { 'vf-a': VF, 'vf-b': VF2 } });
  assert.deepEqual(asked(), ['b']);
  clock.advance(30_000);
  assert.deepEqual(addressesOf(await look(pods)), [VF, VF2]);
  assert.deepEqual(asked(), ['resourceslices']);
});

test('a device that is in no slice is looked for ever more seldom', async (t) => {
  const { look, putClaim, asked, clock } = await start(t);
  putClaim('a', { reservedFor: ['u1'], devices: { 'fabric-7': 'net1' } });
  await look([podWith('u1', 'a')]);
  asked();
  let lists = 0;
  for (let minute = 0; minute < 60; minute++) {
    clock.advance(MINUTE_MS);
    const { held, pciAddressOf } = await look([podWith('u1', 'a')]);
    assert.deepEqual(held.map(pciAddressOf), [undefined]);
    lists += asked().length;
  }
  assert.ok(lists >= 5 && lists <= 10, `${lists} lists`);
});

test('slices of other nodes and of older generations do not count', async (t) => {
  const { look, putClaim, putSlice } = await start(t);
  putSlice({ devices: { 'vf-a': VF2 }, generation: 3 }, 'a-old');
  putSlice({ devices: { 'vf-b': VF }, generation: 4 }, 'b-new');
  putSlice({ devices: { 'vf-c': VF2 }, nodeName: 'node-b' }, 'c-other');
  putClaim('all', { reservedFor: ['u1'], devices: { 'vf-a': null, 'vf-b': null, 'vf-c': null } });
  assert.deepEqual(addressesOf(await look([podWith('u1', 'all')])), [undefined, VF, undefined]);
});

test('an attribute of the driver tells the address where the standard one does not', async (t) => {
  const { look, putClaim, putSlice } = await start(t);
  putSlice({ devices: { 'vf-a': VF }, attribute: `${DRIVER}/pciAddress` });
  putClaim('a', { reservedFor: ['u1'], devices: { 'vf-a': null } });
  assert.deepEqual(addressesOf(await look([podWith('u1', 'a')])), [VF]);
});

test('an answer that is not what it ought to be costs what is wrong in it', async (t) => {
  const { api, look, state } = await start(t);
  const good = { driver: DRIVER, pool: NODE, device: '0000-3b-02-1' };
  const results = [
    null,
    7,
    { ...good, device: '../x' },
    { ...good, pool: 'a//b' },
    { ...good, driver: undefined },
    good,
  ];
  const networkData = { interfaceName: 'a name with spaces', ips: 'none' };
  const devices = ['x', { ...good, networkData }, { networkData: [] }];
  const reservedFor = [{ resource: 'pods', uid: 'u1' }, { resource: 'nodes', uid: 'u1' }, { uid: {} }, null];
  api.put(resourcePath('resourceclaims', 'odd'), {
    status: { allocation: { devices: { results } }, devices, reservedFor },
  });
  api.put(resourcePath('resourceclaims', 'none'), { status: 'gone' });
  for (const [index, spec] of [
    {},
    { driver: DRIVER, pool: 7 },
    { driver: DRIVER, pool: { name: 'p' }, devices: {} },
  ].entries()) {
    api.put(resourcePath('resourceslices', `odd-${index}`), { spec: { ...spec, nodeName: NODE } });
  }
  const { held } = await look([podWith('u1', 'odd', 'none')]);
  assert.deepEqual(held, [{ ...good, podUid: 'u1' }]);
  assert.equal(await state(), 'up');
});

test('a server that does not answer is told, and asked again', async (t) => {
  const { api, look, putClaim, state, clock } = await start(t);
  putClaim('a', { reservedFor: ['u1'], devices: { '0000-3b-02-1': 'net1' } });
  api.misbehave(() => ({ destroy: true }));
  assert.deepEqual([(await look([podWith('u1', 'a')])).held, await state()], [[], 'unreachable']);
  api.misbehave(undefined);
  clock.advance(15_000);
  assert.equal((await look([podWith('u1', 'a')])).held.length, 1);
});

test('closing ends what is being asked', async (t) => {
  const { api, claims } = await start(t);
  api.misbehave(() => ({ hang: true }));
  claims.known([podWith('u1', 'a', 'b', 'c')], VFS);
  await claims.close();
  claims.known([podWith('u1', 'd')], VFS);
  await claims.settled();
  assert.ok(api.requests.length <= 2, 'two at once');
});
