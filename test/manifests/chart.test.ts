// The Helm chart, rendered by helm itself: nothing here knows the language of its templates.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { isRecord } from '../../runtime/kube/objects.js';
import { documentedValues } from '../../scripts/chart-readme.js';
import { at, nameOf, textAt } from '../cluster/json.js';
import { CHART, helm, renderChart } from '../support/helm.js';
import type { KubeObject } from '../support/kube-api/objects.js';
import { programProblems } from '../support/manifests/program-problems.js';
import { referenceProblems } from '../support/manifests/references.js';
import { MANIFESTS, renderComponents } from '../support/manifests/render.js';
import { sccProblems } from '../support/manifests/scc.js';
import { StrictSchemas } from '../support/manifests/strict-schema.js';
import { workloadsOf } from '../support/manifests/workloads.js';
import { missing } from '../support/requirements.js';

const skip = missing('helm', 'kubectl');

const TEMPLATES = join(CHART, 'templates');
const CI = join(CHART, 'ci');
/** Files of ci/ with the name of the component of kustomize that makes the same. */
const ONE_NAME = 'ha unprivileged-agent probe sriov aws openshift cert-manager without-custom-metrics'.split(' ');
/** Which files of ci/, one after the other, and values beside them make what which components of kustomize make, in their order. */
const SAME: readonly {
  readonly files: readonly string[];
  readonly set?: string;
  readonly components: readonly string[];
}[] = [
  { files: ['default'], components: [] },
  ...ONE_NAME.map((name) => ({ files: [name], components: [name] })),
  { files: ['prometheus-operator'], components: ['prometheus-operator', 'grafana'] },
  { files: ['default'], set: 'nodeagent.hostLocal.enabled=true', components: ['host-local'] },
  {
    files: ['default'],
    set: 'apiService.groups={custom.metrics.k8s.io,podnet.dev}',
    components: ['without-external-metrics'],
  },
  { files: ['default'], set: 'apiService.groups={podnet.dev}', components: ['without-metrics-apis'] },
  { files: ['default'], set: 'podMonitor.enabled=true', components: ['agent-metrics'] },
  // those that have a say in the objects of each other
  {
    files: ['probe', 'prometheus-operator', 'openshift', 'sriov'],
    set: 'podMonitor.enabled=true',
    components: ['probe', 'prometheus-operator', 'grafana', 'openshift', 'sriov', 'agent-metrics'],
  },
  { files: ['probe', 'aws'], components: ['probe', 'aws'] },
  {
    files: ['probe', 'prometheus-operator', 'cert-manager'],
    components: ['probe', 'prometheus-operator', 'grafana', 'cert-manager'],
  },
];

/** What values name that somebody else makes. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  everything: ['Certificate networks/cluster-networks-apiserver: there is no Issuer networks/internal'],
};

/** What helm and its users tell releases by; kustomize has no such thing. */
const LABELS_OF_HELM = new Set([
  'app.kubernetes.io/instance',
  'app.kubernetes.io/version',
  'app.kubernetes.io/managed-by',
  'helm.sh/chart',
]);

const UNORDERED = new Set(['env', 'volumes', 'volumeMounts', 'resourceNames']);

const FILES = (await readdir(CI)).map((file) => file.replace(/-values\.yaml$/, '')).sort();

/** With a namespace of its own, as kustomize makes it, unless other values are given. */
function render(files: readonly string[], set = 'namespace.create=true'): Promise<readonly KubeObject[]> {
  return renderChart([...files.flatMap((name) => ['--values', join(CI, `${name}-values.yaml`)]), '--set', set]);
}

