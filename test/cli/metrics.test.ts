// podnet metrics against the real server in a small cluster, and real agents: what stands in their pods, without a flag.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Nodeagent } from '../../nodeagent/start.js';
import { run } from '../support/bundle.js';
import { printInto, type Printed } from '../support/print-metrics.js';
import { runApiserver, runNodeagent } from '../support/programs.js';
import { nodeReport } from '../support/reports.js';
import { mountServiceAccount, startServedCluster, type ServedCluster } from '../support/served-cluster.js';

const PODNET = fileURLToPath(new URL('../../cli/podnet.js', import.meta.url));
const READER = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/podnet-metrics';

describe('podnet metrics in the pod of a server', () => {
  let served: ServedCluster;
  let directory: string;
  let env: Record<string, string>;
  let port: string;

  before(async () => {
    served = await startServedCluster();
    const { api } = served.cluster;
    api.put('/apis/rbac.authorization.k8s.io/v1/clusterroles/podnet-metrics-reader', {
      rules: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }],
    });
    directory = await mkdtemp(join(tmpdir(), 'podnet-metrics-'));
    port = String(served.port);
    env = {
      ...(await mountServiceAccount(directory, served, 'podnet-apiserver')),
      PODNET_SECURE_PORT: port,
      PODNET_LISTEN_ADDRESS: '127.0.0.1:1', // where nobody listens
    };
    // The ConfigMap is all that a server may read here.
    api.put('/apis/rbac.authorization.k8s.io/v1/namespaces/podnet-system/roles/ca', {
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['podnet-apiserver-ca'], verbs: ['get'] }],
    });
    api.put('/apis/rbac.authorization.k8s.io/v1/namespaces/podnet-system/rolebindings/ca', {
      roleRef: { kind: 'Role', name: 'ca' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'podnet-system', name: 'podnet-apiserver' }],
    });
    api.put('/api/v1/namespaces/default/pods/web-0', { metadata: { uid: 'uid-web-0' }, spec: { nodeName: 'node-a' } });
    // For a minute nothing is stale.
    for (const second of [1, 2]) await served.push(nodeReport(second * 1_000, { intervalMs: 60_000 }));
  });
  after(async () => {
    await served.close();
    await rm(directory, { recursive: true });
  });

  test('its own account is not for a server that another authority vouches for', async () => {
    const file = join(directory, 'given.crt');
    await writeFile(file, served.ca);
    const { text, problem } = await inPod(['--server', `https://127.0.0.1:${port}`, '--server-ca-file', file]);
    assert.deepEqual(
      [text, problem],
      ['', '--server with --server-ca-file (or its variable): which token to show is not known: give --token-file'],
    );
  });

  const inPod = (argv: readonly string[] = [], more: Record<string, string> = {}): Promise<Printed> =>
    printInto(argv, { env: { ...env, ...more }, serviceAccountDirectory: directory });

  test('a service account without the right is told which', async () => {
    const other = await mkdtemp(join(tmpdir(), 'podnet-other-'));
    await mountServiceAccount(other, served, 'podnet-nodeagent');
    const { text, problem } = await inPod(['--token-file', join(other, 'token')]);
    await rm(other, { recursive: true });
    assert.equal(text, '');
    assert.match(problem, /^https:\/\/127\.0\.0\.1:\d+\/metrics: HTTP 403 .*podnet-nodeagent.*podnet-metrics-reader/);
  });

  describe('with the right', () => {
    before(() => {
      served.cluster.api.put(READER, {
        roleRef: { kind: 'ClusterRole', name: 'podnet-metrics-reader' },
        subjects: [{ kind: 'ServiceAccount', namespace: 'podnet-system', name: 'podnet-apiserver' }],
      });
    });

    test('it needs no flag and prints all that a scrape has', async () => {
      const token = await served.token('podnet-apiserver');
      const flags = ['--server', `https://127.0.0.1:${port}`, '--server-ca-file', join(directory, 'podnet.crt')];
      await writeFile(join(directory, 'podnet.crt'), served.ca);
      await writeFile(join(directory, 'other-token'), token);
      const { text, problem } = await inPod();
      assert.equal(problem, '');
      const asked = await printInto([...flags, '--token-file', join(directory, 'other-token')]);
      assert.deepEqual([namesIn(text), asked.problem], [namesIn(asked.text), '']);
      assert.ok(namesIn(text).has('podnet_interface_receive_bytes_total'));
      assert.ok(namesIn(text).has('podnet_apiserver_build_info'));
    });

    test("whoever listens on the node at an agent's usual port is not taken for one", async () => {
      const foreign = createServer((_, response) => response.end('foreign 1\n'));
      foreign.listen(9808, '127.0.0.1');
      // taken: so much the better
      await Promise.race([once(foreign, 'listening'), once(foreign, 'error')]).catch(() => undefined);
      try {
        const { text, problem } = await inPod(['--own-only'], { PODNET_LISTEN_ADDRESS: '' });
        assert.equal(problem, '');
        assert.ok(namesIn(text).has('podnet_apiserver_build_info'));
      } finally {
        foreign.close();
      }
    });

    test('flags choose as the parameters of a scrape do', async () => {
      const family = await inPod(['--family', 'podnet_interface_receive_bytes_total', '--namespace', 'default']);
      assert.deepEqual([...namesIn(family.text)], ['podnet_interface_receive_bytes_total'], family.problem);
      const own = await inPod(['--own-only']);
      assert.ok(
        [...namesIn(own.text)].every((name) => name.startsWith('podnet_apiserver_')),
        own.problem,
      );
      const elsewhere = await inPod(['--node', 'node-z']);
      assert.ok(!namesIn(elsewhere.text).has('podnet_interface_receive_bytes_total'));
      const openmetrics = await inPod(['--format', 'openmetrics', '--own-only']);
      assert.match(openmetrics.text, /# EOF\n$/);
      const wrong = await inPod(['--shard', '3/2']);
      assert.match(wrong.problem, /HTTP 400 shard: must be i\/n/);
    });

    test('what the server does not prove itself by is not asked', async () => {
      const service = await inPod(['--service', 'podnet-system/other']);
      assert.match(
        service.problem,
        /ConfigMap podnet-system\/other-ca cannot be read.*give --server-ca-file, or --service/,
      );
      const file = join(directory, 'cluster.crt');
      await writeFile(file, served.cluster.api.ca);
      const before = served.cluster.api.requests.length;
      const stranger = await inPod(['--server-ca-file', file]);
      assert.match(stranger.problem, /its certificate cannot be verified: .*give --server-ca-file/);
      const renamed = await inPod(['--service', 'shop/web', '--server-ca-file', join(directory, 'podnet.crt')]);
      assert.match(renamed.problem, /its certificate is for another name: .*give --service/);
      const reviews = served.cluster.api.requests.slice(before).filter(({ path }) => path.includes('tokenreviews'));
      assert.deepEqual(reviews, [], 'the token has not left');
    });
  });

  test('a token that nobody knows is a 401 with the way out', async () => {
    const file = join(directory, 'unknown');
    await writeFile(file, 'e30.e30.c2ln\n');
    const { problem } = await inPod(['--token-file', file]);
    assert.match(problem, /HTTP 401 .*give --token-file with a token of this cluster/);
    await writeFile(file, 'two words\n');
    assert.match((await inPod(['--token-file', file])).problem, /--token-file .*does not hold a token/);
    assert.match(
      (await inPod(['--token-file', '/nowhere/token'])).problem,
      /--token-file \/nowhere\/token: cannot be read/,
    );
  });

  test('in the pod of nothing that listens it says where it looked', async () => {
    const { problem } = await inPod([], { PODNET_SECURE_PORT: '2' });
    assert.equal(
      problem,
      'nothing listens here on 127.0.0.1:1, 127.0.0.1:2: give --server with the URL of a server or an agent',
    );
    assert.match((await inPod([], { PODNET_SECURE_PORT: 'x' })).problem, /^PODNET_SECURE_PORT: must be a port/);
  });
});

