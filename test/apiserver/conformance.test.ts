// The list of contract 7.1, item by item, through the whole server over TLS: a kube-apiserver beside it, the aggregator's certificate
// before it. What an item has in detail stands in the test of the part; here each is tried where a cluster would notice.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import type { Status } from '../../openapi/kubernetes.js';
import type {
  ExternalMetricValueList,
  MetricValueListV1Beta1,
  MetricValueListV1Beta2,
} from '../../openapi/metric-values.js';
import { HPA, remoteHeaders, startDeployment, type Deployment, type Sender } from '../support/deployment.js';
import {
  CUSTOM,
  CUSTOM_V1BETA1,
  EXTERNAL,
  METRIC,
  PODNET,
  POD_METRIC,
  createDemo,
  deployDemo,
} from '../support/demo-data.js';
import { createAuthority, createLeaf, authenticationData } from '../support/certificates.js';
import { connectOverHttp1, type Answer } from '../support/connections.js';
import { eventually } from '../support/programs.js';

const MASTER: Sender = { user: 'admin', groups: ['system:masters', 'system:authenticated'] };

let deployment: Deployment;
before(async () => {
  deployment = await startDeployment();
  await deployDemo(deployment);
  deployment.rules.push(({ user, resourceAttributes }) => user === HPA && resourceAttributes !== undefined);
});
after(() => deployment.close());

const get = <Body = Status>(path: string, headers: Record<string, string> = {}): Promise<Answer<Body>> =>
  deployment.viaProxy(path, MASTER, { headers }) as unknown as Promise<Answer<Body>>;
const items = async (path: string): Promise<string[]> =>
  (await get<MetricValueListV1Beta2>(path)).body.items.map(
    ({ describedObject, value }) => `${describedObject.name}=${value}`,
  );

test('conformance 1: six discovery documents are there, in shape', async () => {
  const documents = [
    '/apis',
    '/apis/custom.metrics.k8s.io',
    CUSTOM,
    CUSTOM_V1BETA1,
    '/apis/external.metrics.k8s.io',
    EXTERNAL,
  ];
  const kinds = await Promise.all(documents.map(async (path) => (await get<{ kind: string }>(path)).body.kind));
  assert.deepEqual(kinds, [
    'APIGroupList',
    'APIGroup',
    'APIResourceList',
    'APIResourceList',
    'APIGroup',
    'APIResourceList',
  ]);
});

test('conformance 2: an unknown version is a 404 Status', async () => {
  const { statusCode, body } = await get('/apis/custom.metrics.k8s.io/v9');
  assert.equal(statusCode, 404);
  assert.equal(body.message, 'the server could not find the requested resource');
});

test('conformance 3: * and %2A are the same', async () => {
  for (const all of ['*', '%2A']) {
    assert.deepEqual(await items(`${CUSTOM}/namespaces/demo/pods/${all}/${METRIC}`), ['p1=1500', 'p2=500']);
  }
});

test('conformance 4: a slash at the end is tolerated, nothing redirects', async () => {
  for (const path of [
    `${CUSTOM}/`,
    `${CUSTOM}/namespaces/demo/pods/*/${METRIC}/`,
    '/apis/',
    `${EXTERNAL}/`,
    '/openapi/v3/',
    '/metrics/',
  ]) {
    const { statusCode, headers } = await get(path);
    assert.equal(statusCode, 200, path);
    assert.equal(headers['location'], undefined);
  }
});

test('conformance 5: objects of the cluster, of a namespace, and nodes under one', async () => {
  assert.deepEqual(await items(`${CUSTOM}/nodes/node-a/${METRIC}`), ['node-a=2007']);
  assert.deepEqual(await items(`${CUSTOM}/namespaces/demo/metrics/${METRIC}`), ['demo=2k']);
  assert.deepEqual(await items(`${CUSTOM}/namespaces/podnet-system/nodes/node-a/${METRIC}`), ['node-a=2007']);
  assert.equal((await get(`${CUSTOM}/namespaces/demo/nodes/node-a/${METRIC}`)).statusCode, 403);
});

test('conformance 5: what a pod counts as a whole answers for the same objects', async () => {
  assert.deepEqual(await items(`${CUSTOM}/namespaces/demo/pods/*/${POD_METRIC}`), ['p1=1500', 'p2=500']);
  assert.deepEqual(await items(`${CUSTOM}/nodes/node-a/${POD_METRIC}`), ['node-a=2007']);
  assert.deepEqual(await items(`${CUSTOM}/namespaces/demo/metrics/${POD_METRIC}`), ['demo=2k']);
  assert.deepEqual(await items(`${CUSTOM}/namespaces/demo/services/svc1/${POD_METRIC}`), ['svc1=2k']);
});

