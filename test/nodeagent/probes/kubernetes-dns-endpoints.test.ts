// The servers behind a DNS Service, over a real client, from a real HTTPS server that behaves like a kube-apiserver.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { decodeEndpointSlice } from '../../../nodeagent/endpoints/endpoint-slice.js';
import { KubernetesDnsEndpoints, serversOf } from '../../../nodeagent/probes/kubernetes-dns-endpoints.js';
import { renderHostPort } from '../../../runtime/options/kinds.js';
import { fastBackoff, sourceStates } from '../../support/followed-peers.js';
import { forbidden } from '../../support/kube-api/status.js';
import { startKubernetes, type Kubernetes } from '../../support/kube-client.js';
import { endpoint, slice } from '../../support/probe-objects.js';
import { createShiftedClock, eventually } from '../../support/programs.js';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices';
const UDP = { name: 'dns', protocol: 'UDP', port: 53 };
const TCP = { name: 'dns-tcp', protocol: 'TCP', port: 54 };
const METRICS = { name: 'metrics', protocol: 'TCP', port: 9153 };

function dnsSlice(...endpoints: object[]) {
  const metadata = { labels: { 'kubernetes.io/service-name': 'kube-dns' } };
  return { ...slice(endpoints, [METRICS, TCP, UDP]), metadata };
}

async function follow(t: TestContext, prepare: (kubernetes: Kubernetes) => void) {
  const kubernetes = await startKubernetes(t);
  prepare(kubernetes);
  const { client, log } = kubernetes;
  const { states, shown } = sourceStates(log);
  const endpoints = new KubernetesDnsEndpoints({
    ...{ api: client, log, states, clock: createShiftedClock(), createBackoff: fastBackoff, tellEveryMs: 20 },
    service: { namespace: 'kube-system', name: 'kube-dns' },
  }).start();
  t.after(() => endpoints.close());
  const becomes = async (servers: string, state: string): Promise<void> => {
    await eventually(
      async () => `${endpoints.list()?.map(renderHostPort).join(' ') ?? 'unknown'}; ${await shown()}`,
      (seen) => seen === `${servers}; ${state}`,
    );
  };
  return { ...kubernetes, endpoints, becomes };
}

const servers = (object: object) => serversOf([decodeEndpointSlice(object) ?? assert.fail()]).map(renderHostPort);

test('servers that are ready are listed, in order and once', async (t) => {
  const { api, becomes, endpoints } = await follow(t, (kubernetes) => {
    const [one, two] = [endpoint('a', '10.0.0.2', { pod: 'dns-2' }), endpoint('a', '10.0.0.1', { pod: 'dns-1' })];
    const { nodeName: _node, targetRef: _pod, ...byHand } = endpoint('b', '10.0.0.3');
    kubernetes.api.put(`${SLICES}/s1`, dnsSlice(one, two, byHand));
    kubernetes.api.put(`${SLICES}/s2`, dnsSlice(two, endpoint('c', '10.0.0.4', { ready: false })));
    kubernetes.api.put(`${SLICES}/other`, slice([endpoint('a', '10.0.0.9')]));
  });
  await becomes('10.0.0.1:53 10.0.0.2:53 10.0.0.3:53', 'dns-endpoints 1');
  assert.equal(endpoints.list(), endpoints.list());
  const going = endpoint('a', '10.0.0.3', { ready: true, terminating: true });
  api.put(`${SLICES}/s1`, dnsSlice(going));
  api.put(`${SLICES}/s2`, dnsSlice(endpoint('c', '10.0.0.4')));
  await becomes('10.0.0.4:53', 'dns-endpoints 1');
});

test('both families are asked', async (t) => {
  const { becomes } = await follow(t, ({ api }) => {
    api.put(`${SLICES}/four`, dnsSlice(endpoint('a', '10.0.0.1')));
    api.put(`${SLICES}/six`, { ...dnsSlice(endpoint('a', 'fd00::1')), addressType: 'IPv6' });
  });
  await becomes('10.0.0.1:53 [fd00::1]:53', 'dns-endpoints 1');
});

test('a Service that is not there has no servers', async (t) => {
  const { api, becomes } = await follow(t, () => undefined);
  await becomes('', 'dns-endpoints 0 not_found');
  api.put(`${SLICES}/s1`, dnsSlice());
  await becomes('', 'dns-endpoints 1');
});

test('while the API is away the last list stays', async (t) => {
  const { api, becomes, endpoints } = await follow(t, (kubernetes) => {
    kubernetes.api.put(`${SLICES}/s1`, dnsSlice(endpoint('a', '10.0.0.1')));
  });
  await becomes('10.0.0.1:53', 'dns-endpoints 1');
  assert.equal(endpoints.internalErrors, 0);
  await api.down();
  await becomes('10.0.0.1:53', 'dns-endpoints 0 unreachable');
  assert.ok(endpoints.internalErrors > 0);
  api.put(`${SLICES}/s1`, dnsSlice(endpoint('a', '10.0.0.2')));
  await api.up();
  await becomes('10.0.0.2:53', 'dns-endpoints 1');
});

test('without the right to read them nothing is known', async (t) => {
  const { becomes } = await follow(t, ({ api }) => {
    api.misbehave(() => ({ status: 403, body: forbidden('list', 'endpointslices').body }));
  });
  await becomes('unknown', 'dns-endpoints 0 not_permitted');
});

test('the port is that of dns, of dns-tcp, the first of UDP, or 53', () => {
  const at = (...ports: object[]) => servers(slice([endpoint('a', '10.0.0.1')], ports)).join();
  const first = { name: 'x', protocol: 'UDP', port: 5353 };
  assert.equal(at(METRICS, first, TCP, UDP), '10.0.0.1:53');
  assert.equal(at(METRICS, first, { ...UDP, port: 1053 }, TCP), '10.0.0.1:1053');
  assert.equal(at(METRICS, first, TCP), '10.0.0.1:54');
  assert.equal(at(METRICS, first), '10.0.0.1:5353');
  assert.equal(at(METRICS), '10.0.0.1:53');
});

test('no more than 256 servers are asked', () => {
  const many = Array.from({ length: 300 }, (_, i) => endpoint('a', `10.0.${i >> 8}.${i & 255}`));
  assert.equal(servers(slice(many)).length, 256);
});
