// An agent that follows the replicas of the apiserver: from a played Kubernetes API to real servers, all over TLS.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Apiserver } from '../../../apiserver/start.js';
import { createAuthority, createLeaf, createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { nodeagentProgram } from '../../../nodeagent/options.js';
import { startNodeagent, type Nodeagent } from '../../../nodeagent/start.js';
import { systemClock } from '../../../runtime/clock.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { createFreezingProxy } from '../../support/freezing-proxy.js';
import { forbidden } from '../../support/kube-api/status.js';
import { startKubernetes, type Kubernetes } from '../../support/kube-client.js';
import { endpoint, slice, SLICES } from '../../support/probe-objects.js';
import { eventually, fetchText, runApiserver } from '../../support/programs.js';
import { ReportReceiver } from '../../support/report-receiver.js';

const authority = await createAuthority(Date.now());
const strange = await createAuthority(Date.now());
const SERVED = ['podnet-apiserver.podnet-system.svc', '127.0.0.1'];
const PATIENCE_MS = 30_000;
const portOf = (url: string): number => Number(new URL(url).port);
type Conditions = Parameters<typeof endpoint>[2];

interface Bed extends Kubernetes {
  /** The slice of one replica, which listens on a port of loopback. */
  readonly put: (name: string, port: number, conditions?: Conditions) => void;
  readonly remove: (name: string) => void;
  readonly start: (...ca: string[]) => Promise<Nodeagent>;
}

async function bed(t: TestContext): Promise<Bed> {
  const kubernetes = await startKubernetes(t);
  const { api, log } = kubernetes;
  return {
    ...kubernetes,
    put: (name, port, conditions) => {
      const one = endpoint('n', '127.0.0.1', { pod: name, ...conditions });
      const labels = { 'kubernetes.io/service-name': 'podnet-apiserver' };
      api.put(`${SLICES}/${name}`, {
        ...slice([one], [{ name: 'https', protocol: 'TCP', port }]),
        metadata: { labels },
      });
    },
    remove: (name) => api.remove(`${SLICES}/${name}`),
    start: async (...ca) => {
      const argv = ['--service', 'podnet-system/podnet-apiserver', '--kubeconfig', await api.kubeconfig()];
      argv.push('--pod-source', 'netns', '--interval', '200ms', '--listen-address', '127.0.0.1:0');
      argv.push('--listen-rate-limit', '1000', '--listen-rate-burst', '1000', '--token-file', '/nonexistent/token');
      const invocation = parseOptions(nodeagentProgram('0.0.0', 'test-node'), argv, {});
      assert.ok(invocation.kind === 'run');
      const deps = { clock: systemClock, log, version: '0.0.0', env: {}, serverCa: ca.join('\n') };
      const agent = await startNodeagent(invocation.options, deps);
      t.after(() => agent.close());
      return agent;
    },
  };
}

async function receiver(t: TestContext, hosts = SERVED, signer = authority): Promise<ReportReceiver> {
  const one = await ReportReceiver.start(60_000, await createLeaf(signer, hosts, Date.now()));
  t.after(() => one.close());
  return one;
}

const reports = (one: ReportReceiver, more: number): Promise<number> => {
  const before = one.reports.length;
  return eventually(
    () => one.reports.length,
    (count) => count >= before + more,
    PATIENCE_MS,
  );
};

async function selfMetrics({ url }: Nodeagent): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

const says = (agent: Nodeagent, pattern: RegExp): Promise<string> =>
  eventually(
    () => selfMetrics(agent),
    (text) => pattern.test(text),
    PATIENCE_MS,
  );

/** Real, with a certificate for the Service. */
async function certified(t: TestContext): Promise<{ ca: string; run: (port?: number) => Promise<Apiserver> }> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-replicas-'));
  const { cert, key } = await createSelfSignedCertificate(SERVED, Date.now());
  const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  t.after(() => rm(directory, { recursive: true }));
  const flags = ['--tls-cert-file', certFile, '--tls-private-key-file', keyFile];
  return { ca: cert, run: (port = 0) => runApiserver([...flags, '--secure-port', String(port)]) };
}

