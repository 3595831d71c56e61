// The Helm chart, rendered by helm itself: nothing here knows the language of its templates.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { isRecord } from '../../runtime/kube/objects.js';
import { documentedValues } from '../../scripts/chart-readme.js';
import { nameOf, textAt } from '../cluster/json.js';
import { CHART, helm, renderChart } from '../support/helm.js';
import type { KubeObject } from '../support/kube-api/objects.js';
import { renderComponents } from '../support/manifests/render.js';
import { StrictSchemas } from '../support/manifests/strict-schema.js';
import { missing } from '../support/requirements.js';

const skip = missing('helm', 'kubectl');

const TEMPLATES = join(CHART, 'templates');
const CI = join(CHART, 'ci');
/** A namespace of its own, as kustomize makes it. */
const WITH_NAMESPACE = ['--set', 'namespace.create=true'];
/** Which components of kustomize make what a file of ci/ makes. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  default: [],
  ha: ['ha'],
  'unprivileged-agent': ['unprivileged-agent'],
  probe: ['probe'],
  sriov: ['sriov'],
  aws: ['aws'],
  openshift: ['openshift'],
  'cert-manager': ['cert-manager'],
  'prometheus-operator': ['prometheus-operator', 'grafana'],
  'without-custom-metrics': ['without-custom-metrics'],
};
/** What helm and its users tell releases by; kustomize has no such thing. */
const LABELS_OF_HELM = new Set([
  'app.kubernetes.io/instance',
  'app.kubernetes.io/version',
  'app.kubernetes.io/managed-by',
  'helm.sh/chart',
]);

const UNORDERED = new Set(['volumes', 'volumeMounts', 'resourceNames']);

const VALUES_FILES = (await readdir(CI)).sort();
const valuesIn = (name: string) => ['--values', join(CI, `${name}-values.yaml`)];

describe('helm renders the chart', { skip }, () => {
  const schemas = new StrictSchemas();
  for (const file of VALUES_FILES) {
    test(`with ci/${file} as objects that Kubernetes takes`, async () => {
      const objects = await renderChart(['--values', join(CI, file)]);
      assert.ok(objects.length > 10, String(objects.length));
      assert.deepEqual(
        objects.flatMap((object) => schemas.problems(object)),
        [],
      );
      assert.deepEqual(duplicates(objects.map(keyOf)), []);
    });
  }

  for (const [name, components] of Object.entries(SAME)) {
    test(`with ci/${name}-values.yaml as kustomize does`, async () => {
      const [chart, kustomize] = await Promise.all([
        renderChart([...WITH_NAMESPACE, ...valuesIn(name)]),
        renderComponents(components),
      ]);
      const [ours, theirs] = [byKey(chart.map(withoutLabelsOfHelm)), byKey(kustomize)];
      assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort());
      for (const [key, object] of ours) assert.deepEqual(comparable(object), comparable(theirs.get(key)), key);
    });
  }

  test('without a default value that null takes away', async () => {
    const objects = await renderChart(['--set', 'nodeagent.startupProbe=null,apiserver.priorityClassName=null']);
    assert.deepEqual(
      objects.flatMap((object) => schemas.problems(object)),
      [],
    );
    assert.doesNotMatch(JSON.stringify(objects), /system-cluster-critical","schedulerName|"startupProbe":null/);
  });
});

describe('the chart', { skip }, () => {
  test('passes helm lint', async () => {
    const { code, out } = await helm(['lint', '--strict', CHART, ...valuesIn('everything')]);
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

function duplicates(keys: readonly string[]): string[] {
  return keys.filter((key, index) => keys.indexOf(key) !== index);
}
