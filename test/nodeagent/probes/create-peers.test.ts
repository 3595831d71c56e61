import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  createDnsEndpoints,
  createPeerSource,
  type PeerSourceOptions,
} from '../../../nodeagent/probes/create-peers.js';
import { PROBE_OPTIONS } from '../../../nodeagent/probes/options.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { defaultsOf } from '../../../runtime/options/kinds.js';
import { sourceStates } from '../../support/followed-peers.js';
import { createKubeApi } from '../../support/kube-api.js';
import { endpoint, service, SERVICE, slice, SLICES } from '../../support/probe-objects.js';
import { eventually } from '../../support/programs.js';

const DEFAULTS = { ...defaultsOf(PROBE_OPTIONS), kubeconfig: undefined, nodeName: 'a' };

function depsOf() {
  const logged: string[] = [];
  const log = createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) });
  const { states, shown } = sourceStates(log);
  return { deps: { env: {}, clock: systemClock, log, version: '0.0.0', states }, logged, shown };
}

async function create(t: TestContext, options: Partial<PeerSourceOptions>) {
  const { deps, ...rest } = depsOf();
  const source = await createPeerSource({ ...DEFAULTS, ...options }, deps);
  t.after(() => source.close());
  return { source, ...rest };
}

test('peers of the flags go before a Service', async (t) => {
  const { source, shown } = await create(t, { dialPeers: ['b/z=10.0.0.2', 'b=fd00::2', 'a=10.0.0.1:7'] });
  assert.deepEqual(
    source.list()?.peers.map(({ node, zone, addresses }) => [node, zone, addresses.get('default')]),
    [
      ['a', '', [{ host: '10.0.0.1', port: 7 }]],
      ['b', 'z', ['10.0.0.2', 'fd00::2'].map((host) => ({ host, port: 9809 }))],
    ],
  );
  assert.equal(await shown(), 'peer-networks 0 not_configured, peers 1');
});

test('peers of the flags that are no good end the start', async () => {
  const { deps } = depsOf();
  await assert.rejects(createPeerSource({ ...DEFAULTS, dialPeers: ['x', 'a=10.0.0.1'] }, deps), {
    code: 'PODNET_START',
    message: /^--dial\.peers: must be <node>.* not "x"$/,
  });
});

test('without peers and a Service there is nobody to be dialled', async (t) => {
  const { source, shown } = await create(t, { dialService: undefined });
  assert.deepEqual(source.list(), { peers: [] });
  assert.equal(await shown(), 'peer-networks 0 not_configured, peers 0 not_configured');
});

test('out of a cluster it is not known who is there, and the agent starts', async (t) => {
  const { source, shown, logged } = await create(t, {});
  assert.equal(source.list(), undefined);
  assert.equal(source.internalErrors, 0);
  assert.equal(await shown(), 'peers 0 not_found');
  assert.match(
    logged.join(''),
    / warn a source is not in use .*KUBERNETES_SERVICE_HOST is not set\): give --kubeconfig, or --dial\.peers"$/m,
  );
});

test('a kubeconfig that is no good ends the start', async () => {
  const { deps } = depsOf();
  const kubeconfig = '/nonexistent/config';
  await assert.rejects(createPeerSource({ ...DEFAULTS, kubeconfig }, deps), { code: 'PODNET_START' });
  const dnsEndpoints = { namespace: 'kube-system', name: 'kube-dns' };
  await assert.rejects(createDnsEndpoints({ kubeconfig, dnsEndpoints }, deps), { code: 'PODNET_START' });
});

test('in a cluster the Service is followed', async (t) => {
  const api = await createKubeApi();
  t.after(() => api.close());
  api.put(SERVICE, service(['10.96.0.9']));
  api.put(`${SLICES}/s`, slice([endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.2')]));
  const { source } = await create(t, { kubeconfig: await api.kubeconfig(), dialSecondaryNetworks: false });
  await eventually(
    () => source.list(),
    (list) => list?.peers.length === 2 && list.service?.addresses.length === 1,
  );
  assert.equal(api.requests[0]?.headers['user-agent'], 'podnet-nodeagent/0.0.0');
});

test('DNS servers are followed where a flag asks for them', async (t) => {
  const { deps, shown } = depsOf();
  assert.equal(await createDnsEndpoints({ kubeconfig: undefined, dnsEndpoints: undefined }, deps), undefined);
  assert.equal(await shown(), 'dns-endpoints 0 not_configured');
  const dnsEndpoints = { namespace: 'podnet-system', name: 'podnet-probe' };
  const outside = await createDnsEndpoints({ kubeconfig: undefined, dnsEndpoints }, deps);
  assert.deepEqual([outside?.list(), await shown()], [undefined, 'dns-endpoints 0 not_found']);
  const api = await createKubeApi();
  t.after(() => api.close());
  api.put(`${SLICES}/s`, slice([endpoint('a', '10.0.0.1')], [{ name: 'dns', protocol: 'UDP', port: 53 }]));
  const found = await createDnsEndpoints({ kubeconfig: await api.kubeconfig(), dnsEndpoints }, deps);
  t.after(() => found?.close());
  await eventually(
    () => found?.list(),
    (list) => list?.[0]?.host === '10.0.0.1',
  );
});
