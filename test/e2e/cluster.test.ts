// What `npm run test:e2e` does, against a small cluster that the test plays: its requests and its assertions, not Kubernetes.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseOptions } from '../../runtime/options/parse.js';
import { RUN_LABEL } from '../cluster/names.js';
import { clusterTestProgram } from '../cluster/options.js';
import { EXIT, runClusterTest, type RunDeps } from '../cluster/run.js';
import { run as start } from '../support/bundle.js';
import { createKubeApi } from '../support/kube-api.js';
import { startKubeCluster, type KubeCluster } from '../support/kube-cluster.js';
import { createShiftedClock } from '../support/programs.js';
import { whyMissing } from '../support/requirements.js';

const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const EXEC = 'client.authentication.k8s.io/v1';
const FAST = ['--hold', '500ms', '--push-interval', '100ms', '--window', '500ms'];
/** More than the server finds stale. */
const SILENCE_MS = 20_000;

/** Until 1.28 kubectl explains from protobuf alone, which a kube-apiserver makes of our document, and the small cluster does not. */
async function explainsFromJson(): Promise<boolean> {
  if (whyMissing('kubectl') !== false) return false;
  const client = start('kubectl', ['version', '--client', '--output', 'json']);
  await client.ended;
  return Number(/"minor": *"(\d+)/.exec(client.out())?.[1] ?? 0) >= 28;
}

describe('npm run test:e2e', () => {
  let cluster: KubeCluster;
  before(async () => {
    cluster = await startKubeCluster();
  });
  after(() => cluster.close());

  async function run(
    flags: readonly string[],
    overrides: Partial<RunDeps> = {},
  ): Promise<{ code: number; out: string }> {
    const timeout = flags.includes('--timeout') ? [] : ['--timeout', '10s'];
    const invocation = parseOptions(clusterTestProgram, [...FAST, ...timeout, ...flags], {});
    if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
    const clock = createShiftedClock();
    let out = '';
    const code = await runClusterTest(invocation.options, {
      ...{ clock, env: { KUBECONFIG: cluster.kubeconfig }, stop: new AbortController().signal },
      ...{ pollMs: 50, scheduledWithinMs: 300 },
      write: (text) => (out += text),
      onSilence: () => (clock.shiftMs += SILENCE_MS),
      ...overrides,
    });
    return { code, out };
  }

  /** Paths of what bears the label of a run. */
  function left(): string[] {
    return [...cluster.api.objects]
      .filter(([, { metadata }]) => JSON.stringify(metadata['labels'] ?? {}).includes(RUN_LABEL))
      .map(([path]) => path);
  }

  test('every assertion holds, and nothing is left', async () => {
    const { code, out } = await run((await explainsFromJson()) ? [] : ['--skip', 'explain']);
    assert.equal(code, EXIT.ok, out);
    assert.match(out, /^ok {4}HPA of kind External scales to 5$/m);
    assert.match(out, /^\d\d ok, 0 failed, \d skipped$/m);
    assert.deepEqual(left(), []);
  });

  test('an APIService of somebody else is left alone, and what needs it', async (t) => {
    const path = `${API_SERVICES}/v1beta1.external.metrics.k8s.io`;
    const service = { namespace: 'keda', name: 'keda-operator' };
    const { metadata } = cluster.api.put(path, {
      spec: { group: 'external.metrics.k8s.io', version: 'v1beta1', service },
      status: { conditions: [{ type: 'Available', status: 'True' }] },
    });
    t.after(() => cluster.api.remove(path));
    const { code, out } = await run(['--skip', 'HPA', '--skip', 'kubectl', '--skip', 'pods that scaling made']);
    assert.equal(code, EXIT.ok, out);
    assert.match(out, /^skip {2}HPA of kind External: APIService \S+ belongs to Service keda\/keda-operator$/m);
    assert.match(out, /^ok {4}the metric of a Service adds up its pods$/m);
    assert.equal(cluster.api.objects.get(path)?.metadata.resourceVersion, metadata.resourceVersion);
  });

  test('what is never true fails with what was seen, and is cleaned up', async () => {
    const { code, out } = await run(['--timeout', '3s', '--address', 'localhost', '--kubelet', 'real', '--image', 'x']);
    assert.equal(code, EXIT.failed);
    assert.match(out, /^FAIL {2}the pods of the Deployments run: .*: not within 3 s; last seen: 0 of 3 run/m);
    assert.match(out, /last lines of the apiserver's log:\n.*following the cluster/s);
    assert.deepEqual(left(), []);
  });

  test('an interrupted run cleans up', async () => {
    const stop = new AbortController();
    let seen = '';
    const { code, out } = await run([], {
      stop: stop.signal,
      write: (text) => {
        seen += text;
        if (text.includes('reports of the pods are accepted')) stop.abort();
      },
    });
    assert.deepEqual([code, out], [EXIT.failed, '']);
    assert.match(seen, /^interrupted: cleaning up\nok {4}everything that the run created is deleted$/m);
    assert.doesNotMatch(seen, /FAIL/);
    assert.deepEqual(left(), []);
  });

  test('what a run has left behind is deleted later', async () => {
    const { out } = await run(['--keep', '--kubelet', 'real']);
    assert.match(out, /^FAIL {2}.*: no node lists a pause image: give --image/m);
    assert.match(out, /--cleanup-only$/m);
    assert.notDeepEqual(left(), []);
    assert.deepEqual(
      left().filter((path) => path.startsWith(API_SERVICES)),
      [],
    );
    const later = await run(['--cleanup-only']);
    assert.deepEqual([later.code, left()], [EXIT.ok, []], later.out);
  });

  test('a Node that nothing runs on does not count as a kubelet', async (t) => {
    const path = '/api/v1/nodes/stale';
    const here = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    const own = here.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
    const addresses = [{ type: 'InternalIP', address: own ?? '127.0.0.1' }];
    const images = [{ names: ['example/app:1'] }, { names: ['example/pause@sha256:0', 'example/pause:3.9'] }];
    cluster.api.put(path, { status: { addresses, images, conditions: [{ type: 'Ready', status: 'True' }] } });
    t.after(() => cluster.api.remove(path));
    const { code, out } = await run([
      ...['--expose', 'endpoint-slice', ...(own === undefined ? ['--address', '127.0.0.1'] : [])],
      ...['--skip', 'HPA', '--skip', 'kubectl', '--skip', 'pods that scaling made'],
    ]);
    assert.equal(code, EXIT.ok, out);
    assert.ok(out.includes(`reach this machine at ${own ?? '127.0.0.1'}, port `), out);
    assert.match(out, /\(endpoint-slice\)$/m);
    assert.match(out, /kubelets are played\nok {4}the pods of the Deployments run/);
    const created = cluster.api.requests.filter(({ method, path: one }) => method === 'POST' && one.endsWith('/pods'));
    assert.match(JSON.stringify(created.at(-1)?.body), /"image":"example\/pause:3\.9"/);
  });

  for (const [what, env, said] of [
    [
      'no kubeconfig',
      { HOME: '/nonexistent' },
      /there is no cluster: \/nonexistent\/\.kube\/config cannot be read; set KUB/,
    ],
    [
      'a kubeconfig that is not there',
      { KUBECONFIG: '/nonexistent/config' },
      /\/nonexistent\/config cannot be read; set KUB/,
    ],
  ] as const) {
    test(`${what} is told in one line, with a code of its own`, async () => {
      const { code, out } = await run([], { env });
      assert.equal(code, EXIT.noCluster);
      assert.match(out, said);
      assert.match(out, /^test:e2e: .*\n$/);
    });
  }

  test('credentials of a command of the kubeconfig are used', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-exec-'));
    t.after(() => rm(directory, { recursive: true }));
    const credential = { apiVersion: EXEC, kind: 'ExecCredential', status: { token: cluster.api.token } };
    await writeFile(join(directory, 'credential'), JSON.stringify(credential));
    const exec = { apiVersion: EXEC, command: 'cat', args: [join(directory, 'credential')], interactiveMode: 'Never' };
    const document = JSON.parse(await readFile(cluster.kubeconfig, 'utf8')) as object;
    const kubeconfig = join(directory, 'config');
    await writeFile(kubeconfig, JSON.stringify({ ...document, users: [{ name: 'test', user: { exec } }] }));
    const { code, out } = await run(['--kubeconfig', kubeconfig, '--cleanup-only']);
    assert.equal(code, EXIT.ok, out);
    assert.match(out, /nothing of any run is left\n$/);
  });

  test('a cluster that does not answer is told in one line', async (t) => {
    const gone = await createKubeApi();
    t.after(() => gone.close());
    const kubeconfig = await gone.kubeconfig();
    await gone.down();
    const { code, out } = await run(['--kubeconfig', kubeconfig]);
    assert.equal(code, EXIT.noCluster);
    assert.match(
      out,
      /^test:e2e: there is no cluster at https:\S+ \(context test\): GET \/version: .*ECONNREFUSED.*\n$/,
    );
  });
});