test('conformance 6: the grammar of label selectors', async () => {
  for (const [selector, expected] of [
    ['app=web', 2],
    ['app==web', 2],
    ['app!=web', 0],
    ['app in (web,db)', 2],
    ['app notin (web)', 0],
    ['app', 2],
    ['!app', 0],
    ['!nope', 2],
    ['nope!=x', 2],
    ['app=web,pod-template-hash=5b8dd9f89', 2],
    ['app=', 0],
  ] as const) {
    const found = await items(
      `${CUSTOM}/namespaces/demo/pods/*/${METRIC}?labelSelector=${encodeURIComponent(selector)}`,
    );
    assert.equal(found.length, expected, selector);
  }
});

test('conformance 7: metric label selectors in both versions, + is a space', async () => {
  for (const root of [CUSTOM, CUSTOM_V1BETA1]) {
    const found = await items(`${root}/namespaces/demo/pods/*/${METRIC}?metricLabelSelector=network+in+%28gw%2Cgx%29`);
    assert.deepEqual(found, ['p1=0', 'p2=0']);
  }
});

test('conformance 8: a bad selector is a 400', async () => {
  for (const query of [
    'labelSelector=a%3D%3D%3Db',
    'metricLabelSelector=in+in+in',
    'labelSelector=-x',
    'fieldSelector=a%3Db',
    'limit=abc',
  ]) {
    const { statusCode, body } = await get(`${CUSTOM}/namespaces/demo/pods/*/${METRIC}?${query}`);
    assert.deepEqual([statusCode, body.reason], [400, 'BadRequest'], query);
  }
  const { body } = await get(`${CUSTOM}/namespaces/demo/pods/*/${METRIC}?labelSelector=a%3D%3D%3Db`);
  assert.match(body.message, /unable to parse requirement: found '=', expected: identifier/);
});

test('conformance 9: the three shapes of values', async () => {
  const { items: beta2 } = (await get<MetricValueListV1Beta2>(`${CUSTOM}/namespaces/demo/pods/p1/${METRIC}`)).body;
  assert.deepEqual(Object.keys(beta2[0] ?? {}), ['describedObject', 'metric', 'timestamp', 'windowSeconds', 'value']);
  const { items: beta1 } = (await get<MetricValueListV1Beta1>(`${CUSTOM_V1BETA1}/namespaces/demo/pods/p1/${METRIC}`))
    .body;
  assert.deepEqual(Object.keys(beta1[0] ?? {}), [
    'describedObject',
    'metricName',
    'timestamp',
    'window',
    'value',
    'selector',
  ]);
  const { items: external } = (await get<ExternalMetricValueList>(`${EXTERNAL}/namespaces/demo/${METRIC}`)).body;
  assert.deepEqual(Object.keys(external[0] ?? {}), ['metricName', 'metricLabels', 'timestamp', 'window', 'value']);
});

test('conformance 10: quantities are canonical', async () => {
  assert.deepEqual(await items(`${CUSTOM}/namespaces/demo/services/svc1/${METRIC}`), ['svc1=2k']);
  // the table itself: quantity.test.ts
});

test('conformance 11: errors are a Status, each with its code', async () => {
  const answers: [string, number, string][] = [
    [`${CUSTOM}/namespaces/demo/pods/nope/${METRIC}`, 404, 'NotFound'],
    [`${CUSTOM}/namespaces/demo`, 404, 'NotFound'],
    [`${CUSTOM}/namespaces/demo/pods`, 400, 'BadRequest'],
    [`${EXTERNAL}/namespaces/demo/${METRIC}?watch=true`, 405, 'MethodNotAllowed'],
  ];
  for (const [path, code, reason] of answers) {
    const { statusCode, body } = await get(path);
    assert.deepEqual([statusCode, body.kind, body.reason, body.code], [code, 'Status', reason, code], path);
  }
  const denied = await deployment.viaProxy(`${CUSTOM}/namespaces/demo/pods/*/${METRIC}`, { user: 'alice' });
  assert.deepEqual([denied.statusCode, denied.body.reason], [403, 'Forbidden']);
  assert.equal(
    denied.body.message,
    `pods.custom.metrics.k8s.io "*" is forbidden: User "alice" cannot get resource "pods/${METRIC}" in API group "custom.metrics.k8s.io" in the namespace "demo"`,
  );
  const unknown = await deployment.ask('/apis', { headers: { authorization: 'Bearer nonsense' } });
  assert.deepEqual(
    [unknown.statusCode, unknown.body.reason, unknown.body.message],
    [401, 'Unauthorized', 'Unauthorized'],
  );
  const posted = await deployment.viaProxy(`${CUSTOM}/namespaces/demo/pods/p1/${METRIC}`, MASTER, { method: 'POST' });
  assert.deepEqual([posted.statusCode, posted.body.reason], [405, 'MethodNotAllowed']);
  const refused = await get(`${CUSTOM}/namespaces/demo/pods/p1/${METRIC}`, { accept: 'text/html' });
  assert.deepEqual([refused.statusCode, refused.body.reason], [406, 'NotAcceptable']);
});

