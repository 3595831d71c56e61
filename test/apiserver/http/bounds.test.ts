import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { App } from '../../../apiserver/api/app-types.js';
import { createTestServer, metricPath } from '../../support/app.js';
import { connectOverHttp1, connectOverHttp2 } from '../../support/connections.js';
import { eventually } from '../../support/programs.js';
import { connectRaw, exchange, parseAnswer, runShell, type RunningShell } from '../../support/shell.js';

const MEGABYTES = 40;

function declareRoutes(app: App): void {
  app.get('/groups', ({ raw }) => ({ groups: raw.rawHeaders.filter((text) => text.startsWith('team-')).length }));
  app.get('/large', () => 'x'.repeat(MEGABYTES * 1024 * 1024));
  app.get('/whole', (_request, reply) => {
    reply.hijack();
    reply.raw.end(Buffer.alloc(MEGABYTES * 1024 * 1024, 'x'));
  });
  app.get('/never', () => new Promise(() => undefined));
  app.post('/body', () => ({}));
}

describe('bounds', () => {
  let server: RunningShell;
  before(async () => {
    server = await runShell({ connections: 4, drainTimeoutMs: 500 }, declareRoutes);
  });
  after(() => server.close());

  const openConnections = (): Promise<number> =>
    new Promise((resolve, reject) => {
      server.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  const untilClosed = () => eventually(openConnections, (count) => count === 0);

  test('no header of many is lost: 2,500 groups arrive over either protocol', async () => {
    const groups = Array.from({ length: 2_500 }, (_, i) => `team-${i}`);
    const lines = groups.map((group) => `g: ${group}\r\n`).join('');
    const answer = await exchange(server, `GET /groups HTTP/1.1\r\nHost: x\r\nconnection: close\r\n${lines}\r\n`);
    assert.equal(parseAnswer(answer).text, '{"groups":2500}\n');
    const connection = connectOverHttp2(server);
    const { body } = await connection.ask<{ groups: number }>('/groups', { headers: { 'x-g': groups } });
    assert.equal(body.groups, 2_500);
    connection.close();
    await untilClosed();
  });

  test('a user of 700 groups with long names is heard over either protocol', async () => {
    const groups = Array.from({ length: 700 }, (_, i) => `team-${i}-${'x'.repeat(40)}`);
    for (const connection of [connectOverHttp1(server), connectOverHttp2(server)]) {
      const { body } = await connection.ask<{ groups: number }>('/groups', { headers: { 'X-Remote-Group': groups } });
      assert.equal(body.groups, 700);
      connection.close();
    }
    await untilClosed();
  });

  test('a connection too many is closed, and those before it go on', async () => {
    const kept = await Promise.all(Array.from({ length: 4 }, () => connectRaw(server)));
    const refused = connect(server.port, '127.0.0.1').resume();
    refused.on('error', () => undefined);
    const startedMs = performance.now();
    await once(refused, 'close');
    assert.ok(performance.now() - startedMs < 5_000, 'at once, not when its handshake takes too long');
    for (const { socket } of kept) socket.write('GET /groups HTTP/1.1\r\nHost: x\r\nconnection: close\r\n\r\n');
    for (const { closed } of kept) assert.equal(parseAnswer(await closed).code, 200);
    await untilClosed();
  });

  test('a large answer that is not taken leaves room for others on its session', async () => {
    const session = connectHttp2(server.url, { ca: server.ca });
    const stalled = session.request({ ':path': '/whole' }); // handed over in one piece, which counts as memory of the session
    await once(stalled, 'response');
    stalled.pause();
    for (let i = 0; i < 3; i++) {
      const [headers] = (await once(session.request({ ':path': '/groups' }).resume(), 'response')) as [
        Record<string, unknown>,
      ];
      assert.equal(headers[':status'], 200);
    }
    assert.equal(session.remoteSettings.maxConcurrentStreams, 250);
    session.destroy();
    await untilClosed();
  });

  test('a stream ends with its answer, though its body never ends', async () => {
    const session = connectHttp2(server.url, { ca: server.ca });
    const stream = session.request({ ':path': '/body', ':method': 'POST' });
    stream.write('x');
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    await once(stream.resume(), 'close');
    assert.equal(headers[':status'], 200);
    session.destroy();
    await untilClosed();
  });

  test('clients that break off cost no line in the log and no connection', async () => {
    const before = server.logged.length;
    const post = 'POST /body HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a"';
    for (const bytes of [
      'GET /gro',
      post,
      'GET /never HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /large HTTP/1.1\r\nHost: x\r\n\r\n',
    ]) {
      const tcp = connect(server.port, '127.0.0.1');
      const socket = connectTls({ socket: tcp, ca: server.ca, servername: '', checkServerIdentity: () => undefined });
      await once(socket, 'secureConnect');
      socket.on('error', () => undefined);
      socket.write(bytes);
      if (bytes.includes('large')) await once(socket, 'data');
      else await eventually(openConnections, (count) => count === 1);
      tcp.resetAndDestroy();
      await untilClosed();
    }
    for (const path of ['/body', '/never', '/large']) {
      const session = connectHttp2(server.url, { ca: server.ca });
      session.on('error', () => undefined);
      const method = path === '/body' ? 'POST' : 'GET';
      const stream = session.request({ ':path': path, ':method': method, 'content-type': 'application/json' });
      stream.on('error', () => undefined);
      if (method === 'POST') stream.write('{"a"');
      if (path === '/large') await once(stream, 'response');
      else await new Promise((resolve) => session.ping(() => resolve(undefined))); // the server has seen the stream
      stream.close(constants.NGHTTP2_CANCEL);
      await new Promise((resolve) => stream.once('close', resolve));
      session.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR);
      await untilClosed();
    }
    assert.deepEqual(server.logged.slice(before), []);
  });
});

test('a selector of more requirements or values than anybody needs is a 400', async () => {
  const server = createTestServer();
  const ask = async (labelSelector: string) =>
    (await server.get(metricPath('*', 'network_receive_bytes_per_second', { labelSelector }))).statusCode;
  const many = (count: number) => Array.from({ length: count }, (_, i) => `v${i}`).join(',');
  assert.equal(await ask(`app in (${many(1_000)})`), 200);
  assert.equal(await ask(`app in (${many(1_001)})`), 400);
  assert.equal(await ask(many(256)), 200);
  assert.equal(await ask(many(257)), 400);
  const fields = Array.from({ length: 65 }, () => 'metadata.name!=x').join(',');
  assert.equal((await server.get(`/apis/podnet.dev/v1alpha1/podnetworks?fieldSelector=${fields}`)).statusCode, 400);
});