describe('podnet metrics in the pod of an agent', () => {
  let agent: Nodeagent;
  let env: Record<string, string>;

  before(async () => {
    const server = await runApiserver();
    agent = await runNodeagent(server, ['--pod-source', 'none']);
    await server.close();
    // What the container has in its environment for the agent must not lead elsewhere.
    env = { PODNET_LISTEN_ADDRESS: new URL(agent.url).host, PODNET_SERVER: server.url, PODNET_TOKEN_FILE: '/token' };
  });
  after(() => agent.close());

  test('it needs no flag, no token and no server', async () => {
    const { text, problem } = await printInto([], { env });
    assert.equal(problem, '');
    assert.match(text, /^podnet_nodeagent_build_info\{/m);
  });

  test('from the pod of a server an agent is asked, whatever authority stands in its environment', async () => {
    const ofServer = { PODNET_METRICS_SERVER_CA_FILE: '/nowhere/ca.crt' };
    const { text, problem } = await printInto(['--server', agent.url], { env: ofServer });
    assert.equal(problem, '');
    assert.match(text, /^podnet_nodeagent_build_info\{/m);
  });

  test('an agent cannot choose, and says so', async () => {
    assert.match(
      (await printInto(['--family', 'x'], { env })).problem,
      /only a server can choose by family: give --server/,
    );
    const refused = await printInto(['--server', agent.url, '--node', 'a'], { env });
    assert.match(refused.problem, /--server: an agent shows all it has, it cannot choose by node/);
  });

  test('the program prints it and ends with 0, with 1 where there is nothing, with 2 for a wrong flag', async () => {
    const podnet = (args: readonly string[], more: Record<string, string> = env) =>
      run(process.execPath, [PODNET, 'metrics', ...args], { env: more });
    const good = podnet([]);
    assert.equal(await good.ended, 0, good.error());
    assert.match(good.out(), /^podnet_nodeagent_build_info\{/m);
    const none = podnet(['--server', 'http://127.0.0.1:1']);
    assert.equal(await none.ended, 1);
    assert.match(none.error(), /^podnet metrics: http:\/\/127\.0\.0\.1:1\/metrics: .*ECONNREFUSED.*\n$/);
    for (const wrong of [
      ['--server', 'ftp://a'],
      ['--server', agent.url, '--token-file', '/token'],
      ['--timeout', '5'],
    ]) {
      const refused = podnet(wrong);
      assert.equal(await refused.ended, 2, refused.error());
      assert.match(refused.error(), /^podnet metrics: --(server|token-file|timeout): /);
    }
    const version = podnet(['--version']);
    assert.equal(await version.ended, 0);
    assert.match(version.out(), /^\d+\.\d+\.\d+\n$/);
  });
});

describe('podnet metrics against what is no server', () => {
  const servers: Server[] = [];
  after(() => servers.forEach((server) => server.close().closeAllConnections()));

  async function serve(listener: Parameters<typeof createServer>[1]): Promise<string> {
    const server = createServer(listener ?? (() => undefined)).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('an answer that is no metrics, or breaks off, is not taken for a whole one', async () => {
    const page = await serve((_, response) => response.setHeader('content-type', 'text/html').end('<html>'));
    assert.match((await printInto(['--server', page])).problem, /the answer is no metrics but "text\/html"/);
    const half = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '1000' }).write('podnet_a 1\n');
      setTimeout(() => response.destroy(), 50);
    });
    const broken = await printInto(['--server', half]);
    assert.equal(broken.text, 'podnet_a 1\n');
    assert.match(broken.problem, /what was printed, 11 bytes, is a part of it$/);
    const zipped = gzipSync('podnet_b 1\n'.repeat(1_000));
    const cut = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(zipped.subarray(0, -8)),
    );
    assert.match((await printInto(['--server', cut])).problem, /unexpected end of file/);
  });

  test('one that is silent, or stops in the middle, is waited for as long as is said', async () => {
    const silent = await serve(() => undefined);
    assert.match((await printInto(['--server', silent, '--timeout', '200ms'])).problem, /no answer within 200 ms/);
    const stuck = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/plain' }).write('podnet_a 1\n'),
    );
    const { problem } = await printInto(['--server', stuck, '--timeout', '200ms']);
    assert.match(problem, /nothing came for 200 ms; what was printed, 11 bytes, is a part of it/);
  });

  test('whoever reads slowly is waited for, and whoever goes away has had enough', async () => {
    const whole = 'podnet_a 1\n'.repeat(50_000);
    const url = await serve((_, response) => response.setHeader('content-type', 'text/plain').end(whole));
    let length = 0;
    const slow = async (bytes: Uint8Array): Promise<boolean> => {
      length += bytes.length;
      await new Promise((resolve) => setTimeout(resolve, 150));
      return true;
    };
    assert.equal((await printInto(['--server', url, '--timeout', '100ms'], { write: slow })).problem, '');
    assert.equal(length, whole.length);
    const reader = run('head', ['-c', '1'], {});
    const program = run(process.execPath, [PODNET, 'metrics', '--server', url], {});
    program.child.stdout.pipe(reader.child.stdin);
    reader.child.stdin.on('error', () => program.child.stdout.destroy());
    await reader.ended;
    program.child.stdout.destroy();
    assert.equal(await program.ended, 0, program.error());
  });

  test('a busy server says when to come again', async () => {
    const busy = await serve((_, response) =>
      response
        .writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' })
        .end(JSON.stringify({ kind: 'Status', message: '64 scrapes are under way' })),
    );
    assert.match((await printInto(['--server', busy])).problem, /HTTP 429 64 scrapes are under way: try again in 7 s/);
  });

  test('a pod without a service account is told so', async () => {
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' };
    const { problem } = await printInto(['--server', 'https://127.0.0.1:1'], { env });
    assert.match(problem, /cannot read the service account of this pod: .*ENOENT/);
  });
});

function namesIn(text: string): Set<string> {
  return new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name));
}
