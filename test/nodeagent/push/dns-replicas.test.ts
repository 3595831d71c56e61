// The replicas of the apiserver by a real DNS server, and real apiservers behind it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { nodeagentProgram } from '../../../nodeagent/options.js';
import { DnsReplicas } from '../../../nodeagent/push/dns-replicas.js';
import type { Replicas } from '../../../nodeagent/push/replicas.js';
import { startNodeagent } from '../../../nodeagent/start.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { freeDnsPort, startDnsServer, type DnsServer } from '../../support/dns-server.js';
import { sourceStates } from '../../support/followed-peers.js';
import { eventually, runApiserver } from '../../support/programs.js';
import { missing } from '../../support/requirements.js';

const NAME = 'replicas.podnet.test';
const SERVICE = { namespace: 'podnet-system', name: 'podnet-apiserver' };
const PATIENCE_MS = 30_000;
const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });
const skip = missing('dnsmasq');

/** Of one replica: its record, and that of its host. */
function records(host: string, port: number, ...addresses: string[]): string[] {
  const target = `${host}.${NAME}`;
  return [`--srv-host=_https._tcp.${NAME},${target},${port}`, `--host-record=${target},${addresses.join(',')}`];
}

async function dnsServer(t: TestContext, ...flags: string[]) {
  const known = [...flags];
  const server = await startDnsServer({ address: '127.0.0.1', port: await freeDnsPort('127.0.0.1'), flags: known });
  t.after(() => server.stop());
  const serve = async (...others: string[]): Promise<void> => {
    await server.stop();
    known.splice(0, Infinity, ...others);
    await server.start();
  };
  return { server, serve, nameservers: [`${server.address}:${server.port}`] };
}

function follow(t: TestContext, { address, port }: DnsServer) {
  const { states, shown } = sourceStates(log);
  const told: Replicas[] = [];
  const replicas = new DnsReplicas({
    ...{
      name: NAME,
      service: SERVICE,
      states,
      nameservers: [`${address}:${port}`],
      askEveryMs: 50,
      random: Math.random,
    },
    onChange: (found) => told.push(found),
  });
  replicas.start();
  t.after(() => replicas.close());
  const becomes = async (servers: string, state: string): Promise<void> => {
    await eventually(
      async () =>
        `${
          told
            .at(-1)
            ?.targets.map(({ server }) => server)
            .join(' ') ?? 'unknown'
        }; ${await shown()}`,
      (seen) => seen === `${servers}; ${state}`,
      PATIENCE_MS,
    );
  };
  return { told, becomes };
}

test('real replicas are found by DNS and fed, with no Kubernetes API', { skip }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-dns-replicas-'));
  t.after(() => rm(directory, { recursive: true }));
  const { cert, key } = await createSelfSignedCertificate(['podnet-apiserver.podnet-system.svc'], Date.now());
  const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  const run = () => runApiserver(['--tls-cert-file', certFile, '--tls-private-key-file', keyFile]);
  const servers = [await run(), await run()];
  t.after(() => Promise.all(servers.map((server) => server.close())));
  const flags = servers.flatMap(({ url }, i) => records(`r${i}`, Number(new URL(url).port), '127.0.0.1'));
  const { nameservers } = await dnsServer(t, ...flags);
  const argv = ['--service', 'podnet-system/podnet-apiserver', '--service-dns-name', NAME, '--pod-source', 'netns'];
  argv.push('--interval', '200ms', '--listen-address', '127.0.0.1:0', '--token-file', '/nonexistent/token');
  const invocation = parseOptions(nodeagentProgram('0.0.0', 'test-node'), argv, {});
  assert.ok(invocation.kind === 'run');
  const deps = { clock: systemClock, log, version: '0.0.0', env: {}, serverCa: cert, nameservers };
  const agent = await startNodeagent(invocation.options, deps);
  t.after(() => agent.close());
  for (const { url } of servers) {
    const { port } = new URL(url);
    await eventually(
      async () => (await (await fetch(`${agent.url}/metrics`)).text()).split('\n'),
      (lines) => lines.some((line) => line.includes(`127.0.0.1:${port}",result="ok"`)),
      PATIENCE_MS,
    );
  }
  const text = await (await fetch(`${agent.url}/metrics`)).text();
  assert.match(text, /podnet_nodeagent_source_up\{source="apiservers",reason=""\} 1/);
  assert.match(text, /podnet_nodeagent_apiservers\{state="pushed_to"\} 2/);
  assert.match(text, /podnet_nodeagent_apiservers\{state="left_out"\} 0/);
});

test('what DNS says is followed, and without it the last known stay', { skip }, async (t) => {
  const { server, serve } = await dnsServer(t);
  const { told, becomes } = follow(t, server);
  await becomes('', 'apiservers 0 not_found');
  const [one, two] = [records('a', 6443, '192.0.2.1'), records('b', 6444, '192.0.2.2')];
  await serve(...one, ...two);
  await becomes('https://192.0.2.1:6443 https://192.0.2.2:6444', 'apiservers 1');
  assert.equal(told.at(-1)?.targets[0]?.certifiedName, 'podnet-apiserver.podnet-system.svc');
  await server.stop();
  await becomes('https://192.0.2.1:6443 https://192.0.2.2:6444', 'apiservers 0 unreachable');
  const before = told.length;
  await serve(...two);
  await becomes('https://192.0.2.2:6444', 'apiservers 1');
  // one answer that lacks it, and it stays: it is the second that makes it go
  assert.equal(told[before]?.targets.length, 2);
  assert.equal(told[before + 1]?.targets.length, 1);
  await serve();
  await becomes('', 'apiservers 0 not_found');
});

test('a replica with an address of each family is pushed to by IPv4, and one of IPv6 by that', { skip }, async (t) => {
  const { server, serve } = await dnsServer(
    t,
    ...records('a', 6443, '192.0.2.1', '2001:db8::1'),
    ...records('six', 6443, '2001:db8::1'),
  );
  const { becomes } = follow(t, server);
  await becomes('https://192.0.2.1:6443', 'apiservers 1');
  await serve(...records('six', 6443, '2001:db8::1'));
  await becomes('https://[2001:db8::1]:6443', 'apiservers 1');
});

test('an answer too long for UDP comes over TCP, and no more than 32 are pushed to', { skip }, async (t) => {
  const many = Array.from({ length: 40 }, (_, i) => records(`a-replica-of-the-apiserver-${i}`, 6443, `192.0.2.${i}`));
  const { server } = await dnsServer(t, ...many.flat());
  const { told } = follow(t, server);
  await eventually(
    () => told.at(-1),
    (found) => found !== undefined,
    PATIENCE_MS,
  );
  assert.deepEqual([told.at(-1)?.targets.length, told.at(-1)?.tooMany], [32, 8]);
});