/** Every GET there is, with names that exist; what a document lists and this has not fails the test. */
async function everyGet(): Promise<string[]> {
  const { body } = await get<{ paths: Record<string, Record<string, unknown>> }>('/openapi/v2');
  const names: Record<string, string> = {
    ...{ namespace: 'demo', resource: 'services', name: 'svc1', metric: METRIC, check: 'ping' },
    ...{ group: 'podnet.dev', version: 'v1alpha1', part: 'version' },
  };
  const paths = Object.entries(body.paths).flatMap(([path, operations]) => ('get' in operations ? [path] : []));
  return paths.map((path) =>
    path.replace(/\{(\w+)\}/g, (_, name: string) => names[name] ?? assert.fail(`${path}: ${name}`)),
  );
}

test('conformance 12: no GET has a Retry-After', async () => {
  const paths = await everyGet();
  assert.ok(paths.length > 25, String(paths.length));
  for (const path of paths) {
    for (const sender of [MASTER, { user: 'alice' }]) {
      const { statusCode, headers } = await deployment.viaProxy(path, sender);
      assert.equal(headers['retry-after'], undefined, path);
      assert.ok(statusCode < 300 || statusCode >= 400, path);
    }
  }
});

test('conformance 13: JSON everywhere but where text is due', async () => {
  const text = /^\/(healthz|livez|readyz|metrics)/;
  for (const path of await everyGet()) {
    const { headers } = await get(path);
    assert.match(
      String(headers['content-type']),
      text.test(path) ? /^(text\/plain|application\/openmetrics)/ : /^application\/json/,
      path,
    );
  }
  for (const path of ['/%zz', `/${'a'.repeat(9_000)}`, `${CUSTOM}/namespaces/demo/pods/${'a'.repeat(600)}/${METRIC}`]) {
    const { statusCode, headers, body } = await get(path);
    assert.ok(statusCode >= 400, path.slice(0, 20));
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.equal(body.kind, 'Status');
  }
});

test('conformance 14: who the front proxy speaks for, and who is none', async () => {
  const path = `${CUSTOM}/namespaces/demo/pods/*/${METRIC}`;
  const headers = remoteHeaders(MASTER) ?? {};
  const { frontProxy, client } = deployment.authorities;
  const elsewhere = await createAuthority('front-proxy-ca');
  const codeOf = async (certificate?: Awaited<ReturnType<typeof createLeaf>>, sent = headers) =>
    (await deployment.ask(path, { headers: sent }, certificate)).statusCode;
  assert.equal(await codeOf(await createLeaf(frontProxy, 'front-proxy-client')), 200);
  assert.equal(await codeOf(await createLeaf(frontProxy, 'somebody')), 401);
  assert.equal(await codeOf(await createLeaf(elsewhere, 'front-proxy-client')), 401);
  assert.equal(await codeOf(await createLeaf(client, 'front-proxy-client')), 403); // a cluster user of that name, and no more
  const hourAgo = new Date(Date.now() - 3_600_000);
  const dayAgo = new Date(Date.now() - 86_400_000);
  assert.equal(
    await codeOf(await createLeaf(frontProxy, 'front-proxy-client', { notBefore: dayAgo, notAfter: hourAgo })),
    401,
  );
  assert.equal(await codeOf(await createLeaf(frontProxy, 'front-proxy-client'), {}), 401);
  assert.equal(await codeOf(undefined), 403); // forged: the sender is nobody
  // details, HTTP/2, commas, extra and UTF-8: auth/front-proxy.test.ts
});

