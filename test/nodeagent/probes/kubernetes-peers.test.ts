// The agents behind a Service, over a real client, from a real HTTPS server that behaves like a kube-apiserver.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forbidden } from '../../support/kube-api/status.js';
import { followPeers } from '../../support/followed-peers.js';
import type { Kubernetes } from '../../support/kube-client.js';
import { endpoint, service, SERVICE, slice, SLICES } from '../../support/probe-objects.js';
import { eventually } from '../../support/programs.js';

const VIP = 'podnet-probe.podnet-system 10.96.0.9:9809';
const [A, B, C] = ['a default=10.0.0.1:9809', 'b default=10.0.0.2:9809', 'c default=10.0.0.3:9809'];
const NO_NETWORKS = { hasSecondaryNetworks: false };
const NETWORKS_OFF = 'peer-networks 0 not_configured';

function two({ api }: Kubernetes): void {
  api.put(SERVICE, service(['10.96.0.9']));
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.2')]));
}

test('the agents and their Service are listed, and followed', async (t) => {
  const { api, lists, states, peers } = await followPeers(t, two, NO_NETWORKS);
  await lists(A, B, VIP);
  assert.equal(peers.list(), peers.list());
  api.put(`${SLICES}/s2`, slice([endpoint('c', '10.0.0.3'), endpoint('b', '10.0.0.2')]));
  await lists(A, B, C, VIP);
  api.remove(`${SLICES}/s1`);
  await lists(B, C, VIP); // this node itself need not be among them
  await states(NETWORKS_OFF, 'peers 1');
  assert.equal(peers.internalErrors, 0);
});

test('another Service of the namespace has no part in it', async (t) => {
  const { lists } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    const other = { labels: { 'kubernetes.io/service-name': 'other' } };
    kubernetes.api.put(`${SLICES}/other`, { ...slice([endpoint('x', '10.0.0.9')]), metadata: other });
    kubernetes.api.put(SERVICE.replace('podnet-probe', 'other'), service(['10.96.0.1']));
  });
  await lists(A, B, VIP);
});

test('dual stack has two slices and two addresses of the Service', async (t) => {
  const { lists } = await followPeers(t, ({ api }) => {
    api.put(SERVICE, service(['10.96.0.9', 'fd96::9']));
    api.put(`${SLICES}/four`, slice([endpoint('a', '10.0.0.1')]));
    api.put(`${SLICES}/six`, slice([endpoint('a', 'fd00::1')], [{ name: 'probe', port: 9809 }], 'IPv6'));
  });
  await lists('a default=10.0.0.1:9809+[fd00::1]:9809', 'podnet-probe.podnet-system 10.96.0.9:9809+[fd96::9]:9809');
});

test('a cluster of IPv6 alone is dialled', async (t) => {
  const { lists } = await followPeers(t, ({ api }) => {
    api.put(SERVICE, service(['fd96::9']));
    api.put(`${SLICES}/six`, slice([endpoint('a', 'fd00::1'), endpoint('b', 'fd00::2')], [], 'IPv6'));
  });
  await lists('a default=[fd00::1]:1', 'b default=[fd00::2]:1', 'podnet-probe.podnet-system [fd96::9]:9809');
});

test('one that fails keeps its place, one that never was ready is known as such', async (t) => {
  const never = endpoint('c', '10.0.0.3', { ready: false });
  const { api, lists, peers } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.put(`${SLICES}/s2`, slice([never]));
  });
  await lists(A, B, 'c? default=10.0.0.3:9809', VIP);
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.2', { ready: false })]));
  api.put(`${SLICES}/s2`, slice([endpoint('c', '10.0.0.3')]));
  await lists(A, B, C, VIP);
  assert.ok(peers.isLive('b', { host: '10.0.0.2', port: 9809 }));
  api.put(`${SLICES}/s2`, slice([never]));
  const recreated = endpoint('b', '10.0.0.2', { ready: false, pod: 'p-b2' });
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1'), recreated]));
  await lists(A, 'b? default=10.0.0.2:9809', C, VIP);
});

test('one that is not ready for long has failed: whether it was ready before, who has just been started cannot know', async (t) => {
  const { api, lists, clock } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.put(`${SLICES}/s2`, slice([endpoint('c', '10.0.0.3', { ready: false })]));
  });
  await lists(A, B, 'c? default=10.0.0.3:9809', VIP);
  clock.shiftMs += 60_000;
  // whatever happens to the slice
  const c = endpoint('c', '10.0.0.3', { ready: false });
  api.put(`${SLICES}/s2`, slice([c, endpoint('d', '10.0.0.4')]));
  await lists(A, B, 'c? default=10.0.0.3:9809', 'd default=10.0.0.4:9809', VIP);
  clock.shiftMs += 61_000;
  await lists(A, B, C, 'd default=10.0.0.4:9809', VIP);
});

