// The chart against a cluster: helm installs, upgrades and uninstalls it for good, and what it finds there decides whether it does.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { nameOf, textAt } from '../cluster/json.js';
import { run } from '../support/bundle.js';
import { endAll, fingerprintsIn, publish, startReplica } from '../support/ca-replicas.js';
import { CA_CONFIG_MAP, CA_SECRET } from '../support/empty-authority.js';
import { CHART, helm, renderChart, templateChart, type HelmRun } from '../support/helm.js';
import { startHelmCluster, type HelmCluster } from '../support/helm-cluster.js';
import type { KubeObject } from '../support/kube-api/objects.js';
import { eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';

const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const NAMESPACE = '/api/v1/namespaces/podnet-system';
const RELEASES = `${NAMESPACE}/secrets/sh.helm.release.`;
const GROUPS = ['custom.metrics.k8s.io', 'external.metrics.k8s.io', 'podnet.dev'];
/** Of the server, that helm has not to touch. */
const CA_BUNDLE = 'Y2E=';
/** The cluster has none; those of chart.test.ts are stricter. */
const WITHOUT_SCHEMAS = '--disable-openapi-validation';

describe('helm', { skip: missing('helm') }, () => {
  let cluster: HelmCluster;
  beforeEach(async () => {
    cluster = await startHelmCluster();
    cluster.api.put(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'podnet-system' } });
  });
  afterEach(async () => {
    await endAll();
    await cluster.close();
  });

  function release(verb: 'install' | 'upgrade', ...args: readonly string[]): Promise<HelmRun> {
    const given = ['--namespace', 'podnet-system', WITHOUT_SCHEMAS, ...args];
    return helm([verb, 'podnet', CHART, ...given], cluster.kubeconfig);
  }

  /** What helm has made, but for the namespace, which was there. */
  function made(): string[] {
    return [...cluster.api.objects.keys()].filter((path) => path !== NAMESPACE && !path.startsWith(RELEASES));
  }

  function putApiService(name: string, spec: object): void {
    const [version = '', ...group] = name.split('.');
    const found: KubeObject = cluster.api.objects.get(`${API_SERVICES}/${name}`) ?? {
      ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name } },
    };
    cluster.api.put(`${API_SERVICES}/${name}`, { ...found, spec: { group: group.join('.'), version, ...spec } });
  }

  for (const [name, owner] of [
    ['v1beta1.custom.metrics.k8s.io', 'monitoring/prometheus-adapter'],
    ['v1beta1.external.metrics.k8s.io', 'keda/keda-operator-metrics-apiserver'],
    ['v1alpha1.podnet.dev', 'podnet/podnet-apiserver'],
    ['v1beta2.custom.metrics.k8s.io', 'kube-apiserver itself'],
  ] as const) {
    test(`refuses to take ${name} over from ${owner}, and installs without its group`, async () => {
      const [namespace, service] = owner.split('/');
      putApiService(name, service === undefined ? {} : { service: { namespace, name: service } });
      const there = cluster.api.objects.get(`${API_SERVICES}/${name}`);

      const refused = await release('install');
      assert.notEqual(refused.code, 0);
      const told = `APIService ${name} belongs to ${owner}, not to podnet-system/podnet-apiserver`;
      assert.ok(refused.error.includes(told), refused.error);
      assert.deepEqual(made(), [`${API_SERVICES}/${name}`]);

      const [, wayOut = ''] = /--set '(.+)'/.exec(refused.error) ?? [];
      const others = GROUPS.filter((group) => !name.endsWith(`.${group}`));
      assert.equal(wayOut, `apiService.groups={${others.join(',')}}`);
      const { code, error } = await release('install', '--set', wayOut);
      assert.equal(code, 0, error);
      assert.equal(cluster.api.objects.get(`${API_SERVICES}/${name}`), there);
    });
  }

  test('installs what it renders as the README says, and takes away all of it', async () => {
    const readme = await readFile(`${CHART}/README.md`, 'utf8');
    const [, command = ''] = /^helm (install .+)$/m.exec(readme) ?? [];
    const { code, error } = await helm([...command.split(' '), WITHOUT_SCHEMAS], cluster.kubeconfig);
    assert.equal(code, 0, error);
    const rendered = (await renderChart()).map(nameOf).sort();
    assert.deepEqual(
      made()
        .map((path) => path.split('/').at(-1))
        .sort(),
      rendered,
    );

    const from = cluster.api.requests.length;
    const uninstalled = await helm(['uninstall', 'podnet', '--namespace', 'podnet-system'], cluster.kubeconfig);
    assert.equal(uninstalled.code, 0, uninstalled.error);
    assert.deepEqual(made(), []);
    // while an APIService is without its server, discovery waits for it
    const deleted = cluster.api.requests.slice(from).filter(({ method }) => method === 'DELETE');
    const kinds = deleted
      .map(({ path }) => /apiservices|deployments/.exec(path)?.[0])
      .filter((kind) => kind !== undefined);
    assert.deepEqual(kinds, [...Array<string>(4).fill('apiservices'), 'deployments']);
  });

  /** A replica fills what was installed empty, as the agents and the API server are to see it. @returns what has to stay */
  async function fillAuthority(): Promise<readonly unknown[]> {
    for (const path of [CA_SECRET, CA_CONFIG_MAP]) assert.equal(cluster.api.objects.get(path)?.['data'], undefined);
    const replica = await startReplica(cluster.api);
    assert.deepEqual(
      [replica.certificate.isReady(), replica.logged.filter((line) => line.includes(' warn '))],
      [true, []],
    );
    await publish(cluster.api, replica);
    await endAll();
    return authority();
  }

  const authority = (): readonly unknown[] =>
    [CA_SECRET, CA_CONFIG_MAP].map((path) => cluster.api.objects.get(path)?.['data']);

  test('upgrades what the server has filled, and leaves what is in it', async () => {
    await release('install');
    const filled = await fillAuthority();
    const { code, error } = await release('upgrade', '--set', 'commonLabels.example=changed');
    assert.equal(code, 0, error);
    for (const path of [CA_SECRET, CA_CONFIG_MAP]) {
      assert.equal(textAt(cluster.api.objects.get(path), 'metadata', 'labels', 'example'), 'changed', path);
    }
    assert.deepEqual(authority(), filled);
  });

  test('empties it with --force, and a replica that runs rotates', async () => {
    await release('install');
    const replica = await startReplica(cluster.api);
    const before = replica.certificate.caBundle();
    const { code, error } = await release('upgrade', '--force');
    assert.equal(code, 0, error);
    const after = await eventually(
      () => replica.certificate.caBundle(),
      (bundle) => bundle !== before,
    );
    assert.deepEqual(fingerprintsIn(after).slice(1), fingerprintsIn(before));
  });

  test('brings back by an upgrade what the server writes to and somebody deleted', async () => {
    await release('install');
    for (const path of [CA_SECRET, CA_CONFIG_MAP]) cluster.api.remove(path);
    const { code, error } = await release('upgrade');
    assert.equal(code, 0, error);
    await fillAuthority();
  });

  test('template and kubectl apply, again and again, leave the authority', { skip: missing('kubectl') }, async () => {
    const apply = async (...args: readonly string[]) => {
      const { out } = await templateChart(args);
      const file = join(await mkdtemp(join(tmpdir(), 'podnet-template-')), 'podnet.yaml');
      await writeFile(file, out);
      const kubectl = run('kubectl', ['--kubeconfig', cluster.kubeconfig, 'apply', '--validate=false', '-f', file]);
      assert.equal(await kubectl.ended, 0, kubectl.error());
      await rm(dirname(file), { recursive: true });
    };
    await apply();
    const filled = await fillAuthority();
    await apply('--set', 'commonLabels.example=changed');
    assert.equal(textAt(cluster.api.objects.get(CA_SECRET), 'metadata', 'labels', 'example'), 'changed');
    assert.deepEqual(authority(), filled);
  });

  test('upgrades its own APIServices, and leaves the authority that the server wrote', async () => {
    const name = 'v1alpha1.podnet.dev';
    await release('install');
    putApiService(name, { service: { namespace: 'podnet-system', name: 'podnet-apiserver' }, caBundle: CA_BUNDLE });
    const { code, error } = await release('upgrade', '--set', 'apiService.annotations.example=changed');
    assert.equal(code, 0, error);
    const upgraded = cluster.api.objects.get(`${API_SERVICES}/${name}`);
    assert.equal(textAt(upgraded, 'metadata', 'annotations', 'example'), 'changed');
    assert.equal(textAt(upgraded, 'spec', 'caBundle'), CA_BUNDLE);
  });

  test('tells who has none but a foreign group to register none', async () => {
    putApiService('v1beta1.external.metrics.k8s.io', { service: { namespace: 'keda', name: 'keda' } });
    const alone = ['--set', 'apiService.groups={external.metrics.k8s.io}'];
    const refused = await release('install', ...alone);
    const [, wayOut = ''] = /--set '(.+)'/.exec(refused.error) ?? [];
    const { code, error } = await release('install', ...alone, '--set', wayOut);
    assert.equal(code, 0, error);
    assert.deepEqual(
      made().filter((path) => path.startsWith(API_SERVICES)),
      [`${API_SERVICES}/v1beta1.external.metrics.k8s.io`],
    );
  });

  test('does not take back by an upgrade what somebody else has taken', async () => {
    await release('install');
    putApiService('v1beta1.external.metrics.k8s.io', { service: { namespace: 'keda', name: 'keda' } });
    const { code, error } = await release('upgrade');
    assert.notEqual(code, 0);
    assert.match(error, /v1beta1\.external\.metrics\.k8s\.io belongs to keda\/keda/);
  });

  test('says after installing what stands in the way, and nothing where nothing does', async () => {
    const label = 'pod-security.kubernetes.io/enforce';
    const notes = async (...args: readonly string[]) => {
      const { code, out, error } = await release('install', ...args);
      assert.equal(code, 0, error);
      await helm(['uninstall', 'podnet', '--namespace', 'podnet-system'], cluster.kubeconfig);
      return out.slice(out.indexOf('NOTES:'));
    };
    const plain = await notes();
    assert.match(
      plain,
      /rollout status daemonset\/podnet-nodeagent\n.*\n {2}kubectl get podnetworks --all-namespaces\n*$/,
    );

    cluster.api.put(NAMESPACE, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'podnet-system', labels: { [label]: 'baseline' } },
    });
    assert.match(await notes(), /enforces the Pod Security Standard "baseline", which refuses the agents/);
    cluster.api.put(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'podnet-system' } });

    const external = await notes('--set', 'apiService.groups={external.metrics.k8s.io,podnet.dev}');
    assert.match(
      external,
      /custom\.metrics\.k8s\.io is left to another adapter: HPAs read podnet's metrics as External\.\n/,
    );

    cluster.kubernetes = 'v1.29.3';
    assert.match(await notes(), /Kubernetes v1\.29\.3 puts no node into the tokens/);
    assert.doesNotMatch(await notes('--set', 'apiserver.args={--allow-unbound-agents}'), /puts no node/);
  });
});
