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
import { listAt, textAt } from '../cluster/json.js';
import { CHART, renderChart, templateChart } from '../support/helm.js';
import { workloadsOf } from '../support/manifests/workloads.js';
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
  ['/serviceMonitor/interval', { serviceMonitor: { interval: '1m' } }],
  ['/serviceMonitor/interval', { serviceMonitor: { interval: '16s' } }],
  ['/podMonitor/interval', { podMonitor: { interval: '0s' } }],
  ['/apiserver/hostNetwork/port', { apiserver: { hostNetwork: { port: 10_250 } } }],
  ['/prometheusRule/runbookUrl', { prometheusRule: { runbookUrl: 'git.example.com/podnet' } }],
];

/** What only the templates can refuse, each with what it says. */
const REFUSED: readonly (readonly [given: string, refusal: string])[] = [
  [
    'apiserver.args={--secure-port=1}',
    'apiserver.args: the chart sets --secure-port itself, by apiserver.port, so that --secure-port=1 is not taken',
  ],
  [
    'nodeagent.args={--service=x/y}',
    'nodeagent.args: the chart sets --service itself, by fullnameOverride and namespaceOverride, so that --service=x/y is not taken',
  ],
  [
    'apiserver.args={--no-publish.cloudwatch}',
    'apiserver.args: the chart sets --publish.cloudwatch itself, by apiserver.cloudwatch.enabled, so that --no-publish.cloudwatch is not taken',
  ],
  [
    'nodeagent.env[0].name=PODNET_LISTEN_ADDRESS',
    'nodeagent.env: the chart sets PODNET_LISTEN_ADDRESS itself, by podMonitor.enabled',
  ],
  ['probe.env[0].name=A,probe.env[1].name=A', 'probe.env: A is there twice'],
  [
    'nodeagent.extraVolumes[0].name=cgroup',
    'nodeagent.extraVolumes: there is a volume cgroup already: give this one another name',
  ],
  ...['apiserver.podSecurityContext', 'probe.securityContext', 'nodeagent.podSecurityContext'].map((context) => {
    const [program = ''] = context.split('.');
    const of = `${program}.podSecurityContext, ${program}.securityContext`;
    return [
      `${context}.runAsUser=0`,
      `${of}: no kubelet starts a container with runAsUser 0 and runAsNonRoot true`,
    ] as const;
  }),
  [
    'serviceMonitor.interval=9s',
    'serviceMonitor.scrapeTimeout: 10s is longer than serviceMonitor.interval, 9s: Prometheus takes no such scrape',
  ],
  [
    'podMonitor.scrapeTimeout=1m',
    'podMonitor.scrapeTimeout: 1m is longer than podMonitor.interval, 30s: Prometheus takes no such scrape',
  ],
  [
    'apiserver.hostNetwork.enabled=true,openshift.enabled=true',
    'apiserver.hostNetwork.enabled: not with openshift.enabled, whose SecurityContextConstraints do not admit it; its control plane is in the pod network',
  ],
  [
    'apiserver.hostNetwork.enabled=true,apiserver.updateStrategy.rollingUpdate.maxUnavailable=0',
    'apiserver.updateStrategy: with apiserver.hostNetwork.enabled no replica more is started, so that maxUnavailable 0 lets none be replaced',
  ],
  [
    'apiserver.hostNetwork.enabled=true,apiserver.args={--secure-port=1}',
    'apiserver.args: the chart sets --secure-port itself, by apiserver.hostNetwork.port, so that --secure-port=1 is not taken',
  ],
];

/** What looks like one of them, and is none. */
const TAKEN = [
  'apiserver.args={--publish.cloudwatch.region=eu-central-1}',
  'apiserver.compat={all}',
  'nodeagent.sriov.enabled=true',
  'nodeagent.securityContext.runAsUser=0,nodeagent.securityContext.runAsNonRoot=false',
  'serviceMonitor.interval=15000ms,serviceMonitor.scrapeTimeout=15s',
];

/** By which every flag is given that the chart can give. */
const EVERYTHING = [
  ...['probe.enabled=true', 'tls.type=cert-manager', 'apiserver.cloudwatch.enabled=true'],
  ...['apiserver.compat={all}', 'apiService.groups={podnet.dev}'],
].join(',');

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
  for (const known of [API_GROUP_NAMES, ['all', ...COMPAT_NAMES]])
    assert.ok(compact.includes(enumsOf(known)), enumsOf(known));
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

  for (const [given, refusal] of REFUSED) {
    test(`refuses ${given}, and names the value`, async () => {
      const { code, error } = await templateChart(['--set', given]);
      assert.notEqual(code, 0);
      assert.ok(error.includes(`: ${refusal}\n`), error);
    });
  }

  for (const given of TAKEN) {
    test(`takes ${given}`, async () => {
      const { code, error } = await templateChart(['--set', given]);
      assert.equal(code, 0, error);
    });
  }

  test('knows all flags and variables that the chart gives its programs', async () => {
    const objects = await renderChart(['--set', EVERYTHING]);
    const given = workloadsOf(objects).flatMap(({ object, container }) => {
      const program = textAt(object, 'metadata', 'labels', 'app.kubernetes.io/component');
      const flags = listAt(container, 'args').filter((one) => String(one).startsWith('--'));
      const variables = listAt(container, 'env').map((one) => textAt(one, 'name'));
      return [
        ...flags.map((flag) => `${program}.args={${String(flag)}}`),
        ...variables.map((name) => `${program}.env[0].name=${name}`),
      ];
    });
    const own = given.filter((one) => !/NODE_OPTIONS|MALLOC_ARENA_MAX/.test(one));
    assert.ok(own.length > 20, own.join());
    for (const one of own) {
      const { error } = await templateChart(['--set', one.replaceAll(/,(?!dc)/g, '\\,')]);
      assert.match(error, /: the chart sets \S+ itself/, one);
    }
  });

  test('refuses a Secret for certificates without its name or authority', async () => {
    const given = ['--set', 'tls.type=secret'];
    const withoutName = await templateChart(given);
    assert.match(withoutName.error, /tls\.secretName: tls\.type secret needs the name of a Secret/);
    const withoutAuthority = await templateChart([...given, '--set', 'tls.secretName=certificate']);
    assert.match(withoutAuthority.error, /tls\.caBundle: with tls\.type secret/);
  });
});
