import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { dial } from '../../../nodeagent/probes/dial.js';
import { startProbeListener, type ListenerLimits } from '../../../nodeagent/probes/listener.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { StartError } from '../../../runtime/start-error.js';
import { eventually } from '../../support/programs.js';

const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });
const HASTY: ListenerLimits = { connections: 8, requestTimeoutMs: 500, idleTimeoutMs: 300, timeoutCheckMs: 100 };
const PATIENT: ListenerLimits = { ...HASTY, requestTimeoutMs: 600_000, idleTimeoutMs: 600_000 };
const LOOPBACK = ['127.0.0.1', '::1'] as const;

async function listen(limits?: ListenerLimits, host = '', port = 0) {
  const deps = { log, clock: systemClock, ...(limits !== undefined && { limits }) };
  const listener = await startProbeListener({ host, port }, deps);
  return { ...listener, [Symbol.asyncDispose]: () => listener.close() };
}

async function ask(host: string, port: number, path = '/blackbox', method = 'GET') {
  const [response] = (await once(request({ host, port, path, method, agent: false }).end(), 'response')) as [
    IncomingMessage,
  ];
  response.setEncoding('utf8');
  let body = '';
  for await (const text of response) body += String(text);
  return { code: response.statusCode, body, headers: response.headers };
}

async function open(port: number, host = '127.0.0.1'): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const socket = connect(port, host).on('error', () => undefined);
  const closed = once(socket.resume(), 'close');
  await once(socket, 'connect');
  return { socket, closed };
}

const dialOf = (host: string, port: number) =>
  dial({ host, port }, { timeoutMs: 20_000, signal: new AbortController().signal }, () => systemClock.monotonicMs());

for (const host of LOOPBACK) {
  test(`${host}: /blackbox is ok, on a connection of its own`, async () => {
    await using listener = await listen();
    const { code, body, headers } = await ask(host, listener.port);
    assert.deepEqual([code, body], [200, 'ok']);
    assert.deepEqual([headers['content-type'], headers.connection], ['text/plain; charset=utf-8', 'close']);
    assert.equal((await ask(host, listener.port, '/blackbox?module=tcp')).code, 200);
  });

  test(`${host}: is dialled`, async () => {
    await using listener = await listen();
    assert.ok((await dialOf(host, listener.port)).ok);
  });
}

test('what is not there is not found', async () => {
  await using listener = await listen();
  for (const [path, method] of [
    ['/', 'GET'],
    ['/metrics', 'GET'],
    ['/blackbox', 'POST'],
    ['/blackbox/', 'GET'],
  ] as const) {
    assert.equal((await ask('127.0.0.1', listener.port, path, method)).code, 404, `${method} ${path}`);
  }
});

test('a listener of one address is there, and nowhere else', async () => {
  await using listener = await listen(undefined, '127.0.0.1');
  assert.ok((await dialOf('127.0.0.1', listener.port)).ok);
  assert.deepEqual(await dialOf('::1', listener.port), { ok: false, reason: 'refused' });
});

test('a port that is taken is said before anything starts', async () => {
  await using listener = await listen();
  await assert.rejects(listen(undefined, '', listener.port), (error) => {
    assert.ok(error instanceof StartError);
    assert.match(error.message, new RegExp(`^cannot be dialled on :${listener.port}: .*EADDRINUSE`));
    return true;
  });
  await using onIpv6 = await listen(undefined, '::1');
  await assert.rejects(listen(undefined, '::1', onIpv6.port), StartError);
  await assert.rejects(listen(undefined, '203.0.113.1'), StartError);
});

test('who sends nothing is closed', async () => {
  await using listener = await listen(HASTY);
  const { closed } = await open(listener.port);
  await closed;
});

test('who sends a request a byte at a time is closed', async () => {
  await using listener = await listen(HASTY);
  const { socket, closed } = await open(listener.port);
  socket.write('GET /blackbox HTTP/1.1\r\na: ');
  const slowly = setInterval(() => socket.write('a'), 50);
  await closed.finally(() => clearInterval(slowly));
});

test('who sends what is no request is closed, and costs nothing else', async () => {
  await using listener = await listen();
  for (const bytes of [
    '\x16\x03\x01\x02\x00',
    `GET / HTTP/1.1\r\na: ${'b'.repeat(20_000)}\r\n\r\n`,
    'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n',
  ]) {
    const { socket, closed } = await open(listener.port);
    socket.write(bytes, 'latin1');
    await closed;
  }
  assert.equal((await ask('127.0.0.1', listener.port)).code, 200);
});

test('a full listener is dialled and asked, at the cost of the oldest connections', async () => {
  await using listener = await listen(PATIENT);
  const held: Awaited<ReturnType<typeof open>>[] = [];
  for (let n = 0; n < 40; n++) held.push(await open(listener.port));
  const left = (): number => held.filter(({ socket }) => !socket.destroyed).length;
  await eventually(left, (count) => count === PATIENT.connections);
  assert.ok(held.slice(-PATIENT.connections).every(({ socket }) => !socket.destroyed));
  for (const host of LOOPBACK) {
    assert.ok((await dialOf(host, listener.port)).ok);
    assert.equal((await ask(host, listener.port)).code, 200);
  }
  await eventually(left, (count) => count < PATIENT.connections);
});

test('a listener that is closed takes nothing more, and keeps nothing', async () => {
  const listener = await listen(PATIENT);
  const { closed } = await open(listener.port);
  await listener.close();
  await closed;
  assert.deepEqual(await dialOf('127.0.0.1', listener.port), { ok: false, reason: 'refused' });
});
