// Agents with Multus: the annotations of their pods tell where they are on secondary networks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forbidden } from '../../support/kube-api/status.js';
import { followPeers } from '../../support/followed-peers.js';
import type { Kubernetes } from '../../support/kube-client.js';
import {
  AGENT_PODS,
  agentPod,
  defaultEntry,
  endpoint,
  entry,
  service,
  SERVICE,
  slice,
  SLICES,
} from '../../support/probe-objects.js';
import { eventually } from '../../support/programs.js';

const [PLAIN_A, PLAIN_B] = ['a default=10.0.0.1:9809', 'b default=10.0.0.2:9809'];
const LIST = /\/pods$/;
const GET = /\/pods\/p-a$/;

/** Of the agent of a node: where it is on the default network, on n3 and on n6. */
function pod(node: number, ...more: object[]) {
  return [defaultEntry(`10.0.0.${node}`), entry('telco/n3', 'net1', `192.168.3.${node}`), ...more];
}

function two(
  { api }: Kubernetes,
  a: readonly object[] | string = pod(1),
  b: readonly object[] | string = pod(2),
): void {
  api.put(SERVICE, service([]));
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.2')]));
  api.put(`${AGENT_PODS}/p-a`, agentPod('p-a', a));
  api.put(`${AGENT_PODS}/p-b`, agentPod('p-b', b));
}

test('peers are dialled on each network that this agent is on, too', async (t) => {
  const six = (node: number) => entry('telco/n6', 'net2', `192.168.6.${node}`, `fd06::${node}`);
  const { lists, states, api, peers } = await followPeers(t, (kubernetes) => {
    two(kubernetes, pod(1, six(1)), pod(2, six(2), entry('telco/n9', 'net3', '192.168.9.2')));
  });
  await lists(
    'a default=10.0.0.1:9809 n3=192.168.3.1:9809 n6=192.168.6.1:9809+[fd06::1]:9809',
    'b default=10.0.0.2:9809 n3=192.168.3.2:9809 n6=192.168.6.2:9809+[fd06::2]:9809',
  );
  await states('peer-networks 1', 'peers 1');
  assert.ok(peers.isLive('b', { host: 'fd06::2', port: 9809 }));
  const accepted = api.requests.filter(({ path }) => path.includes('/pods')).map(({ headers }) => headers.accept ?? '');
  assert.ok(accepted.length >= 3 && accepted.every((accept) => accept.includes('as=PartialObjectMetadata')));
  assert.ok(api.requests.some(({ path }) => path.includes('pods?labelSelector=app%3Dpodnet-probe')));
  assert.equal(api.requests.filter(({ path }) => GET.test(path)).length, 1);
});

test('where this agent is on no other network nobody follows pods', async (t) => {
  const { lists, states, asked } = await followPeers(t, (kubernetes) => {
    two(kubernetes, [defaultEntry('10.0.0.1')], pod(2));
  });
  await states('peer-networks 0 not_needed', 'peers 1');
  await lists(PLAIN_A, PLAIN_B);
  assert.deepEqual([asked(GET), asked(LIST)], [1, 0]);
});

test('a network that is plugged in or pulled later is noticed', async (t) => {
  const followed = await followPeers(t, (kubernetes) => two(kubernetes, [defaultEntry('10.0.0.1')]));
  const { api, clock, lists, states } = followed;
  await states('peer-networks 0 not_needed', 'peers 1');
  api.put(`${AGENT_PODS}/p-a`, agentPod('p-a', pod(1)));
  clock.shiftMs += 600_000;
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, `${PLAIN_B} n3=192.168.3.2:9809`);
  api.put(`${AGENT_PODS}/p-a`, agentPod('p-a', '[]'));
  clock.shiftMs += 600_000;
  await lists(PLAIN_A, PLAIN_B);
  await states('peer-networks 0 not_needed', 'peers 1');
  await eventually(
    () => api.openWatches,
    (open) => open === 2,
  );
});

test('a pod made anew is dialled where it is now', async (t) => {
  const { api, lists } = await followPeers(t, two);
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, `${PLAIN_B} n3=192.168.3.2:9809`);
  const next = {
    ...endpoint('b', '10.0.0.2'),
    targetRef: { kind: 'Pod', namespace: 'podnet-system', name: 'p-b', uid: 'u2' },
  };
  api.put(`${SLICES}/s1`, slice([endpoint('a', '10.0.0.1'), next]));
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, PLAIN_B);
  const made = agentPod('p-b', [defaultEntry('10.0.0.2'), entry('telco/n3', 'net1', '192.168.3.7')]);
  api.put(`${AGENT_PODS}/p-b`, { ...made, metadata: { ...made.metadata, uid: 'u2' } });
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, `${PLAIN_B} n3=192.168.3.7:9809`);
});

