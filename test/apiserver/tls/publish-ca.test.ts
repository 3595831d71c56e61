// One replica writes the authority to objects of a Kubernetes API over TLS.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Registry } from 'prom-client';
import { createTlsMetrics } from '../../../apiserver/tls/metrics.js';
import { startCaPublisher } from '../../../apiserver/tls/publish-ca.js';
import { createLogger } from '../../../runtime/logger.js';
import { CA_CONFIG_MAP, putEmptyAuthority } from '../../support/empty-authority.js';
import { createKubeApi, type KubeApiServer } from '../../support/kube-api.js';
import { connectKubeClient } from '../../support/kube-client.js';
import { eventually } from '../../support/programs.js';

const SERVICE = { namespace: 'podnet-system', name: 'podnet-apiserver' };
const NAMES = ['v1beta2.custom.metrics.k8s.io', 'v1beta1.external.metrics.k8s.io'] as const;
const CUSTOM = `/apis/apiregistration.k8s.io/v1/apiservices/${NAMES[0]}`;
const EXTERNAL = `/apis/apiregistration.k8s.io/v1/apiservices/${NAMES[1]}`;
const cleanUp: (() => Promise<void> | void)[] = [];

interface Publishing {
  readonly api: KubeApiServer;
  readonly logged: string[];
  isHolder: boolean;
  isReady: boolean;
  bundle: string;
  /** As after a change of the Lease or of the certificate; resolves when every object was looked at. */
  again(): Promise<void>;
  counted(): Promise<Record<string, number>>;
}

async function startPublishing(api: KubeApiServer, isHolder = true): Promise<Publishing> {
  const logged: string[] = [];
  const registry = new Registry();
  const metrics = createTlsMetrics(registry);
  const listeners: (() => void)[] = [];
  const client = await connectKubeClient(api);
  const total = async (): Promise<number> =>
    (await metrics.publications.get()).values.reduce((sum, { value }) => sum + value, 0);
  const publishing: Publishing = {
    ...{ api, logged, isHolder, isReady: true, bundle: 'first' },
    again: async () => {
      const before = await total();
      for (const listener of listeners) listener();
      await eventually(total, (now) => now >= before + NAMES.length + 1);
    },
    counted: async () =>
      Object.fromEntries(
        (await metrics.publications.get()).values.map(({ labels, value }) => [
          `${String(labels.object)} ${String(labels.result)}`,
          value,
        ]),
      ),
  };
  const publisher = startCaPublisher(
    { service: SERVICE, apiServices: NAMES },
    {
      api: client,
      log: createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) }),
      metrics,
      lease: {
        get isHolder() {
          return publishing.isHolder;
        },
        onChange: (listener) => void listeners.push(listener),
      },
      certificate: {
        caBundle: () => publishing.bundle,
        isReady: () => publishing.isReady,
        onChange: () => undefined,
      },
    },
  );
  cleanUp.unshift(async () => {
    await publisher.close();
    client.close();
  });
  if (isHolder) await eventually(total, (now) => now >= NAMES.length + 1);
  return publishing;
}

async function startApi(...owners: readonly (object | null)[]): Promise<KubeApiServer> {
  const api = await createKubeApi();
  cleanUp.push(() => api.close());
  putEmptyAuthority(api);
  for (const [index, path] of [CUSTOM, EXTERNAL].entries()) {
    const spec = owners[index];
    if (spec !== undefined && spec !== null) api.put(path, { spec: { groupPriorityMinimum: 100, ...spec } });
  }
  return api;
}

const specOf = (api: KubeApiServer, path: string) => api.objects.get(path)?.['spec'] as Record<string, unknown>;
const encoded = (text: string): string => Buffer.from(text).toString('base64');
const writes = (api: KubeApiServer): number => api.requests.filter(({ method }) => method !== 'GET').length;

afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

test('our APIServices and the ConfigMap get the bundle, and each new one', async () => {
  const api = await startApi({ service: SERVICE }, { service: { ...SERVICE, port: 443 }, caBundle: 'b2xk' });
  const publishing = await startPublishing(api);
  for (const bundle of ['first', 'second']) {
    publishing.bundle = bundle;
    await publishing.again();
    assert.deepEqual(specOf(api, CUSTOM), { groupPriorityMinimum: 100, service: SERVICE, caBundle: encoded(bundle) });
    assert.equal(specOf(api, EXTERNAL)['caBundle'], encoded(bundle));
    assert.deepEqual(api.objects.get(CA_CONFIG_MAP)?.['data'], { 'ca.crt': bundle });
  }
});

test('what is as it is to be is not written again', async () => {
  const api = await startApi({ service: SERVICE }, { service: SERVICE });
  const publishing = await startPublishing(api);
  const before = writes(api);
  await publishing.again();
  assert.deepEqual([before, writes(api)], [3, 3]);
});

