import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestServer, metricPath } from '../../support/app.js';
import { nodeReport } from '../../support/reports.js';

const GROUP = '/apis/custom.metrics.k8s.io';
const NOT_FOUND = [
  '/nope',
  `${GROUP}/v1`,
  `${GROUP}/v1beta2/namespaces/a`,
  `${GROUP}/v1beta2/namespaces/a/pods/b/c/d`,
  '/apis/x',
];
for (const path of NOT_FOUND) {
  test(`${path} is a 404 Status`, async () => {
    const { statusCode, body } = await createTestServer().get(path);
    assert.equal(statusCode, 404);
    assert.equal(body.message, 'the server could not find the requested resource');
  });
}

test('a path with a part too few, or with an encoded slash or NUL, is a 400', async () => {
  const server = createTestServer();
  for (const path of [`${GROUP}/v1beta2/namespaces/a/pods`, metricPath('a%2Fb', 'x'), metricPath('a%00b', 'x')]) {
    const { statusCode, body } = await server.get(path);
    assert.deepEqual([statusCode, body.message], [400, 'invalid request path'], path);
  }
  assert.equal((await server.get(metricPath('%zz', 'x'))).body.reason, 'BadRequest');
});

test('a name of 253 characters is looked for, a longer one than any is refused', async () => {
  const server = createTestServer();
  assert.equal((await server.get(metricPath('x'.repeat(253), 'network_receive_bytes_per_second'))).statusCode, 404);
  assert.equal((await server.get(metricPath('x'.repeat(600), 'x'))).body.reason, 'RequestURITooLong');
});

test('other methods of a known path are a 405 Status', async () => {
  const server = createTestServer();
  for (const path of ['/apis', metricPath('*', 'x'), '/metrics', '/readyz']) {
    for (const method of ['POST', 'PUT', 'DELETE'] as const) {
      const { statusCode, body } = await server.request(method, path);
      assert.deepEqual([statusCode, body.reason], [405, 'MethodNotAllowed'], `${method} ${path}`);
    }
  }
  assert.equal((await server.request('GET', '/apis/podnet.dev/v1alpha1/nodereports')).statusCode, 405);
});

test('people get indented JSON, programs compact, both with a line end', async () => {
  const server = createTestServer();
  assert.match(
    (await server.get('/apis', { 'user-agent': 'curl/8.0' })).text,
    /^{\n {2}"kind": "APIGroupList",\n[^]*}\n$/,
  );
  assert.match((await server.get('/apis?pretty=true')).text, /^{\n/);
  assert.match((await server.get('/apis', { 'user-agent': 'kubectl/v1.34' })).text, /^{"kind":"APIGroupList",.*}\n$/);
});

test('probes answer ok, and ?verbose what they looked at', async () => {
  const server = createTestServer();
  for (const path of ['/healthz', '/livez']) assert.equal((await server.get(path)).text, 'ok');
  assert.equal((await server.get('/livez?verbose')).text, '[+]ping ok\nlivez check passed\n');
});

test('ready once an agent has reported, and then for good', async () => {
  const server = createTestServer();
  const { statusCode, text } = await server.get('/readyz');
  assert.equal(statusCode, 500);
  assert.equal(text, '[+]ping ok\n[-]reports failed: no agent has reported\n[+]nodes ok\nreadyz check failed\n');
  assert.equal((await server.get('/readyz?exclude=reports')).statusCode, 200);
  await server.push(nodeReport(1_000));
  assert.equal((await server.get('/readyz')).text, 'ok');
  assert.equal((await server.get('/readyz/reports')).statusCode, 200);
  assert.equal((await server.get('/readyz/nope')).statusCode, 404);
});

test('without any agent the server is ready after three intervals: discovery must not fail', async () => {
  const server = createTestServer();
  server.clock.advance(45_001);
  assert.equal((await server.get('/readyz')).statusCode, 200);
});
