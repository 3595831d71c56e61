// In a pod the agent has files of a service account, which a kubelet replaces; out of a cluster it has a kubeconfig.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startListedPods } from '../../../nodeagent/inventory/start-listed-pods.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { createKubeApi } from '../../support/kube-api.js';
import { listedPod, NODE, PODS } from '../../support/listed-pods.js';
import { eventually } from '../../support/programs.js';

const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });
const deps = { clock: systemClock, log, version: '0.0.0', env: {} };

test('in a pod its service account is used, also after its token changed', async (t) => {
  const api = await createKubeApi();
  const directory = await mkdtemp(join(tmpdir(), 'podnet-pods-sa-'));
  t.after(async () => {
    await api.close();
    await rm(directory, { recursive: true });
  });
  for (const [name, text] of [
    ['token', api.token],
    ['ca.crt', api.ca],
    ['namespace', 'podnet'],
  ] as const) {
    await writeFile(join(directory, name), text);
  }
  api.put(`${PODS}/a`, listedPod('u1'));
  const { hostname, port } = new URL(api.url);
  const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const { pods, close } = await startListedPods(
    { kubeconfig: undefined, nodeName: NODE },
    { ...deps, env, serviceAccountDirectory: directory },
  );
  t.after(close);
  await eventually(
    () => [...pods.pods()].length,
    (count) => count === 1,
  );
  assert.equal(api.requests[0]?.headers['user-agent'], 'podnet-nodeagent/0.0.0');
  api.token = 'the-next-token';
  await writeFile(join(directory, 'token'), api.token);
  api.dropWatches();
  api.put(`${PODS}/b`, listedPod('u2'));
  await eventually(
    () => [...pods.pods()].length,
    (count) => count === 2,
  );
});

test('out of a cluster a kubeconfig says where the API is', async (t) => {
  const api = await createKubeApi();
  t.after(() => api.close());
  api.put(`${PODS}/a`, listedPod('u1'));
  const kubeconfig = await api.kubeconfig();
  const { pods, close } = await startListedPods({ kubeconfig, nodeName: NODE }, deps);
  await eventually(
    () => [...pods.pods()].length,
    (count) => count === 1,
  );
  await close();
  await eventually(
    () => api.openWatches,
    (open) => open === 0,
  );
});

test('without either the agent is told what to give it', async () => {
  await assert.rejects(startListedPods({ kubeconfig: undefined, nodeName: NODE }, deps), {
    code: 'PODNET_START',
    message: /give --kubeconfig, or --pod-source netns$/,
  });
});