test('conformance 15: rotated authorities count without a restart', async () => {
  const { api, authorities } = deployment;
  const next = await createAuthority('front-proxy-ca');
  const leaf = await createLeaf(next, 'front-proxy-client');
  const codeOf = async () => (await deployment.ask('/apis', { headers: remoteHeaders(MASTER) ?? {} }, leaf)).statusCode;
  assert.equal(await codeOf(), 401);
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  api.put(path, { data: authenticationData(`${authorities.frontProxy.cert}${next.cert}`, authorities.client.cert) });
  await eventually(codeOf, (code) => code === 200);
  assert.equal((await get('/apis')).statusCode, 200);
});

test('conformance 16: kube-apiserver is asked with these attributes', async () => {
  const { api, clock } = deployment;
  const group = 'custom.metrics.k8s.io';
  const questions: [string, object][] = [
    [
      `${CUSTOM}/namespaces/demo/pods/*/${METRIC}`,
      { verb: 'get', group, version: 'v1beta2', resource: 'pods', subresource: METRIC, name: '*', namespace: 'demo' },
    ],
    [
      `${CUSTOM}/namespaces/demo/deployments.apps/web/${METRIC}`,
      {
        verb: 'get',
        group,
        version: 'v1beta2',
        resource: 'deployments.apps',
        subresource: METRIC,
        name: 'web',
        namespace: 'demo',
      },
    ],
    [
      `${CUSTOM}/namespaces/demo/metrics/${METRIC}`,
      { verb: 'get', group, version: 'v1beta2', resource: 'metrics', name: METRIC, namespace: 'demo' },
    ],
    [
      `${CUSTOM}/nodes/node-a/${METRIC}`,
      { verb: 'get', group, version: 'v1beta2', resource: 'nodes', subresource: METRIC, name: 'node-a' },
    ],
    [
      `${EXTERNAL}/namespaces/demo/${METRIC}`,
      { verb: 'list', group: 'external.metrics.k8s.io', version: 'v1beta1', resource: METRIC, namespace: 'demo' },
    ],
  ];
  for (const [path, attributes] of questions) {
    const user = `user-${path.length}`;
    const asked = () => api.requests.filter((request) => JSON.stringify(request.body ?? '').includes(`"${user}"`));
    assert.equal((await deployment.viaProxy(path, { user })).statusCode, 403);
    assert.equal((await deployment.viaProxy(path, { user })).statusCode, 403);
    assert.equal(asked().length, 1, 'an answer is remembered');
    assert.deepEqual(
      (asked()[0]?.body as { spec: { resourceAttributes: object } }).spec.resourceAttributes,
      attributes,
    );
    clock.shiftMs += 10_001;
    await deployment.viaProxy(path, { user });
    assert.equal(asked().length, 2, 'for ten seconds');
  }
  api.misbehave(({ path }) => (path.includes('subjectaccessreviews') ? { status: 500 } : undefined));
  const { statusCode, body } = await deployment.viaProxy('/metrics', { user: 'unlucky' });
  api.misbehave(undefined);
  assert.deepEqual([statusCode, body.kind, body.reason], [500, 'Status', 'InternalError']);
});

test('conformance 17: health on its exact paths is open, below it is not', async () => {
  for (const path of ['/healthz', '/livez', '/readyz'])
    assert.equal((await deployment.ask(path)).statusCode, 200, path);
  for (const path of ['/readyz/ping', '/healthz/ping', '/metrics', '/apis', '/']) {
    assert.equal((await deployment.ask(path)).statusCode, 403, path);
  }
});

test('conformance 18: aggregated discovery has a tag, and 304 for it', async () => {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { headers } = await get('/apis', { accept });
  assert.equal(headers['content-type'], accept);
  const again = await get('/apis', { accept, 'if-none-match': String(headers['etag']) });
  assert.deepEqual([again.statusCode, again.text], [304, '']);
});

test('conformance 19: OpenAPI v2 and v3 have tags, and 304 for them', async () => {
  for (const path of ['/openapi/v2', '/openapi/v3', `/openapi/v3${CUSTOM}`, `/openapi/v3${PODNET}`]) {
    const { statusCode, headers } = await get(path);
    assert.equal(statusCode, 200, path);
    assert.equal((await get(path, { 'if-none-match': String(headers['etag']) })).statusCode, 304, path);
  }
});

