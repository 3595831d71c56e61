// The chart against a cluster: what helm finds there decides whether it installs anything, and what it says about it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CHART, helm } from '../support/helm.js';
import { startKubeCluster, type KubeCluster } from '../support/kube-cluster.js';
import { missing } from '../support/requirements.js';

const skip = missing('helm');
const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const GROUPS = ['custom.metrics.k8s.io', 'external.metrics.k8s.io', 'podnet.dev'];

let cluster: KubeCluster;
before(async () => {
  if (skip === false) cluster = await startKubeCluster();
});
after(async () => {
  if (skip === false) await cluster.close();
});

/** `helm install` up to where it would make something. */
function install(...args: readonly string[]) {
  const given = ['install', 'podnet', CHART, '--namespace', 'podnet-system', '--dry-run=server', ...args];
  return helm(given, cluster.kubeconfig);
}

function putApiService(name: string, service: { readonly namespace: string; readonly name: string } | undefined) {
  const [version = '', ...group] = name.split('.');
  cluster.api.put(`${API_SERVICES}/${name}`, {
    ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name } },
    spec: { group: group.join('.'), version, ...(service && { service }) },
  });
}

describe('installing the chart', { skip }, () => {
  for (const [name, owner, service] of [
    [
      'v1beta1.custom.metrics.k8s.io',
      'monitoring/prometheus-adapter',
      { namespace: 'monitoring', name: 'prometheus-adapter' },
    ],
    [
      'v1beta1.external.metrics.k8s.io',
      'keda/keda-operator-metrics-apiserver',
      { namespace: 'keda', name: 'keda-operator-metrics-apiserver' },
    ],
    ['v1alpha1.podnet.dev', 'podnet/podnet-apiserver', { namespace: 'podnet', name: 'podnet-apiserver' }],
    ['v1beta2.custom.metrics.k8s.io', 'kube-apiserver itself', undefined],
  ] as const) {
    const group = GROUPS.find((known) => name.endsWith(`.${known}`)) ?? '';
    const others = GROUPS.filter((known) => known !== group).join(',');

    test(`refuses to take ${name} over from ${owner}, and goes on without its group`, async () => {
      putApiService(name, service);
      try {
        const { code, error } = await install();
        assert.notEqual(code, 0);
        assert.ok(
          error.includes(`APIService ${name} belongs to ${owner}, not to podnet-system/podnet-apiserver`),
          error,
        );
        const [option = '', wayOut = ''] = /(--set) '(.+)'/.exec(error)?.slice(1) ?? [];
        assert.equal(wayOut, `apiService.groups={${others}}`);
        const without = await install(option, wayOut);
        assert.equal(without.code, 0, without.error);
        assert.ok(!without.out.includes(`name: ${name}`));
      } finally {
        cluster.api.remove(`${API_SERVICES}/${name}`);
      }
    });
  }

  test('takes its own APIServices for its own', async () => {
    putApiService('v1alpha1.podnet.dev', { namespace: 'podnet-system', name: 'podnet-apiserver' });
    const { code, out, error } = await install();
    cluster.api.remove(`${API_SERVICES}/v1alpha1.podnet.dev`);
    assert.equal(code, 0, error);
    assert.match(out, /name: v1alpha1\.podnet\.dev/);
  });
});
