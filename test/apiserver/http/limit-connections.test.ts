import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Limits } from '../../../apiserver/http/limits.js';
import { createLogger } from '../../../runtime/logger.js';
import { createManualClock } from '../../support/clock.js';
import { eventually, fetchText, runApiserver } from '../../support/programs.js';
import { connectRaw, parseAnswer, runShell, type RunningShell } from '../../support/shell.js';

const [CROWD, OTHER] = ['127.0.0.2', '127.0.0.3'];
const PLACES = 2;
const GET = 'GET /small HTTP/1.1\r\nHost: x\r\n';
const LAST = `${GET}connection: close\r\n\r\n`;

async function run(limits: Partial<Limits> = {}, host?: string) {
  const server = await runShell(
    { connectionsPerAddress: PLACES, drainTimeoutMs: 500, ...limits },
    (app) => app.get('/small', () => ({})),
    host,
  );
  return { ...server, [Symbol.asyncDispose]: () => server.close() };
}

/** A ClientHello that ends before it says anything: it is answered with an alert. */
const BAD_HELLO = '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00';

type Where = Pick<RunningShell, 'port'>;

async function openTcp({ port }: Where, from: string): Promise<{ socket: Socket; closed: Promise<string> }> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received)));
  await once(socket, 'connect');
  return { socket, closed };
}

/** What is answered to a bad handshake, until the server closes: nothing, where not even that is looked at. */
async function told(server: Where, from: string): Promise<string> {
  const { socket, closed } = await openTcp(server, from);
  socket.write(BAD_HELLO, 'latin1');
  return closed;
}

async function codeOf(server: RunningShell, from: string): Promise<number> {
  const { socket, closed } = await connectRaw(server, { from });
  socket.write(LAST);
  return parseAnswer(await closed).code;
}

