import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { App } from '../../../apiserver/api/app-types.js';
import { eventually } from '../../support/programs.js';
import { connectRaw, parseStatus, runShell, type RunningShell } from '../../support/shell.js';

const MEGABYTE = Buffer.alloc(1024 * 1024, 'x');
const BIG_MEGABYTES = 64;

/** Answers that begin, that are large, that never come, and one that reads a body. */
function declareRoutes(app: App): void {
  app.get('/ok', () => 'ok');
  app.get('/big', (_request, reply) =>
    reply.send(Readable.from(Array.from({ length: BIG_MEGABYTES }, () => MEGABYTE))),
  );
  app.get('/large', () => 'x'.repeat(40 * 1024 * 1024));
  app.get('/late', async () => {
    await delay(800);
    return 'x'.repeat(40 * 1024 * 1024);
  });
  app.get('/never', () => new Promise(() => undefined));
  app.post('/body', (request) => ({ got: request.body }));
}

const POST = 'POST /body HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n';

describe('slow clients', { concurrency: true }, () => {
  let server: RunningShell;
  before(async () => {
    server = await runShell(
      {
        // Clients are in the same process: on a busy machine a handshake takes a part of a second.
        ...{ handshakeTimeoutMs: 2_000, headersTimeoutMs: 1_500, requestTimeoutMs: 1_800, timeoutCheckMs: 100 },
        ...{ handlerTimeoutMs: 3_000, stallTimeoutMs: 1_200, idleTimeoutMs: 5_000, drainTimeoutMs: 500 },
      },
      declareRoutes,
    );
  });
  after(() => server.close());

  function session(): ClientHttp2Session {
    const opened = connectHttp2(server.url, { ca: server.ca });
    opened.on('error', () => undefined);
    return opened;
  }

  test('a connection that never shakes hands is closed', async () => {
    const socket = connect(server.port, '127.0.0.1').resume();
    socket.on('error', () => undefined);
    await once(socket, 'close');
  });

  test('a connection that asks nothing, or half of it, gets a 408 and is closed', async () => {
    for (const bytes of ['', 'GET /ok HT', 'GET /ok HTTP/1.1\r\nHost: x\r\n', POST, `${POST}{"a"`]) {
      const { socket, closed } = await connectRaw(server);
      socket.write(bytes);
      assert.deepEqual(parseStatus(await closed), { code: 408, reason: 'RequestTimeout' }, bytes);
    }
  });

  test('headers that come a byte at a time are not waited for', async () => {
    const { socket, closed } = await connectRaw(server);
    socket.write('GET /ok HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => socket.write('a'), 50);
    assert.equal(parseStatus(await closed).code, 408);
    clearInterval(drip);
  });

  test('a second request that stays half is closed without an answer', async () => {
    const { socket, closed } = await connectRaw(server);
    socket.write('GET /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /ok HT');
    assert.match(await closed, /^HTTP\/1\.1 200 [^]*ok$/);
  });

  test('an idle connection is kept for its time, and then closed', async () => {
    const connection = await connectRaw(server);
    const { socket, closed } = connection;
    socket.write('GET /ok HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(
      async () => Promise.resolve(connection.received()),
      (text) => text.endsWith('ok'),
    );
    await delay(3_200); // longer than any bound but that of idleness
    socket.write('GET /ok HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await closed).match(/200 OK/g)?.length, 2);
  });

  test('an idle session of HTTP/2 is closed', async () => {
    const opened = session();
    await once(opened, 'close');
  });

  test('a body that does not come to its end gets a 408 over HTTP/2', async () => {
    const opened = session();
    const stream = opened.request({ ':path': '/body', ':method': 'POST', 'content-type': 'application/json' });
    stream.on('error', () => undefined);
    stream.write('{"a"');
    const startedMs = performance.now();
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    await once(stream, 'close');
    assert.ok(performance.now() - startedMs < 4_500, 'with its answer, not with its session');
    assert.equal(headers[':status'], 408);
    assert.match(text, /"kind":"Status".*"reason":"RequestTimeout"/);
    opened.close();
  });

  test('a handler that waits for others gets its client a 504', async () => {
    const opened = session();
    const stream = opened.request({ ':path': '/never' });
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(stream, 'close');
    assert.match(text, /"reason":"Timeout","code":504/);
    opened.close();
    const { socket, closed } = await connectRaw(server);
    socket.write('GET /never HTTP/1.1\r\nHost: x\r\nconnection: close\r\n\r\n');
    assert.deepEqual(parseStatus(await closed), { code: 504, reason: 'Timeout' });
  });

  for (const path of ['/big', '/large']) {
    test(`an answer of which nothing is taken is given up: ${path}`, async () => {
      const [connection, opened] = [await connectRaw(server), session()];
      connection.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      connection.socket.pause();
      const stream = opened.request({ ':path': path });
      stream.on('error', () => undefined);
      const closed = new Promise((resolve) => stream.once('close', resolve));
      await Promise.race([once(stream, 'response'), closed]); // a busy machine may see its end first
      stream.pause();
      await closed; // nothing was read, so only the server can have done it
      const [headers] = (await once(opened.request({ ':path': '/ok' }).resume(), 'response')) as [
        Record<string, unknown>,
      ];
      assert.equal(headers[':status'], 200);
      await delay(1_000); // the other connection began before this one
      connection.socket.resume();
      assert.ok((await connection.closed).length < 40 * 1024 * 1024);
      opened.destroy();
    });
  }
});

test('an answer that begins later than it may stall is given up, too, when nothing of it is taken', async () => {
  const server = await runShell({ stallTimeoutMs: 500 }, declareRoutes);
  const connection = await connectRaw(server);
  connection.socket.write('GET /late HTTP/1.1\r\nHost: x\r\n\r\n');
  connection.socket.pause();
  const opened = connectHttp2(server.url, { ca: server.ca });
  opened.on('error', () => undefined);
  const stream = opened.request({ ':path': '/late' });
  stream.on('error', () => undefined);
  const closed = new Promise((resolve) => stream.once('close', resolve));
  await Promise.race([once(stream, 'response'), closed]);
  stream.pause();
  await closed;
  assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL);
  await delay(500);
  connection.socket.resume();
  assert.ok((await connection.closed).length < 40 * 1024 * 1024);
  opened.destroy();
  await server.close();
});

// By itself: what others do in this process must not look like a client that takes nothing.
test('an answer that is taken slowly is taken whole', async () => {
  const server = await runShell({ stallTimeoutMs: 1_000 }, declareRoutes);
  const { socket, closed } = await connectRaw(server);
  socket.write('GET /big HTTP/1.1\r\nHost: x\r\nconnection: close\r\n\r\n');
  const startedMs = performance.now();
  let untilPause = 0;
  socket.on('data', ({ length }: Buffer) => {
    untilPause += length;
    if (untilPause < 8 * 1024 * 1024) return;
    untilPause = 0;
    socket.pause();
    setTimeout(() => socket.resume(), 300);
  });
  assert.ok((await closed).length > BIG_MEGABYTES * 1024 * 1024);
  assert.ok(performance.now() - startedMs > 2_000, 'twice the bound');
  await server.close();
});
