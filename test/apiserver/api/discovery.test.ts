import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { API_GROUP_NAMES, apiSurface } from '../../../apiserver/api/api-surface.js';
import { DESCRIBED_KINDS, metricsOf } from '../../../apiserver/api/described-objects.js';
import { DIAL_LATENCY, RATE_NAMES } from '../../../metrics/catalogue.js';
import { IPAM_FIGURES } from '../../../metrics/ipam/figures.js';
import type {
  ApiGroup,
  ApiGroupDiscoveryList,
  ApiGroupList,
  ApiResourceList,
  PathList,
  VersionInfo,
} from '../../../openapi/kubernetes.js';
import { createTestServer } from '../../support/app.js';

/** Of nodes, and of all of them together. */
const ADDRESSES = IPAM_FIGURES.map(({ metricName }) => metricName);
const OF_NODES = [DIAL_LATENCY.metricName, ...ADDRESSES];
const SERVED = {
  'custom.metrics.k8s.io': ['v1beta2', 'v1beta1'],
  'external.metrics.k8s.io': ['v1beta1'],
  'podnet.dev': ['v1alpha1'],
};
const groups = Object.entries(SERVED).map(([name, served]) => {
  const versions = served.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
});
const groupVersions = groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => groupVersion));

const accepts = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
/** As kube-apiserver 1.34 asks. */
const AGGREGATOR = `${accepts('v2')},${accepts('v2beta1')}`;

interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
}
const recordings = JSON.parse(await readFile('test/fixtures/contract/aggregator-requests.json', 'utf8')) as Recorded[];

test('conformance 1: /apis lists every group, its preferred version first', async () => {
  const server = createTestServer();
  for (const path of ['/apis', '/apis/']) {
    const { body, headers } = await server.get<ApiGroupList>(path);
    assert.deepEqual(body, { kind: 'APIGroupList', apiVersion: 'v1', groups });
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['cache-control'], 'no-cache, private');
  }
});

for (const group of groups) {
  test(`conformance 1: /apis/${group.name} lists its versions`, async () => {
    const server = createTestServer();
    for (const path of [`/apis/${group.name}`, `/apis/${group.name}/`]) {
      assert.deepEqual((await server.get<ApiGroup>(path)).body, { kind: 'APIGroup', apiVersion: 'v1', ...group });
    }
  });
}

for (const version of SERVED['custom.metrics.k8s.io']) {
  test(`conformance 1: custom metrics ${version} are the catalogue for each resource`, async () => {
    const server = createTestServer();
    for (const path of [`/apis/custom.metrics.k8s.io/${version}`, `/apis/custom.metrics.k8s.io/${version}/`]) {
      const { body } = await server.get<ApiResourceList>(path);
      assert.equal(body.groupVersion, `custom.metrics.k8s.io/${version}`);
      assert.deepEqual(
        body.resources.map(({ name }) => name),
        DESCRIBED_KINDS.flatMap((kind) => metricsOf(kind).map((metric) => `${kind.resource}/${metric}`)),
      );
      for (const { name, ...rest } of body.resources) {
        const [resource = '', metric = ''] = name.split('/');
        assert.ok(RATE_NAMES.includes(metric) || (resource === 'nodes' && OF_NODES.includes(metric)), name);
        const namespaced = !['nodes', 'namespaces'].includes(resource);
        assert.deepEqual(rest, { singularName: '', namespaced, kind: 'MetricValueList', verbs: ['get'] });
      }
    }
  });
}

test('conformance 1: what a pod counts as a whole is a metric of every kind but networks', async () => {
  const { body } = await createTestServer().get<ApiResourceList>('/apis/custom.metrics.k8s.io/v1beta2');
  const described = body.resources.flatMap(({ name }) => {
    const [resource, metric] = name.split('/');
    return metric === 'network_tcp_retransmitted_segments_per_second' ? [resource] : [];
  });
  assert.deepEqual(described, [
    ...['pods', 'services', 'deployments.apps', 'statefulsets.apps', 'daemonsets.apps'],
    ...['nodes', 'namespaces'],
  ]);
});