const untilOpen = (server: RunningShell, connections: number) =>
  eventually(
    () =>
      new Promise<number>((resolve, reject) => {
        server.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    (count) => count === connections,
  );

/** Fills the places of an address, finds one more refused, and leaves. */
async function assertAllFree(server: RunningShell, message?: string): Promise<void> {
  const before = server.refused.length;
  const kept = await Promise.all(Array.from({ length: PLACES }, () => connectRaw(server, { from: CROWD })));
  assert.equal(await told(server, CROWD), '', message);
  assert.deepEqual(server.refused.slice(before), [{ reason: 'address', address: CROWD }], message);
  for (const { socket } of kept) socket.write(LAST);
  for (const { closed } of kept) assert.equal(parseAnswer(await closed).code, 200, message);
  await untilOpen(server, 0);
}

test('an address that has its connections gets no more, and another is answered', async () => {
  await using server = await run();
  const kept = await Promise.all(Array.from({ length: PLACES }, () => connectRaw(server, { from: CROWD })));
  for (let i = 0; i < 3; i++) assert.equal(await told(server, CROWD), '');
  assert.deepEqual(server.refused, Array(3).fill({ reason: 'address', address: CROWD }));
  assert.equal(await codeOf(server, OTHER), 200);
  for (const { socket } of kept) socket.write(`${GET}\r\n`);
  await eventually(
    () => kept.every((one) => one.received().startsWith('HTTP/1.1 200')),
    (isAnswered) => isAnswered,
  );
  const [first, second] = kept;
  first?.socket.end();
  await untilOpen(server, 1);
  const third = await connectRaw(server, { from: CROWD });
  assert.equal(await told(server, CROWD), '', 'the place of the first, and no other');
  for (const one of [second, third]) one?.socket.destroy();
});

/** Each opens a connection of the address and sees it end. */
const ENDS: Record<string, (server: RunningShell) => Promise<unknown>> = {
  'after an answer': (server) => codeOf(server, CROWD),
  'by the client, in order': async (server) => {
    const { socket, closed } = await connectRaw(server, { from: CROWD });
    socket.end();
    return closed;
  },
  'by a reset before a handshake': async (server) => (await openTcp(server, CROWD)).socket.resetAndDestroy(),
  'by the client, before a handshake': async (server) => (await openTcp(server, CROWD)).socket.end(),
  'by a handshake that is bad': async (server) => assert.notEqual(await told(server, CROWD), ''),
  'by a handshake that is broken off': async (server) => {
    const { socket } = await openTcp(server, CROWD);
    socket.write('\x16\x03\x01\x02\x00\x01\x00', 'latin1', () => socket.resetAndDestroy());
    return once(socket, 'close');
  },
  'by a handshake that takes too long': async (server) => (await openTcp(server, CROWD)).closed,
  'by a reset in the middle of a request': async (server) => {
    const { socket, closed } = await openTcp(server, CROWD);
    const session = connectHttp2(server.url, { ca: server.ca, socket });
    session.on('error', () => undefined);
    const stream = session.request({ ':path': '/small', ':method': 'POST' }).on('error', () => undefined);
    stream.write('{');
    await new Promise((resolve) => session.ping(() => resolve(undefined)));
    socket.resetAndDestroy();
    return closed;
  },
  'of HTTP/2, in order': async (server) => {
    const { socket, closed } = await openTcp(server, CROWD);
    const session = connectHttp2(server.url, { ca: server.ca, socket });
    await once(session, 'remoteSettings');
    session.close();
    return closed;
  },
  'by the server, when nothing is asked': async (server) => (await connectRaw(server, { from: CROWD })).closed,
  'at the limit': async (server) => {
    const kept = await Promise.all(Array.from({ length: PLACES }, () => connectRaw(server, { from: CROWD })));
    assert.equal(await told(server, CROWD), '');
    for (const { socket } of kept) socket.end();
    return Promise.all(kept.map(({ closed }) => closed));
  },
};

for (const [how, end] of Object.entries(ENDS)) {
  test(`a place is free again, once: it ended ${how}`, async () => {
    await using server = await run({
      handshakeTimeoutMs: 500,
      idleTimeoutMs: 400,
      headersTimeoutMs: 300,
      timeoutCheckMs: 100,
    });
    for (let i = 0; i <= PLACES; i++) {
      await end(server);
      await untilOpen(server, 0);
    }
    await assertAllFree(server, how);
  });
}

test('where all are served, a client of IPv4 is known by its address', async () => {
  await using server = await run({}, '::');
  await assertAllFree(server);
});

test('zero is no limit, but for that of all together', async () => {
  await using server = await run({ connections: 6, connectionsPerAddress: 0 });
  const kept = await Promise.all(Array.from({ length: 6 }, () => connectRaw(server, { from: CROWD })));
  assert.equal(await told(server, OTHER), '');
  assert.deepEqual(server.refused, [{ reason: 'server', address: OTHER }]);
  for (const { socket } of kept) socket.destroy();
});

test('the flag says how many; what is refused is counted, and logged once a second with its address', async () => {
  const logged: string[] = [];
  const log = createLogger('test', { level: 'warn', format: 'text', write: (line) => logged.push(line) });
  const clock = createManualClock();
  const server = await runApiserver(['--max-connections-per-address', '1'], { log, clock });
  const where = { port: Number(new URL(server.url).port) };
  const counted = async () =>
    (await fetchText(server, '/metrics')).text.match(/(?<=^podnet_apiserver_connections_refused_total).*$/gm);
  assert.deepEqual(await counted(), ['{reason="server"} 0', '{reason="address"} 0']);
  const kept = await connectRaw(server, { from: CROWD });
  for (let i = 0; i < 3; i++) assert.equal(await told(where, CROWD), '');
  assert.deepEqual(await counted(), ['{reason="server"} 0', '{reason="address"} 3']);
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /its address has --max-connections-per-address open .*address=127\.0\.0\.2/);
  clock.advance(1_000);
  await told(where, CROWD);
  assert.equal(logged.length, 2);
  kept.socket.destroy();
  await server.close();
});