test('a rolling update of a node goes from one pod to the next', async (t) => {
  const { api, lists, peers } = await followPeers(t, two);
  await lists(A, B, VIP);
  const [old, moved] = [
    { host: '10.0.0.2', port: 9809 },
    { host: '10.0.0.7', port: 9809 },
  ];
  assert.deepEqual([peers.isLive('b', old), peers.isLive('b', moved), peers.isLive('a', old)], [true, false, false]);
  assert.ok(!peers.isLive('b', { ...old, port: 1 }));
  const going = endpoint('b', '10.0.0.2', { ready: false, serving: true, terminating: true });
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1'), going]));
  await lists(A, VIP);
  assert.ok(!peers.isLive('b', old));
  const next = endpoint('b', '10.0.0.7', { ready: false, pod: 'p-b2' });
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1'), going, next]));
  await lists(A, 'b? default=10.0.0.7:9809', VIP);
  assert.deepEqual([peers.isLive('b', old), peers.isLive('b', moved)], [false, true]);
});

test('before the first list nothing is known', async (t) => {
  const { peers, api, lists } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.misbehave(({ path }) => (path.includes('endpointslices') ? { hang: true } : undefined));
  });
  await eventually(
    () => api.openWatches,
    (open) => open === 1,
  );
  assert.equal(peers.list(), undefined);
  assert.ok(!peers.isLive('a', { host: '10.0.0.1', port: 9809 }));
  await lists('unknown');
});

test('without a Service, or with a headless one, only the agents are dialled', async (t) => {
  const { api, lists, states } = await followPeers(t, () => undefined, NO_NETWORKS);
  await states(NETWORKS_OFF, 'peers 0 not_found');
  await lists('');
  api.put(SERVICE, service(['None']));
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1')]));
  await lists(A);
  await states(NETWORKS_OFF, 'peers 1');
  api.put(SERVICE, service(['10.96.0.9']));
  await lists(A, VIP);
  api.remove(SERVICE);
  await lists(A);
});

test('while the API is away the last list stays', async (t) => {
  const { api, lists, states, peers } = await followPeers(t, two, NO_NETWORKS);
  await states(NETWORKS_OFF, 'peers 1');
  await api.down();
  await states(NETWORKS_OFF, 'peers 0 unreachable');
  await lists(A, B, VIP);
  assert.ok(peers.isLive('b', { host: '10.0.0.2', port: 9809 }));
  assert.ok(peers.internalErrors > 0);
  api.put(`${SLICES}/s2`, slice([endpoint('c', '10.0.0.3')]));
  await api.up();
  await lists(A, B, C, VIP);
  await states(NETWORKS_OFF, 'peers 1');
});

test('a missing right is told, and costs what it would have told', async (t) => {
  const refused = new Set(['endpointslices', 'services']);
  const { lists, states, api } = await followPeers(
    t,
    (kubernetes) => {
      two(kubernetes);
      kubernetes.api.misbehave(({ path }) => {
        const resource = [...refused].find((one) => path.includes(one));
        return resource === undefined ? undefined : { status: 403, body: forbidden('list', resource).body };
      });
    },
    NO_NETWORKS,
  );
  await states(NETWORKS_OFF, 'peers 0 not_permitted');
  await lists('unknown');
  refused.delete('endpointslices');
  await lists(A, B);
  await states(NETWORKS_OFF, 'peers 0 not_permitted');
  refused.clear();
  await lists(A, B, VIP);
  await states(NETWORKS_OFF, 'peers 1');
  assert.ok(api.requests.length > 0);
});

test('what is left out is counted by reason, and told once', async (t) => {
  const { nodeName: _node, ...homeless } = endpoint('x', '10.0.0.9');
  const bad = [homeless, { ...endpoint('y', 'none') }, { ...endpoint('z', 'none') }, null as unknown as object];
  const { api, peers, lists, logged } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.put(`${SLICES}/s2`, slice(bad));
  });
  await lists(A, B, VIP);
  assert.deepEqual([...(peers.leftOut ?? [])].sort(), [
    ['bad_entry', 1],
    ['no_address', 2],
    ['no_node', 1],
  ]);
  const told = () => logged.filter((line) => line.includes('not all that the Service lists'));
  await eventually(
    () => told().length,
    (count) => count === 1,
  );
  assert.match(told()[0] ?? '', / warn .*bad_entry=1 no_address=2 no_node=1/);
  api.remove(`${SLICES}/s2`);
  await eventually(
    () => peers.leftOut.size,
    (count) => count === 0,
  );
  assert.equal(told().length, 1);
});

test('closing ends the watches, and then gives up the connections', async (t) => {
  let closed = 0;
  const { api, peers, lists } = await followPeers(t, two, { onClosed: () => (closed += 1) });
  await lists(A, B, VIP);
  await peers.close();
  assert.equal(closed, 1);
  await eventually(
    () => api.openWatches,
    (open) => open === 0,
  );
});