test('a network of the same name in another namespace is another network', async (t) => {
  const { lists, peers, logged } = await followPeers(t, (kubernetes) => {
    two(kubernetes, pod(1), [defaultEntry('10.0.0.2'), entry('lab/n3', 'net1', '192.168.3.2')]);
  });
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, PLAIN_B);
  assert.deepEqual([...peers.leftOut], [['other_namespace', 1]]);
  await eventually(
    () => logged.some((line) => line.includes('other_namespace=1')),
    (isTold) => isTold,
  );
});

test('an annotation that is no good costs its pod the networks', async (t) => {
  const { lists, peers } = await followPeers(t, (kubernetes) => two(kubernetes, pod(1), '{{'));
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, PLAIN_B);
  assert.deepEqual([...peers.leftOut], [['not_json', 1]]);
});

test('without the right to read pods the default network is dialled', async (t) => {
  const { lists, states, peers, logged, asked } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.misbehave(({ path }) =>
      path.includes('/pods') ? { status: 403, body: forbidden('get', 'pods').body } : undefined,
    );
  });
  await states('peer-networks 0 not_permitted', 'peers 1');
  await lists(PLAIN_A, PLAIN_B);
  assert.deepEqual([peers.internalErrors, asked(GET)], [0, 1]);
  assert.match(logged.find((line) => line.includes('peer-networks')) ?? '', / info a source is not in use/);
});

test('with the right to its own pod alone it is the same', async (t) => {
  let isRefused = true;
  const { lists, states, peers } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.misbehave(({ path }) =>
      isRefused && /\/pods\?/.test(path) ? { status: 403, body: forbidden('list', 'pods').body } : undefined,
    );
  });
  await states('peer-networks 0 not_permitted', 'peers 1');
  await lists(PLAIN_A, PLAIN_B);
  assert.equal(peers.internalErrors, 0);
  isRefused = false;
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, `${PLAIN_B} n3=192.168.3.2:9809`);
});

test('a failure of the own pod is tried again, less and less often', async (t) => {
  let isGone = true;
  const { api, clock, lists, states, asked } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.misbehave(({ path }) => (isGone && GET.test(path) ? { destroy: true } : undefined));
  });
  await states('peer-networks 0 unreachable', 'peers 1');
  const before = asked(GET);
  isGone = false;
  api.remove(`${AGENT_PODS}/p-a`);
  clock.shiftMs += 60_000;
  await states('peer-networks 0 not_found', 'peers 1');
  assert.ok(asked(GET) > before);
  api.put(`${AGENT_PODS}/p-a`, agentPod('p-a', pod(1)));
  clock.shiftMs += 60_000;
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, `${PLAIN_B} n3=192.168.3.2:9809`);
});

test('a pod of the same name that is not that of the endpoint tells nothing', async (t) => {
  const { states, lists } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    const other = agentPod('p-a', pod(1));
    kubernetes.api.put(`${AGENT_PODS}/p-a`, { ...other, metadata: { ...other.metadata, uid: 'another' } });
  });
  await states('peer-networks 0 not_found', 'peers 1');
  await lists(PLAIN_A, PLAIN_B);
});

test('an agent that is not among the endpoints knows no networks', async (t) => {
  const { states, lists, asked } = await followPeers(t, two, { node: 'elsewhere' });
  await states('peer-networks 0 not_found', 'peers 1');
  await lists(PLAIN_A, PLAIN_B);
  assert.equal(asked(/\/pods/), 0);
});

test('a Service without a selector names no pods', async (t) => {
  const { api, states, asked, lists } = await followPeers(t, (kubernetes) => {
    two(kubernetes);
    kubernetes.api.put(SERVICE, { spec: { clusterIP: 'None', ports: [] } });
  });
  await states('peer-networks 0 not_found', 'peers 1');
  assert.equal(asked(LIST), 0);
  api.put(SERVICE, service([]));
  await lists(`${PLAIN_A} n3=192.168.3.1:9809`, `${PLAIN_B} n3=192.168.3.2:9809`);
  api.remove(SERVICE); // they are followed as before
  await states('peer-networks 1', 'peers 1');
});

test('where no secondary network is wanted no pod is asked for', async (t) => {
  const { states, asked } = await followPeers(t, two, { hasSecondaryNetworks: false });
  await states('peer-networks 0 not_configured', 'peers 1');
  assert.equal(asked(/\/pods/), 0);
});