test('conformance 1: how long it takes to connect is a metric of nodes alone', async () => {
  const { body } = await createTestServer().get<ApiResourceList>('/apis/custom.metrics.k8s.io/v1beta2');
  const described = body.resources.filter(({ name }) => name.endsWith('/network_dial_latency_seconds'));
  assert.deepEqual(described, [
    {
      ...{ name: 'nodes/network_dial_latency_seconds', singularName: '', namespaced: false },
      ...{ kind: 'MetricValueList', verbs: ['get'] },
    },
  ]);
});

test('conformance 1: IP addresses are metrics of nodes alone', async () => {
  const { body } = await createTestServer().get<ApiResourceList>('/apis/custom.metrics.k8s.io/v1beta2');
  const described = body.resources.filter(({ name }) => name.includes('/ipam_'));
  assert.deepEqual(
    described.map(({ name, namespaced }) => [name, namespaced]),
    ADDRESSES.map((name) => [`nodes/${name}`, false]),
  );
  assert.ok(described.some(({ name }) => name === 'nodes/ipam_free_ip_addresses'));
});

test('conformance 1: external metrics are the catalogue', async () => {
  const { body } = await createTestServer().get<ApiResourceList>('/apis/external.metrics.k8s.io/v1beta1');
  assert.deepEqual(
    body.resources,
    [...RATE_NAMES, ...ADDRESSES].map((name) => ({
      ...{ name, singularName: '', namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] },
    })),
  );
});

test('conformance 1: our own resources say what may be done with them', async () => {
  const { body } = await createTestServer().get<ApiResourceList>('/apis/podnet.dev/v1alpha1');
  assert.deepEqual(
    body.resources.map(({ name, namespaced, kind, verbs, shortNames = [] }) =>
      [name, namespaced, kind, ...verbs, ...shortNames].join(' '),
    ),
    [
      'explain true Explanation get',
      'nodenetworks false NodeNetwork get list nn',
      'nodereports false NodeReport create',
      'podnetworks true PodNetwork get list pn',
      'virtualfunctions false VirtualFunction get list vf',
    ],
  );
});

test('conformance 2: an unknown group or version is a 404 Status', async () => {
  const server = createTestServer();
  for (const path of ['/apis/x', '/apis/custom.metrics.k8s.io/v1', '/apis/podnet.dev/v1alpha1/nope', '/api']) {
    const { statusCode, body, headers } = await server.get(path);
    assert.equal(statusCode, 404);
    assert.deepEqual(
      { reason: body.reason, message: body.message, details: body.details },
      { reason: 'NotFound', message: 'the server could not find the requested resource', details: {} },
    );
    assert.equal(headers['retry-after'], undefined);
  }
});

test('a group that is not enabled is not told of', () => {
  assert.deepEqual(
    apiSurface(new Set(['podnet.dev'])).map(({ name }) => name),
    ['podnet.dev'],
  );
});

test('each resource has one scope, and no list is empty', () => {
  for (const { name, versions } of apiSurface(new Set(API_GROUP_NAMES))) {
    for (const { version, resources } of versions) {
      const scopes = new Map<string, Set<boolean>>();
      for (const { name: resource, namespaced } of resources) {
        const [parent = ''] = resource.split('/');
        scopes.set(parent, (scopes.get(parent) ?? new Set()).add(namespaced));
      }
      assert.ok(scopes.size > 0, `${name}/${version}`);
      for (const [resource, found] of scopes) assert.equal(found.size, 1, `${name}/${version} ${resource}`);
    }
  }
});