test('an APIService of somebody else is never touched, and told once', async () => {
  const theirs = { service: { namespace: 'monitoring', name: 'prometheus-adapter' }, insecureSkipTLSVerify: true };
  const api = await startApi(theirs, {});
  const publishing = await startPublishing(api);
  await publishing.again();
  assert.deepEqual(specOf(api, CUSTOM), { groupPriorityMinimum: 100, ...theirs });
  assert.deepEqual(specOf(api, EXTERNAL), { groupPriorityMinimum: 100 });
  const lines = publishing.logged.filter((line) => line.includes('not written'));
  assert.equal(lines.length, 2);
  assert.match(
    lines.join(''),
    /belongs to Service monitoring\/prometheus-adapter, not to podnet-system\/podnet-apiserver/,
  );
  assert.match(lines.join(''), /belongs to kube-apiserver itself/);
  assert.equal((await publishing.counted())[`APIService ${NAMES[0]} foreign`], 2);
});

test('an APIService that is not there is not made, and told once', async () => {
  const api = await startApi({ service: SERVICE }, null);
  const publishing = await startPublishing(api);
  await publishing.again();
  assert.equal(api.objects.has(EXTERNAL), false);
  assert.equal(publishing.logged.filter((line) => line.includes('there is none')).length, 1);
});

test('a ConfigMap that is not there is not made, told once with the way out, and written when it comes', async () => {
  const api = await startApi({ service: SERVICE }, { service: SERVICE });
  api.remove(CA_CONFIG_MAP);
  const publishing = await startPublishing(api);
  await publishing.again();
  assert.equal(api.objects.has(CA_CONFIG_MAP), false);
  const lines = publishing.logged.filter((line) => line.includes('there is none'));
  assert.equal(lines.length, 1);
  assert.match(lines.join(''), /ConfigMap podnet-system\/podnet-apiserver-ca.*apply the manifests again/);
  assert.equal((await publishing.counted())['ConfigMap podnet-system/podnet-apiserver-ca absent'], 2);
  putEmptyAuthority(api);
  await publishing.again();
  assert.deepEqual(api.objects.get(CA_CONFIG_MAP)?.['data'], { 'ca.crt': 'first' });
});

test('insecureSkipTLSVerify gives way to the bundle in one write', async () => {
  const api = await startApi({ service: SERVICE, insecureSkipTLSVerify: true }, null);
  const publishing = await startPublishing(api);
  const spec = specOf(api, CUSTOM);
  assert.deepEqual([spec['caBundle'], 'insecureSkipTLSVerify' in spec], [encoded('first'), false]);
  assert.equal(api.requests.filter(({ method, path }) => method === 'PATCH' && path === CUSTOM).length, 1);
  assert.match(publishing.logged.join(''), /insecureSkipTLSVerify removed/);
});

test('a change of somebody else meanwhile is not overwritten', async () => {
  const api = await startApi({ service: SERVICE }, { service: SERVICE });
  const taken = { service: { namespace: 'keda', name: 'keda-metrics' } };
  api.misbehave(({ method, path }) => {
    if (method === 'PATCH' && path === CUSTOM) api.put(CUSTOM, { spec: taken });
    if (method === 'PATCH' && path === EXTERNAL && specOf(api, EXTERNAL)['versionPriority'] === undefined) {
      api.put(EXTERNAL, { spec: { service: SERVICE, versionPriority: 7 } });
    }
    return undefined;
  });
  const publishing = await startPublishing(api);
  assert.deepEqual(specOf(api, CUSTOM), taken);
  assert.deepEqual(specOf(api, EXTERNAL), { service: SERVICE, versionPriority: 7, caBundle: encoded('first') });
  assert.equal((await publishing.counted())[`APIService ${NAMES[0]} foreign`], 1);
});

test('whoever does not hold the lease, or has no authority, writes nothing', async () => {
  const api = await startApi({ service: SERVICE }, { service: SERVICE });
  const publishing = await startPublishing(api, false);
  publishing.isHolder = true;
  publishing.isReady = false;
  assert.equal(api.requests.length, 0);
  publishing.isReady = true;
  await publishing.again();
  assert.equal(writes(api), 3);
});

test('the lease that is lost between look and write stops the write', async () => {
  const api = await startApi({ service: SERVICE }, { service: SERVICE });
  const publishing = await startPublishing(api, false);
  api.misbehave(() => {
    publishing.isHolder = false;
    return undefined;
  });
  publishing.isHolder = true;
  await publishing.again();
  assert.equal(writes(api), 0);
});

test('an object that cannot be written holds up no other', async () => {
  const api = await startApi({ service: SERVICE }, { service: SERVICE });
  const forbidden = { status: 403, body: { kind: 'Status', code: 403, reason: 'Forbidden', message: 'RBAC: no' } };
  api.misbehave(({ method, path }) => (method === 'PATCH' && path === CUSTOM ? forbidden : undefined));
  const publishing = await startPublishing(api);
  await publishing.again();
  assert.equal(specOf(api, EXTERNAL)['caBundle'], encoded('first'));
  assert.equal(publishing.logged.filter((line) => line.includes('RBAC: no')).length, 1);
  api.misbehave(undefined);
  await publishing.again();
  assert.equal(specOf(api, CUSTOM)['caBundle'], encoded('first'));
});