describe('helm renders the chart', { skip }, () => {
  const schemas = new StrictSchemas();
  const problemsOf = (objects: readonly KubeObject[]) => objects.flatMap((object) => schemas.problems(object));

  for (const name of FILES) {
    test(`with ci/${name}-values.yaml as objects that Kubernetes takes, and that fit each other`, async () => {
      const objects = await render([name]);
      assert.deepEqual(problemsOf(objects), []);
      assert.deepEqual(referenceProblems(objects), OUTSIDE[name] ?? []);
      assert.deepEqual(programProblems(objects), []);
      assert.deepEqual(sccProblems(objects), []);
      assert.doesNotMatch(JSON.stringify(objects), /insecureSkipTLSVerify/);
    });
  }

  for (const { files, set, components } of SAME) {
    const values = [...files.map((name) => `ci/${name}-values.yaml`), ...(set === undefined ? [] : [set])];
    test(`with ${values.join(' and ')} as kustomize does with ${components.join(', ') || 'the base'}`, async () => {
      const [chart, kustomize] = await Promise.all([
        render(files, ['namespace.create=true', ...(set === undefined ? [] : [set])].join(',')),
        renderComponents(components),
      ]);
      const [ours, theirs] = [byKey(chart.map(withoutLabelsOfHelm)), byKey(kustomize)];
      assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort());
      for (const [key, object] of ours) assert.deepEqual(comparable(object), comparable(theirs.get(key)), key);
    });
  }

  test('under names, labels and in a namespace of their own where values say so', async () => {
    const objects = await render(['everything']);
    const told = objects.filter(({ kind }) => kind !== 'Namespace' && kind !== 'APIService').map(nameOf);
    assert.deepEqual(
      told.filter((name) => !name.startsWith('cluster-networks') && name !== 'node-agents'),
      [],
    );
    const text = JSON.stringify(objects.map((object) => ({ ...object, data: undefined, spec: withoutRules(object) })));
    const jobs = ['podnet-apiserver', 'podnet-nodeagent']; // dashboards and alerts go by them
    assert.deepEqual([...new Set(text.match(/podnet-(system|apiserver|nodeagent|probe)[^"]*/g))].sort(), jobs);
    for (const object of objects) {
      assert.equal(textAt(object, 'metadata', 'labels', 'example.com/team'), 'network', nameOf(object));
      assert.equal(textAt(object, 'metadata', 'labels', 'app.kubernetes.io/name'), 'networks', nameOf(object));
    }
    const images = workloadsOf(objects).map(({ container }) => textAt(container, 'image'));
    assert.deepEqual(new Set(images), new Set(['images.example.com/mirror/podnet:0.1.0-debug']));
  });

  test('with certificates of a Secret, and without the rights to make any', async () => {
    const given = 'tls.type=secret,tls.secretName=certificate,tls.caBundle=Y2E=,serviceMonitor.enabled=true';
    const objects = await render(['probe'], `namespace.create=true,${given}`);
    assert.deepEqual(problemsOf(objects), []);
    assert.deepEqual(programProblems(objects), []);
    const missingSecret = /: there is no Secret certificate$/; // the user's
    assert.deepEqual(
      referenceProblems(objects).filter((problem) => !missingSecret.test(problem)),
      [],
    );
    const registered = objects.filter(({ kind }) => kind === 'APIService');
    assert.deepEqual(new Set(registered.map((one) => textAt(one, 'spec', 'caBundle'))), new Set(['Y2E=']));
    assert.deepEqual(
      objects.map(nameOf).filter((name) => name.endsWith('-certificates')),
      [],
    );
  });

  test('with a digest in place of the tag', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const objects = await render([], `image.digest=${digest},image.tag=latest`);
    for (const { container } of workloadsOf(objects)) assert.equal(textAt(container, 'image'), `podnet@${digest}`);
  });

  test('without what a user makes himself', async () => {
    const off = ['rbac', 'apiService', 'apiserver.serviceAccount', 'nodeagent.serviceAccount', 'probe.serviceAccount'];
    const disabled = ['networkPolicy', 'resourceQuota', 'apiserver.podDisruptionBudget'];
    const set = [...off.map((name) => `${name}.create=false`), ...disabled.map((name) => `${name}.enabled=false`)];
    const files = ['probe', 'openshift', 'sriov', 'aws'];
    const objects = await render(files, [...set, 'probe.serviceAccount.name=prober'].join(','));
    const kinds = ['ConfigMap', 'DaemonSet', 'Deployment', 'Secret', 'SecurityContextConstraints', 'Service'];
    assert.deepEqual([...new Set(objects.map(({ kind }) => kind))].sort(), kinds);
    const accounts = workloadsOf(objects).map(({ podSpec }) => textAt(podSpec, 'serviceAccountName'));
    assert.deepEqual(accounts.sort(), ['podnet-apiserver', 'podnet-nodeagent', 'prober']);
  });

  test('in a namespace of others with a policy for its own pods alone', async () => {
    const policies = (await renderChart()).filter(({ kind }) => kind === 'NetworkPolicy');
    const selectors = policies.map((policy) => at(policy, 'spec', 'podSelector', 'matchLabels'));
    assert.equal(selectors.length, 2);
    for (const selector of selectors) assert.equal(textAt(selector, 'app.kubernetes.io/name'), 'podnet');
  });

  test('without what null takes away of the defaults', async () => {
    const gone = [
      'nodeagent.startupProbe',
      'apiserver.priorityClassName',
      'nodeagent.podSecurityContext',
      'probe.dnsEndpoints',
    ];
    const objects = await render(['probe'], gone.map((name) => `${name}=null`).join(','));
    assert.deepEqual(problemsOf(objects), []);
    const [agent, probe, server] = ['nodeagent', 'probe', 'apiserver'].map((name) =>
      workloadsOf(objects).find(({ object }) => nameOf(object) === `podnet-${name}`),
    );
    assert.deepEqual(at(agent?.podSpec, 'securityContext'), {});
    assert.equal(at(agent?.container, 'startupProbe'), undefined);
    assert.equal(at(server?.podSpec, 'priorityClassName'), undefined);
    assert.doesNotMatch(JSON.stringify(probe?.container), /PODNET_DNS_ENDPOINTS/);
  });
});

test('the chart has values for each overlay and component of kustomize', async () => {
  const same = new Set(SAME.flatMap(({ components }) => components));
  for (const directory of ['overlays', 'components']) {
    const names = await readdir(join(MANIFESTS, directory));
    assert.deepEqual(
      names.filter((name) => !same.has(name)),
      [],
      directory,
    );
  }
});

describe('the chart', { skip }, () => {
  test('passes helm lint', async () => {
    const { code, out } = await helm(['lint', '--strict', CHART, ...['--values', join(CI, 'everything-values.yaml')]]);
    assert.equal(code, 0, out);
  });
});

test('the version of the chart and of what it installs is that of package.json', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const chart = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([chart['version'], chart['appVersion']], [version, version]);
});

test('every value of values.yaml is in a template, and every value in a template is in values.yaml', async () => {
  const values = documentedValues(await readFile(join(CHART, 'values.yaml'), 'utf8')).map(({ path }) => path);
  const used = await usedValues();
  const isOf = (path: string, value: string) => path === value || path.startsWith(`${value}.`);
  assert.deepEqual(
    values.filter((value) => !used.some((path) => isOf(path, value))),
    [],
    'in no template',
  );
  assert.deepEqual(
    used.filter((path) => !values.some((value) => isOf(path, value))),
    [],
    'not in values.yaml',
  );
});

async function usedValues(): Promise<string[]> {
  const files = await readdir(TEMPLATES);
  const texts = await Promise.all(files.map((file) => readFile(join(TEMPLATES, file), 'utf8')));
  const paths = texts.flatMap((text) => [...text.matchAll(/\.Values\.([A-Za-z.]*[A-Za-z])/g)].map(([, path]) => path));
  return [...new Set(paths.filter((path) => path !== undefined))];
}

function withoutLabelsOfHelm(object: KubeObject): KubeObject {
  const labels = object.metadata?.['labels'];
  if (!isRecord(labels)) return object;
  const others = Object.fromEntries(Object.entries(labels).filter(([name]) => !LABELS_OF_HELM.has(name)));
  return { ...object, metadata: { ...object.metadata, labels: others } };
}

/** Lists whose order says nothing are put in order: kustomize's patches put what they add first. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([name, inner]) => [
    name,
    UNORDERED.has(name) ? sorted(inner) : comparable(inner),
  ]);
  return Object.fromEntries(entries) as unknown;
}

/** By their names, or by themselves where they are names. */
function sorted(list: unknown): unknown {
  const nameIn = (one: unknown) => textAt(one, 'name') || String(one);
  return Array.isArray(list) ? list.map(comparable).sort((a, b) => nameIn(a).localeCompare(nameIn(b))) : list;
}

function byKey(objects: readonly KubeObject[]): Map<string, KubeObject> {
  return new Map(objects.map((object) => [keyOf(object), object]));
}

function keyOf(object: KubeObject): string {
  return [object.apiVersion, object.kind, object.metadata?.['namespace'], nameOf(object)].join(' ');
}

/** What is said to people, of any podnet. */
function withoutRules({ kind, spec }: KubeObject): unknown {
  return kind === 'PrometheusRule' ? undefined : spec;
}