for (const version of ['v2', 'v2beta1']) {
  test(`conformance 18: ${version} has everything that the plain documents have`, async () => {
    const server = createTestServer();
    const { body, headers } = await server.get<ApiGroupDiscoveryList>('/apis', { accept: accepts(version) });
    assert.equal(headers['content-type'], accepts(version));
    assert.deepEqual([headers['vary'], headers['cache-control']], ['Accept', 'public']);
    assert.equal(body.apiVersion, `apidiscovery.k8s.io/${version}`);
    for (const group of body.items) {
      for (const { version: served, freshness, resources } of group.versions) {
        assert.equal(freshness, 'Current');
        const { body: plain } = await server.get<ApiResourceList>(`/apis/${group.metadata.name}/${served}`);
        const names = resources.flatMap(({ resource, scope, verbs, subresources = [] }) => [
          ...(verbs.length > 0 ? [`${resource} ${scope} ${verbs.join()}`] : []),
          ...subresources.map((one) => `${resource}/${one.subresource} ${scope} ${one.verbs.join()}`),
        ]);
        const wanted = plain.resources.map(
          (one) => `${one.name} ${one.namespaced ? 'Namespaced' : 'Cluster'} ${one.verbs.join()}`,
        );
        assert.deepEqual(names.sort(), wanted.sort());
      }
    }
    assert.deepEqual(
      body.items.flatMap(({ metadata, versions }) => versions.map((one) => `${metadata.name}/${one.version}`)),
      groupVersions,
    );
  });
}

test('conformance 18: a metric is a subresource in the form of the contract', async () => {
  const { body } = await createTestServer().get<ApiGroupDiscoveryList>('/apis', { accept: accepts('v2') });
  const [pods] = body.items[0]?.versions[0]?.resources ?? [];
  assert.deepEqual(
    { ...pods, subresources: pods?.subresources?.slice(0, 1) },
    {
      ...{ resource: 'pods', scope: 'Namespaced', singularResource: '', verbs: [] },
      responseKind: { group: '', version: '', kind: '' },
      subresources: [
        {
          subresource: RATE_NAMES[0],
          responseKind: { group: 'custom.metrics.k8s.io', version: 'v1beta2', kind: 'MetricValueList' },
          verbs: ['get'],
        },
      ],
    },
  );
});

const NEGOTIATION: readonly (readonly [string, string])[] = [
  [AGGREGATOR, 'v2'],
  [`${accepts('v2beta1')},${accepts('v2')}`, 'v2beta1'],
  [`${accepts('v2beta1')},application/json`, 'v2beta1'],
  [`application/json,${accepts('v2')}`, 'plain'],
  [`application/json;q=0.5, ${accepts('v2')};q=0.9`, 'v2'],
  [`${accepts('v2')};q=0.1, */*`, 'plain'],
  [`${accepts('v2')};q=0`, 'plain'],
  ['application/json; G="apidiscovery.k8s.io" ; v="v2"; as="APIGroupDiscoveryList"', 'v2'],
  [accepts('v3'), 'plain'],
  [`${accepts('v3')},${accepts('v2')}`, 'v2'],
  ['application/json;as=Table;g=meta.k8s.io;v=v1', 'plain'],
  ['application/vnd.kubernetes.protobuf', 'plain'],
  ['application/json, */*', 'plain'],
  [', ;;=,', 'plain'],
  ['', 'plain'],
];
for (const [accept, wanted] of NEGOTIATION) {
  test(`conformance 18: Accept ${JSON.stringify(accept)} gets ${wanted}`, async () => {
    const { body, statusCode } = await createTestServer().get<ApiGroupList | ApiGroupDiscoveryList>('/apis', {
      accept,
    });
    assert.equal(statusCode, 200);
    assert.equal(body.apiVersion, wanted === 'plain' ? 'v1' : `apidiscovery.k8s.io/${wanted}`);
  });
}

