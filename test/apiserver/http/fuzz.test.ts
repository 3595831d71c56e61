// Whatever comes, the answer is HTTP with a Status or a body that is known, and the server goes on.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { NODE_REPORTS_PATH } from '../../../openapi/report-terms.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { connectRaw, parseAnswer } from '../../support/shell.js';

const METRIC = metricPath('*', 'network_receive_bytes_per_second');
const KNOWN_PATHS = [
  METRIC,
  '/apis',
  '/metrics',
  '/readyz',
  '/openapi/v2',
  NODE_REPORTS_PATH,
  '/apis/podnet.dev/v1alpha1/podnetworks',
];

/** Bytes that a request line may hold, with those that lead decoders astray. */
const part = fc.oneof(
  fc.constantFrom(
    '%2F',
    '%00',
    '%zz',
    '%',
    '%c3',
    '%ff',
    '..',
    '.',
    '*',
    ':',
    ';',
    '//',
    '%2e%2e',
    '%252F',
    'namespaces',
    'pods',
    'a'.repeat(253),
  ),
  fc.stringMatching(/^[!-"$->@-~]{0,12}$/),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => encodeURIComponent(text)),
);
const path = fc.oneof(
  fc.array(part, { maxLength: 9 }).map((parts) => `/${parts.join('/')}`),
  fc.tuple(fc.constantFrom(...KNOWN_PATHS), part).map(([known, tail]) => known + tail),
  fc.constantFrom(...KNOWN_PATHS),
);
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'labelSelector',
        'metricLabelSelector',
        'fieldSelector',
        'limit',
        'continue',
        'watch',
        'pretty',
        '__proto__',
        'x[]',
      ),
      fc.constantFrom('=', '', '=='),
      part,
    ),
    { maxLength: 4 },
  )
  .map((pairs) => (pairs.length === 0 ? '' : `?${pairs.map((pair) => pair.join('')).join('&')}`));
const method = fc.constantFrom('GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'TRACE', 'FOO', 'get', 'G T', '');
const header = fc.tuple(
  fc.constantFrom(
    'accept',
    'accept-encoding',
    'user-agent',
    'if-none-match',
    'content-type',
    'content-length',
    'expect',
    'x-remote-user',
    'authorization',
    'x',
  ),
  fc.oneof(
    fc.stringMatching(/^[\t -~]{0,30}$/),
    fc.constantFrom(
      '0',
      '5',
      '-1',
      '1e3',
      '*/*',
      'gzip',
      'application/json;as=Table;g=meta.k8s.io',
      'é',
      '\0',
      ';;q=,',
    ),
  ),
);

describe('fuzz', () => {
  const app: TestServer = createTestServer();
  let server: Awaited<ReturnType<TestServer['listen']>>;
  before(async () => {
    app.clock.advance(60_000); // ready without agents
    server = await app.listen();
  });
  after(() => server.close());

  /** Sends bytes and says no more. @returns all that came back */
  async function send(bytes: string): Promise<string> {
    const { socket, closed } = await connectRaw(server);
    socket.end(bytes, 'latin1');
    return closed;
  }

  function checkAnswer(bytes: string, isHead: boolean): void {
    const { code, headers, text } = parseAnswer(bytes);
    assert.equal(headers.get('retry-after'), undefined);
    assert.ok(code === 304 || code < 300 || code >= 400, String(code));
    const type = headers.get('content-type') ?? '';
    if (code >= 400 && type.startsWith('application/json') && !isHead) {
      const body = JSON.parse(text) as { kind: string; code: number };
      assert.deepEqual([body.kind, body.code], ['Status', code]);
      assert.ok(code < 500, text);
    } else if (code !== 304) assert.match(type, /^(application\/json|text\/plain|application\/openmetrics-text)/);
  }

  test('every request is answered with a Status or a known body', async () => {
    let answered = 0;
    const request = fc.record({
      method,
      path,
      query,
      headers: fc.array(header, { maxLength: 5 }),
      body: fc.string({ maxLength: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, query, headers, body }) => {
        const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
        const bytes = `${method} ${path}${query} HTTP/1.1\r\nHost: x\r\nconnection: close\r\n${lines}\r\n${body}`;
        const answer = await send(bytes);
        if (answer === '') return; // it was not a whole request
        answered++;
        checkAnswer(answer, method === 'HEAD');
      }),
      { numRuns: 500 },
    );
    assert.ok(answered > 400, String(answered));
    await assertAlive();
  });

  test('bytes of any kind are answered, or their connection is closed', async () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc
        .array(
          fc.constantFrom(
            'GET ',
            '/',
            ' HTTP/1.1',
            '\r\n',
            '\n',
            ':',
            'Transfer-Encoding: chunked\r\n',
            '5\r\n',
            '\0',
            'a',
          ),
          { maxLength: 20 },
        )
        .map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(noise, async (bytes) => {
        const answer = await send(bytes);
        if (answer !== '') parseAnswer(answer);
      }),
      { numRuns: 200 },
    );
    await assertAlive();
  });

  test('bytes of any kind over HTTP/2 cost their connection alone', async () => {
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const settings = '\0\0\0\x04\0\0\0\0\0';
    const frame = fc
      .tuple(fc.nat(40), fc.nat(12), fc.nat(255), fc.nat(5), fc.uint8Array({ maxLength: 40 }))
      .map(([length, type, flags, id, payload]) =>
        Buffer.from([0, 0, length, type, flags, 0, 0, 0, id, ...payload]).toString('latin1'),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 6 }), async (frames) => {
        const { socket, closed } = await connectRaw(server, { protocol: 'h2' });
        socket.write(preface + settings + frames.join(''), 'latin1');
        const answered = new Promise((resolve) => socket.once('data', resolve));
        await Promise.race([answered, closed]);
        socket.end();
        socket.destroySoon();
        await closed;
      }),
      { numRuns: 100 },
    );
    await assertAlive();
  });

  test('a report of any content type and encoding is taken or refused with a Status', async () => {
    const types = fc.oneof(
      fc.constantFrom(
        'application/json',
        'application/json; charset=utf-16',
        'text/plain',
        'application/',
        '/',
        ';',
        'multipart/form-data',
      ),
      fc.stringMatching(/^[ -~]{0,30}$/),
    );
    const encodings = fc.oneof(
      fc.constantFrom('gzip', 'GZIP', 'gzip, gzip', 'br', 'identity', ''),
      fc.stringMatching(/^[ -~]{0,10}$/),
    );
    await fc.assert(
      fc.asyncProperty(types, encodings, fc.uint8Array({ maxLength: 60 }), async (type, encoding, body) => {
        const { statusCode, body: answer } = await app.pushBody(Buffer.from(body), {
          'content-type': type,
          'content-encoding': encoding,
        });
        assert.ok(statusCode >= 400 && statusCode < 500, String(statusCode));
        assert.equal(answer.code, statusCode);
      }),
      { numRuns: 300 },
    );
  });

  async function assertAlive(): Promise<void> {
    const { code, text } = parseAnswer(await send('GET /readyz HTTP/1.1\r\nHost: x\r\nconnection: close\r\n\r\n'));
    assert.deepEqual([code, text], [200, 'ok']);
    assert.deepEqual(
      app.logged.filter((line) => /\b(error|warn)\b/i.test(line.slice(0, 60))),
      [],
    );
  }
});
