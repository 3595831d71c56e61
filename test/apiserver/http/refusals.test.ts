import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { NODE_REPORTS_PATH } from '../../../openapi/report-terms.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { connectOverHttp2 } from '../../support/connections.js';
import { exchange, parseAnswer, parseStatus } from '../../support/shell.js';

const REQUEST = (line: string, headers = ''): string =>
  `${line} HTTP/1.1\r\nHost: x\r\nconnection: close\r\n${headers}\r\n`;
const METRIC = metricPath('*', 'network_receive_bytes_per_second');
const POST = (headers: string): string => REQUEST(`POST ${NODE_REPORTS_PATH}`, headers);

describe('refusals', () => {
  const app: TestServer = createTestServer();
  let server: Awaited<ReturnType<TestServer['listen']>>;
  before(async () => {
    server = await app.listen();
  });
  after(() => server.close());

  const CASES: readonly (readonly [string, string, number, string])[] = [
    ['a path that is none', REQUEST('GET /nope'), 404, 'NotFound'],
    ['an URL that cannot be decoded', REQUEST('GET /apis/%zz'), 400, 'BadRequest'],
    ['a method that no route has', REQUEST('TRACE /apis'), 405, 'MethodNotAllowed'],
    ['a method that nobody knows', REQUEST('FOO /apis'), 405, 'MethodNotAllowed'],
    ['a method of letters that are none', REQUEST('G@T /apis'), 400, 'BadRequest'],
    ['a method of WebDAV', REQUEST('PROPFIND /apis'), 405, 'MethodNotAllowed'],
    ['CONNECT', 'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n', 405, 'MethodNotAllowed'],
    ['OPTIONS', REQUEST('OPTIONS /metrics'), 405, 'MethodNotAllowed'],
    ['an expectation', REQUEST('GET /apis', 'expect: coffee\r\n'), 417, 'ExpectationFailed'],
    ['an URL of 17 KiB', REQUEST(`GET /apis?${'x'.repeat(17 * 1024)}`), 414, 'RequestURITooLong'],
    ['a name of 600 characters', REQUEST(`GET ${metricPath('x'.repeat(600), 'y')}`), 414, 'RequestURITooLong'],
    ['headers of 70 KiB', REQUEST('GET /apis', `x: ${'y'.repeat(70 * 1024)}\r\n`), 431, 'RequestHeaderFieldsTooLarge'],
    [
      '10,000 headers',
      REQUEST('GET /apis', Array.from({ length: 10_000 }, (_, i) => `x-${i}: y\r\n`).join('')),
      431,
      'RequestHeaderFieldsTooLarge',
    ],
    [
      'a body that is no JSON',
      POST('content-type: text/plain\r\ncontent-length: 1\r\n') + 'x',
      415,
      'UnsupportedMediaType',
    ],
    [
      'a body that says it is too large',
      POST('content-type: application/json\r\ncontent-length: 99000000\r\n'),
      413,
      'RequestEntityTooLarge',
    ],
    ['two lengths of a body', POST('content-length: 1\r\ncontent-length: 2\r\n') + 'xx', 400, 'BadRequest'],
    [
      'a length and chunks',
      POST('content-length: 1\r\ntransfer-encoding: chunked\r\n') + '0\r\n\r\n',
      400,
      'BadRequest',
    ],
    ['a header line without a name', REQUEST('GET /apis', ': x\r\n'), 400, 'BadRequest'],
    ['NUL in a header', REQUEST('GET /apis', 'x: a\0b\r\n'), 400, 'BadRequest'],
    ['HTTP of another version', 'GET / HTTP/3.7\r\n\r\n', 400, 'BadRequest'],
    ['no HTTP at all', '\x16\x03\x01hello\r\n\r\n', 400, 'BadRequest'],
  ];
  for (const [what, bytes, code, reason] of CASES) {
    test(`${what} gets a ${code} Status`, async () => {
      const answer = await exchange(server, bytes);
      assert.deepEqual(parseStatus(answer), { code, reason });
      const { headers } = parseAnswer(answer);
      assert.deepEqual([headers.get('retry-after'), headers.get('location')], [undefined, undefined]);
    });
  }

  test('HEAD gets the headers of a 405, and no body', async () => {
    const { code, headers } = parseAnswer(await exchange(server, REQUEST('HEAD /apis')));
    assert.deepEqual([code, headers.get('content-type')], [405, 'application/json; charset=utf-8']);
  });

  test('HTTP without TLS is not answered, and costs nobody else anything', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    let received = '';
    socket.on('data', (chunk) => (received += String(chunk)));
    await once(socket, 'close');
    assert.equal(received, '');
    assert.equal(parseAnswer(await exchange(server, REQUEST('GET /livez'))).text, 'ok');
  });

  const HTTP2_CASES: readonly (readonly [
    string,
    { method?: string; path: string; headers?: Record<string, string> },
    number,
  ])[] = [
    ['a method that nobody knows', { method: 'FOO', path: '/apis' }, 405],
    ['TRACE', { method: 'TRACE', path: '/apis' }, 405],
    ['an expectation', { path: '/apis', headers: { expect: 'coffee' } }, 417],
    ['an URL of 17 KiB', { path: `/apis?${'x'.repeat(17 * 1024)}` }, 414],
    ['a path that is none', { path: '/nope' }, 404],
    ['an URL that cannot be decoded', { path: '/apis/%zz' }, 400],
  ];
  for (const [what, { path, ...question }, code] of HTTP2_CASES) {
    test(`${what} gets a ${code} Status over HTTP/2`, async () => {
      const connection = connectOverHttp2(server);
      try {
        const { statusCode, body } = await connection.ask(path, question);
        assert.deepEqual([statusCode, body.kind, body.code], [code, 'Status', code]);
      } finally {
        connection.close();
      }
    });
  }

  test('headers too large for HTTP/2 cost their stream, not its session', async () => {
    const session = connectHttp2(server.url, { ca: server.ca, maxSendHeaderBlockLength: 1_000_000 });
    try {
      await once(session, 'remoteSettings');
      const large = Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`x-${i}`, 'y']));
      const refused = session.request({ ':path': '/apis', ...large });
      await assert.rejects(once(refused, 'response'), /ENHANCE_YOUR_CALM/);
      const [headers] = (await once(session.request({ ':path': '/livez' }).resume(), 'response')) as [
        Record<string, unknown>,
      ];
      assert.equal(headers[':status'], 200);
    } finally {
      session.destroy();
    }
  });

  test('a metric is JSON for whoever takes JSON in some form, and a 406 for others', async () => {
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    for (const accept of [
      '',
      '*/*',
      'application/json, */*',
      'application/vnd.kubernetes.protobuf, */*',
      `${table},application/json`,
    ]) {
      assert.equal((await app.get(METRIC, { accept })).statusCode, 200, accept);
    }
    const external = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/network_receive_bytes_per_second';
    for (const path of [
      METRIC,
      external,
      '/apis/podnet.dev/v1alpha1/namespaces/default/explain/network_receive_bytes_per_second',
    ]) {
      for (const accept of ['text/html', 'application/vnd.kubernetes.protobuf', table, '*/*;q=0']) {
        const { statusCode, body } = await app.get(path, { accept });
        assert.deepEqual(
          [statusCode, body.reason, body.message],
          [406, 'NotAcceptable', 'only the following media types are accepted: application/json'],
          `${path} ${accept}`,
        );
      }
    }
  });

  test('a resource of our own has a Table, and a 406 for who takes neither', async () => {
    const path = '/apis/podnet.dev/v1alpha1/podnetworks';
    const table = await app.get<{ kind: string }>(path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    assert.deepEqual([table.statusCode, table.body.kind], [200, 'Table']);
    assert.equal((await app.get(path, { accept: 'text/html' })).statusCode, 406);
    assert.equal(
      (await app.get(`${path.replace('podnetworks', 'nodenetworks')}/n`, { accept: 'text/html' })).statusCode,
      406,
    );
  });

  test('no refusal is an error in the log', () => {
    assert.deepEqual(
      app.logged.filter((line) => /error|warn/i.test(line)),
      [],
    );
  });
});