test('conformance 20: HTTP/2 and HTTP/1.1 answer alike', async () => {
  const path = `${CUSTOM}/namespaces/demo/pods/*/${METRIC}`;
  const headers = remoteHeaders(MASTER) ?? {};
  const answers = await Promise.all(
    ([1, 2] as const).map((http) => deployment.connect(deployment.authorities.proxy, http).ask(path, { headers })),
  );
  const [one, two] = answers.map(({ statusCode, text }) => [statusCode, text.replace(/"timestamp":"[^"]*"/g, '')]);
  assert.deepEqual(one, two);
  assert.equal(one?.[0], 200);
});

test('conformance 21: a new certificate is served, and open connections go on', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-tls-'));
  const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  const write = async (): Promise<string> => {
    const { cert, key } = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
    await Promise.all([writeFile(keyFile, key), writeFile(certFile, cert)]);
    return cert;
  };
  const first = await write();
  const flags = ['--tls-cert-file', certFile, '--tls-private-key-file', keyFile];
  const other = await startDeployment({ flags });
  try {
    const kept = other.connect();
    assert.equal((await kept.ask('/healthz')).statusCode, 200);
    const isServed = async (ca: string): Promise<boolean> => {
      const connection = connectOverHttp1({ url: other.server.url, ca });
      const isTrusted = await connection.ask('/healthz').then(
        () => true,
        () => false,
      );
      connection.close();
      return isTrusted;
    };
    assert.equal(await isServed(first), true);
    const second = await write();
    await eventually(
      () => isServed(second),
      (isNew) => isNew,
    );
    assert.equal(await isServed(first), false);
    assert.equal((await kept.ask('/healthz')).statusCode, 200);
  } finally {
    await other.close();
    await rm(directory, { recursive: true });
  }
});

test('conformance 24: clients that leave in the middle leave nothing behind', async () => {
  const { server, logged, authorities } = deployment;
  const { hostname, port } = new URL(server.url);
  const before = logged.length;
  const headers = 'X-Remote-User: admin\r\nX-Remote-Group: system:masters\r\nHost: x\r\n';
  const requests = [
    `GET /metrics HTTP/1.1\r\n${headers}\r\n`,
    `GET /openapi/v2 HTTP/1.1\r\n${headers}\r\n`,
    `POST ${PODNET}/nodereports HTTP/1.1\r\n${headers}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\nhalf`,
  ];
  for (const request of requests) {
    const socket = connect({
      ...{ host: hostname, port: Number(port), ca: server.ca },
      ...{ cert: authorities.proxy.chain, key: authorities.proxy.key },
    });
    await once(socket, 'secureConnect');
    socket.write(request);
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  }
  const inFlight = async () => /podnet_apiserver_requests_in_flight (\d+)/.exec((await get('/metrics')).text)?.[1];
  await eventually(inFlight, (count) => count === '1'); // the scrape itself
  assert.deepEqual(
    logged.slice(before).filter((line) => /"level":"(error|warn)"/.test(line)),
    [],
  );
});

test('conformance 23: what is stale, gone or of another namespace is not answered', async () => {
  const { api, clock } = deployment;
  for (const second of [60, 61]) await createDemo(deployment).pushDemo(second);
  assert.deepEqual(await items(`${CUSTOM}/namespaces/other/pods/*/${METRIC}`), ['p1=7']);
  api.remove('/api/v1/namespaces/demo/pods/p2');
  await eventually(
    () => items(`${CUSTOM}/namespaces/demo/pods/*/${METRIC}`),
    (found) => found.length === 1,
  );
  assert.doesNotMatch((await get('/metrics?namespace=demo')).text, /pod="p2"/);
  clock.shiftMs += 60_000;
  assert.deepEqual(await items(`${CUSTOM}/namespaces/demo/pods/*/${METRIC}`), []);
});

test('conformance 25: five thousand pods in one list', async () => {
  const count = 5_000;
  for (let i = 0; i < count; i++) deployment.addPod('big', `pod-${i}`, { labels: { app: 'big' } });
  const { pushMany } = createDemo(deployment);
  await pushMany('big', count, 200);
  const path = `${CUSTOM}/namespaces/big/pods/*/${METRIC}?labelSelector=app%3Dbig`;
  const { statusCode, text } = await eventually(
    () => get<MetricValueListV1Beta2>(path),
    ({ body }) => body.items.length === count,
  );
  assert.equal(statusCode, 200);
  assert.ok(text.length < 400 * count, `${text.length} bytes`);
});
