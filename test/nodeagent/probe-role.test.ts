// An agent of role probe, and a peer of it on this machine, in a cluster that the tests play.
import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test, type TestContext } from 'node:test';
import { nodeagentProgram } from '../../nodeagent/options.js';
import { startProbeListener } from '../../nodeagent/probes/listener.js';
import { startNodeagent } from '../../nodeagent/start.js';
import { systemClock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/logger.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { createKubeApi } from '../support/kube-api.js';
import { endpoint, service, SERVICE, slice, SLICES } from '../support/probe-objects.js';
import { eventually } from '../support/programs.js';

const OWN_IPV4 = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses)
  .find(({ address, internal }) => isIPv4(address) && !internal)?.address;
const WITHOUT_IPV4 = { skip: OWN_IPV4 === undefined && 'this machine has no IPv4 address' };
const FAST = [
  '--interval',
  '200ms',
  '--dial.interval',
  '200ms',
  '--dial.timeout',
  '1s',
  '--probe.max-loop-delay',
  '1s',
];

async function startAgent(t: TestContext, ...flags: string[]) {
  const argv = [...['--role', 'probe', '--probe-listen-address', '127.0.0.1:0', '--listen-address', '127.0.0.1:0']];
  argv.push(...['--listen-rate-limit', '10000', '--no-collector.dns', ...FAST, ...flags]);
  const invocation = parseOptions(nodeagentProgram('0.0.0', 'a'), argv, {});
  assert.equal(invocation.kind, 'run', JSON.stringify(invocation));
  const logged: string[] = [];
  const log = createLogger('nodeagent', { level: 'info', format: 'text', write: (line) => void logged.push(line) });
  const agent = await startNodeagent(invocation.options, { clock: systemClock, version: '0.0.0', log, env: {} });
  t.after(() => agent.close());
  const get = async (path: string) => (await fetch(agent.url + path)).text();
  /** The value of each series of a family, by its labels. */
  const values = async (family: string) => {
    const lines = (await get('/metrics')).matchAll(new RegExp(`^${family}\\{(.*)\\} (\\S+)$`, 'gm'));
    return new Map([...lines].map(([, labels = '', value]) => [labels, Number(value)]));
  };
  return { logged, get, values };
}

test('peers and the Service are dialled; one that is being deleted does not fail', WITHOUT_IPV4, async (t) => {
  const api = await createKubeApi();
  t.after(() => api.close());
  const log = createLogger('test', { level: 'error', format: 'text', write: () => undefined });
  const listener = await startProbeListener({ host: '127.0.0.1', port: 0 }, { clock: systemClock, log });
  const ports = [{ name: 'probe', port: listener.port }];
  const own = endpoint('a', OWN_IPV4 ?? '');
  api.put(SERVICE, service(['127.0.0.1']));
  const { nodeName: _, ...nameless } = endpoint('c', '10.0.0.9');
  api.put(`${SLICES}/s1`, slice([own, endpoint('b', '127.0.0.1', { zone: 'z2' }), nameless], ports));
  const agent = await startAgent(t, '--kubeconfig', await api.kubeconfig());
  const peer = 'node="a",peer_node="b",peer_zone="z2",network="default",family="ipv4"';
  const host = 'node="a",host="podnet-probe.podnet-system",network="default",family="ipv4"';
  await eventually(
    () => agent.values('podnet_dial_latency_seconds_count'),
    (seen) => (seen.get(peer) ?? 0) >= 2,
  );
  // nobody listens behind the Service
  await eventually(
    () => agent.values('podnet_dial_errors_total'),
    (seen) => (seen.get(`${host},reason="refused"`) ?? 0) >= 2 && seen.get(`${peer},reason="refused"`) === 0,
  );
  const bad = await agent.values('podnet_nodeagent_peers_bad');
  assert.deepEqual([...bad.values()], [1], [...bad.keys()].join());
  const gone = endpoint('b', '127.0.0.1', { zone: 'z2', ready: false, terminating: true });
  api.put(`${SLICES}/s1`, slice([own, gone], ports));
  await listener.close();
  await eventually(
    () => agent.values('podnet_dial_latency_seconds_count'),
    (seen) => !seen.has(peer),
  );
  assert.ok(![...(await agent.values('podnet_dial_errors_total')).keys()].some((labels) => labels.includes('"b"')));
  // a live one that does not answer does
  api.put(`${SLICES}/s1`, slice([own, endpoint('b', '127.0.0.1', { zone: 'z2' })], ports));
  await eventually(
    () => agent.values('podnet_dial_errors_total'),
    (seen) => (seen.get(`${peer},reason="refused"`) ?? 0) >= 2,
  );
});

test('outside a cluster nobody is dialled, the agent says why, and is well', async (t) => {
  const agent = await startAgent(t);
  const health = await eventually(
    () => agent.get('/healthz'),
    (text) => text.startsWith('ok'),
  );
  assert.match(health, /who there is to be dialled is not known yet/);
  assert.equal((await agent.values('podnet_nodeagent_source_up')).get('source="peers",reason="not_found"'), 0);
  assert.doesNotMatch(
    await agent.get('/metrics'),
    /^podnet_(dial|dns|ntp|pod|interface)_|^podnet_nodeagent_(pods|sweep_duration_seconds)/m,
  );
});

test('an agent that cannot start leaves its port', async (t) => {
  const log = createLogger('test', { level: 'error', format: 'text', write: () => undefined });
  const place = { clock: systemClock, log };
  const free = await startProbeListener({ host: '127.0.0.1', port: 0 }, place);
  await free.close();
  const flags = ['--kubeconfig', '/nonexistent/config', '--probe-listen-address', `127.0.0.1:${free.port}`];
  await assert.rejects(startAgent(t, ...flags), { code: 'PODNET_START' });
  await (await startProbeListener({ host: '127.0.0.1', port: free.port }, place)).close();
});

test('options that are no good are told by flag and entry', () => {
  const argv = [
    '--dial.peers',
    'b=10.0.0.2,=x',
    '--dns.hosts',
    '10.0.0.1',
    '--dns.servers',
    'a b',
    '--ntp.servers',
    '[::1',
  ];
  const invocation = parseOptions(nodeagentProgram('0.0.0', 'a'), ['--role', 'probe', ...argv], {});
  assert.equal(invocation.kind, 'refuse');
  const text = JSON.stringify(invocation);
  for (const flag of ['--dial.peers: ', '--dns.hosts: ', '--dns.servers: ', '--ntp.servers: '])
    assert.ok(text.includes(flag), flag);
});
