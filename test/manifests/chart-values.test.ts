// Which values the chart takes: values.schema.json, by ajv and by helm.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { API_GROUP_NAMES } from '../../apiserver/api/api-surface.js';
import { COMPAT_NAMES } from '../../metrics/compat/compat.js';
import { documentedValues } from '../../scripts/chart-readme.js';
import { CHART, templateChart } from '../support/helm.js';
import { missing } from '../support/requirements.js';

const VALUES: unknown = parse(await readFile(join(CHART, 'values.yaml'), 'utf8'));
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
  JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8')) as object,
);
const refusals = (values: unknown): string[] =>
  validate(values)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${String(message)}`);

/** One thing wrong in each, and the place that the refusal names. */
const WRONG: readonly (readonly [place: string, values: object])[] = [
  ['/image/pullPolicy', { image: { pullPolicy: 'Sometimes' } }],
  ['/image/digest', { image: { digest: 'sha256:1234' } }],
  ['/image/tag', { image: { tag: 0.1 } }],
  ['/nameOverride', { nameOverride: 'Podnet' }],
  ['/imagePullSecrets/0', { imagePullSecrets: ['images'] }],
  ['/namespace/labels/a', { namespace: { labels: { a: true } } }],
  ['/apiService/groups', { apiService: { groups: [] } }],
  ['/apiService/groups/0', { apiService: { groups: ['metrics.k8s.io'] } }],
  ['/apiService', { apiService: { insecureSkipTLSVerify: true } }],
  ['/tls/type', { tls: { type: 'helm' } }],
  ['/tls/caBundle', { tls: { caBundle: '-----BEGIN CERTIFICATE-----' } }],
  ['/apiserver/replicas', { apiserver: { replicas: 0 } }],
  ['/apiserver/replicas', { apiserver: { replicas: '2' } }],
  ['/apiserver/port', { apiserver: { port: 70_000 } }],
  ['/apiserver/compat/0', { apiserver: { compat: ['prometheus-adapter'] } }],
  ['/apiserver/args/0', { apiserver: { args: ['window=30s'] } }],
  ['/apiserver/args', { apiserver: { args: { window: '30s' } } }],
  ['/apiserver/podAntiAffinity', { apiserver: { podAntiAffinity: 'hard' } }],
  ['/apiserver/podDisruptionBudget/maxUnavailable', { apiserver: { podDisruptionBudget: { maxUnavailable: 'half' } } }],
  ['/apiserver/resources', { apiserver: { resources: { limit: { cpu: 1 } } } }],
  ['/nodeagent/env/0', { nodeagent: { env: [{ value: 'x' }] } }],
  ['/nodeagent/hostNetwork', { nodeagent: { hostNetwork: true } }],
  ['/nodeagent/serviceAccount/name', { nodeagent: { serviceAccount: { name: 'node agents' } } }],
  ['/probe/dnsEndpoints', { probe: { dnsEndpoints: 'kube-dns' } }],
  ['/serviceMonitor/interval', { serviceMonitor: { interval: 15 } }],
];

test('values.yaml and every file of ci/ are values of the schema', async () => {
  assert.deepEqual(refusals(VALUES), []);
  for (const file of await readdir(join(CHART, 'ci'))) {
    const values: unknown = parse(await readFile(join(CHART, 'ci', file), 'utf8'));
    assert.deepEqual(refusals(values), [], file);
  }
});

test('API groups and predecessors are those that the server knows', async () => {
  const schema = await readFile(join(CHART, 'values.schema.json'), 'utf8');
  const enumsOf = (known: readonly string[]) => JSON.stringify({ enum: known });
  const compact = JSON.stringify(JSON.parse(schema));
  for (const known of [API_GROUP_NAMES, COMPAT_NAMES]) assert.ok(compact.includes(enumsOf(known)), enumsOf(known));
});

test('a wrong value is refused, and the refusal names its place', () => {
  for (const [place, values] of WRONG) {
    const found = refusals(values);
    assert.ok(found.length > 0, `${JSON.stringify(values)} is taken`);
    assert.ok(
      found.every((refusal) => refusal.startsWith(`${place} `)),
      found.join('; '),
    );
  }
});

test('a misspelt key is refused beside every value', async () => {
  const paths = documentedValues(await readFile(join(CHART, 'values.yaml'), 'utf8')).map(({ path }) => path);
  const parents = new Set(paths.map((path) => path.split('.').slice(0, -1)).map((keys) => keys.join('.')));
  assert.ok(parents.size > 20, [...parents].join());
  for (const parent of parents) {
    const keys = parent === '' ? [] : parent.split('.');
    const values = keys.reduceRight<object>((inner, key) => ({ [key]: inner }), { misspelt: 1 });
    assert.equal(refusals(values).length, 1, parent);
  }
});

describe('helm', { skip: missing('helm') }, () => {
  test('refuses what the schema refuses', async () => {
    const { code, error } = await templateChart(['--set', 'apiserver.replica=3']);
    assert.notEqual(code, 0);
    assert.match(error, /apiserver.*replica/s);
  });

  test('refuses a Secret for certificates without its name or authority', async () => {
    const given = ['--set', 'tls.type=secret'];
    const withoutName = await templateChart(given);
    assert.match(withoutName.error, /tls\.secretName: tls\.type secret needs the name of a Secret/);
    const withoutAuthority = await templateChart([...given, '--set', 'tls.secretName=certificate']);
    assert.match(withoutAuthority.error, /tls\.caBundle: with tls\.type secret/);
  });
});