const isFed = (url: string, ca: string): Promise<unknown> =>
  eventually(
    async () => (await fetchText({ url, ca }, '/metrics')).text,
    (text) => text.includes('node="test-node"'),
    PATIENCE_MS,
  );

test('real replicas are fed, ready or not, and again after a restart', async (t) => {
  const { put, start } = await bed(t);
  const { ca, run } = await certified(t);
  const [first, second] = [await run(), await run()];
  t.after(() => second.close());
  put('r1', portOf(first.url));
  put('r2', portOf(second.url), { ready: false });
  await start(ca);
  await Promise.all([isFed(first.url, ca), isFed(second.url, ca)]);
  await first.close();
  const again = await run(portOf(first.url));
  t.after(() => again.close());
  await isFed(again.url, ca);
});

test('a replica that comes gets the whole history at once, one that terminates nothing more', async (t) => {
  const { put, start, logged } = await bed(t);
  const [old, young] = [await receiver(t), await receiver(t)];
  put('r1', portOf(old.url));
  const agent = await start(authority.cert);
  await reports(old, 5);
  put('r2', portOf(young.url), { ready: false });
  await reports(young, 1);
  assert.ok((young.reports[0]?.samples.length ?? 0) >= 5);
  assert.match(await selfMetrics(agent), new RegExp(`server="${old.url}"`));
  put('r1', portOf(old.url), { ready: false, serving: true, terminating: true });
  await eventually(
    () => selfMetrics(agent),
    (text) => !text.includes(old.url),
    PATIENCE_MS,
  );
  const count = old.reports.length;
  await reports(young, 3);
  assert.equal(old.reports.length, count);
  assert.deepEqual(
    logged.filter((line) => line.includes('did not go well')),
    [],
  );
  assert.equal(logged.filter((line) => line.includes('a replica is gone')).length, 1);
});

test('one that hangs, and one that nobody is, cost the others nothing', async (t) => {
  const { put, remove, start } = await bed(t);
  const [good, hanging] = [await receiver(t), await receiver(t)];
  const proxy = await createFreezingProxy(portOf(hanging.url));
  t.after(() => proxy.close());
  put('r1', portOf(good.url));
  put('r2', proxy.port);
  put('r3', 1);
  const agent = await start(authority.cert);
  await reports(hanging, 1);
  proxy.freeze();
  await reports(good, 10);
  await says(agent, /pushes_total\{server="https:\/\/127.0.0.1:1",result="failed"\}/);
  remove('r2'); // in the middle of a push
  await eventually(
    () => selfMetrics(agent),
    (text) => !text.includes(`:${proxy.port}"`),
    PATIENCE_MS,
  );
});

test('who cannot prove to be the Service gets nothing', async (t) => {
  const { put, start } = await bed(t);
  const [good, stranger, other] = [
    await receiver(t),
    await receiver(t, SERVED, strange),
    await receiver(t, ['other.podnet-system.svc', '127.0.0.1']),
  ];
  put('good', portOf(good.url));
  put('stranger', portOf(stranger.url));
  put('other', portOf(other.url));
  const agent = await start(authority.cert);
  await says(agent, new RegExp(`server="${stranger.url}",result="failed"`));
  await says(agent, new RegExp(`server="${other.url}",result="failed"`));
  await reports(good, 3);
  assert.deepEqual([stranger.reports.length, other.reports.length], [0, 0]);
});

test('without the API the last known replicas stay, and the source says why', async (t) => {
  const { api, put, start } = await bed(t);
  const [one, two] = [await receiver(t), await receiver(t)];
  api.misbehave(() => ({ status: 403, body: forbidden('list', 'endpointslices').body }));
  put('r1', portOf(one.url));
  const agent = await start(authority.cert);
  await says(agent, /source_up\{source="apiservers",reason="not_permitted"\} 0/);
  api.misbehave(undefined);
  await says(agent, /source_up\{source="apiservers",reason=""\} 1/);
  await reports(one, 1);
  await api.down();
  await says(agent, /source_up\{source="apiservers",reason="unreachable"\} 0/);
  await reports(one, 3);
  put('r2', portOf(two.url));
  await api.up();
  await reports(two, 1);
});