const DOCUMENTS = [
  '/apis',
  ...groups.map(({ name }) => `/apis/${name}`),
  ...groupVersions.map((one) => `/apis/${one}`),
  '/version',
  '/',
];
test('conformance 18: each document has a tag of its own, the hash of its bytes', async () => {
  const server = createTestServer();
  const tags = new Set<unknown>();
  for (const accept of [accepts('v2'), accepts('v2beta1'), '']) {
    for (const path of accept === '' ? DOCUMENTS : ['/apis']) {
      for (const query of ['', '?pretty=true']) {
        const { headers, text } = await server.get(`${path}${query}`, { accept });
        assert.equal(headers['etag'], `"${createHash('sha512').update(text).digest('hex').toUpperCase()}"`);
        tags.add(headers['etag']);
      }
    }
  }
  assert.equal(tags.size, 2 * (DOCUMENTS.length + 2));
});

test('conformance 18: who has the document gets 304 without a body', async () => {
  const server = createTestServer();
  for (const headers of [{ accept: AGGREGATOR }, { accept: 'application/json' }] as const) {
    const first = await server.get('/apis', headers);
    const tag = String(first.headers['etag']);
    for (const ifNoneMatch of [tag, `W/${tag}`, `"a", ${tag}`, '*', ` "b",W/${tag} `]) {
      const answer = await server.get('/apis', { ...headers, 'if-none-match': ifNoneMatch });
      assert.deepEqual([answer.statusCode, answer.text, answer.headers['etag']], [304, '', tag], ifNoneMatch);
      assert.equal(answer.headers['vary'], 'Accept');
    }
    for (const other of ['"a"', tag.slice(1, -1), tag.toLowerCase(), '', 'W/*']) {
      assert.equal((await server.get('/apis', { ...headers, 'if-none-match': other })).statusCode, 200, other);
    }
  }
});

test('conformance 18: the tag of one form is no tag of another', async () => {
  const server = createTestServer();
  const { headers } = await server.get('/apis', { accept: AGGREGATOR });
  const tag = { 'if-none-match': String(headers['etag']) };
  assert.equal((await server.get('/apis', { ...tag, accept: 'application/json' })).statusCode, 200);
  assert.equal((await server.get('/apis?pretty=1', { ...tag, accept: AGGREGATOR })).statusCode, 200);
});

test('people get discovery indented, programs compact', async () => {
  const server = createTestServer();
  assert.match((await server.get('/apis', { 'user-agent': 'curl/8.0' })).text, /^{\n {2}"kind"/);
  assert.match((await server.get('/apis?pretty=0', { 'user-agent': 'curl/8.0' })).text, /^{"kind".*}\n$/);
  assert.match((await server.get('/version?pretty=t')).text, /^{\n/);
});

const discovery = recordings.filter(({ url }) => url === '/apis' || /^\/apis\/[^/]+\/[^/]+$/.test(url));
test('the recording has the requests that the replay is for', () => {
  assert.equal(discovery.length, 8);
});
for (const [i, { url, headers }] of discovery.entries()) {
  test(`conformance 1, 18: recorded request ${i}, ${url}, is answered`, async () => {
    const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    const answer = await createTestServer().get<ApiResourceList>(url, sent);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['retry-after'], undefined);
    assert.equal(answer.headers['location'], undefined);
    assert.match(String(answer.headers['content-type']), /^application\/json(;g=apidiscovery|$)/);
    assert.ok(answer.text.endsWith('}\n'));
    if (url === '/apis') assert.equal(answer.headers['content-type'], accepts('v2'));
    else assert.equal(`/apis/${answer.body.groupVersion}`, url);
  });
}

test('/ lists the paths that take no name, /version says who serves', async () => {
  const server = createTestServer();
  const { body } = await server.get<PathList>('/');
  for (const path of ['/apis', '/apis/podnet.dev/v1alpha1', '/healthz', '/metrics', '/openapi/v2', '/version'])
    assert.ok(body.paths.includes(path), path);
  for (const path of body.paths) assert.notEqual((await server.get(path)).statusCode, 404, path);
  const { body: version } = await server.get<VersionInfo>('/version');
  assert.deepEqual([version.major, version.minor, version.gitVersion], ['0', '0', 'v0.0.0']);
  for (const [field, value] of Object.entries(version)) assert.equal(typeof value, 'string', field);
});
