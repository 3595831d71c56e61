import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { spawn } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { createDialTarget, dial } from '../../../nodeagent/probes/dial.js';
import type { Outcome } from '../../../nodeagent/probes/probe.js';
import { systemClock } from '../../../runtime/clock.js';
import { eventually } from '../../support/programs.js';

const nowMs = (): number => systemClock.monotonicMs();
const LOOPBACK = ['127.0.0.1', '::1'] as const;
/** Long enough for a machine that is busy. */
const PATIENT_MS = 20_000;

function dialOf(host: string, port: number, timeoutMs = PATIENT_MS, signal = new AbortController().signal) {
  return dial({ host, port }, { timeoutMs, signal }, nowMs);
}

/** A server of TCP, and its connections, for as long as its scope. */
async function serve(host: string, onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await once(server.listen(0, host), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    [Symbol.asyncDispose]: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

function assertReached(outcome: Outcome, withinMs: number): void {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  assert.ok(outcome.seconds > 0 && outcome.seconds <= withinMs / 1_000, `${outcome.seconds} s of ${withinMs} ms`);
}

for (const host of LOOPBACK) {
  test(`${host}: a connection has a latency, and no longer one than it took`, async () => {
    await using server = await serve(host, (socket) => socket.resume().end());
    const begunMs = nowMs();
    const outcome = await dialOf(host, server.port);
    assertReached(outcome, nowMs() - begunMs);
  });

  test(`${host}: a port that nobody listens on refuses`, async () => {
    const server = await serve(host, () => undefined);
    await server[Symbol.asyncDispose]();
    assert.deepEqual(await dialOf(host, server.port), { ok: false, reason: 'refused' });
  });
}

test('a peer that accepts and never answers was reached, and is not held on to', async () => {
  await using server = await serve('127.0.0.1', () => undefined);
  const before = await countDescriptors();
  const begunMs = nowMs();
  assertReached(await dialOf('127.0.0.1', server.port), nowMs() - begunMs);
  await eventually(countDescriptors, (count) => count === before + 1); // the other end of it, in this process as well
});

test('a peer that talks without end was reached, and is not listened to without end', async () => {
  await using server = await serve('127.0.0.1', (socket) => {
    const talk = (): void => {
      while (socket.write(Buffer.alloc(16_384)));
    };
    socket.on('drain', talk);
    talk();
  });
  const before = await countDescriptors();
  assert.ok((await dialOf('127.0.0.1', server.port)).ok);
  await eventually(countDescriptors, (count) => count <= before + 1);
});

const RESETTING = `
  require('node:net').createServer((socket) => socket.on('error', () => {}).resetAndDestroy())
    .listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;

test('a connection that is reset before it was seen is reset', async () => {
  await using server = await play(RESETTING);
  const dialled = dialOf('127.0.0.1', server.port);
  // Right after connect(2) nothing is done here until the reset is there, too.
  process.nextTick(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000));
  assert.deepEqual(await dialled, { ok: false, reason: 'reset' });
});

/** A script of Node's that prints its port, for as long as its scope. */
async function play(script: string) {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    port: Number(String(line)),
    child,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const LISTENING = `
  require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port); });`;

/** A server that accepts nothing, and whose backlog is full: what comes is dropped, as on a path that leads nowhere. */
async function playBlackhole() {
  const server = await play(LISTENING);
  server.child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  for (let connected = true; connected;) {
    const filler = connect({ port: server.port, host: '127.0.0.1' });
    fillers.push(filler);
    connected = await Promise.race([once(filler, 'connect').then(() => true), wait(500).then(() => false)]);
  }
  return {
    port: server.port,
    [Symbol.asyncDispose]: async () => {
      fillers.forEach((filler) => filler.on('error', () => undefined).destroy());
      await server[Symbol.asyncDispose]();
    },
  };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a server that takes no connection costs the timeout', async () => {
  await using server = await playBlackhole();
  assert.deepEqual(await dialOf('127.0.0.1', server.port, 300), { ok: false, reason: 'timeout' });
});

test('a peer that answered in time is not late because this process is', async () => {
  await using server = await play(LISTENING);
  const dialled = dialOf('127.0.0.1', server.port, 20);
  process.nextTick(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200));
  assert.ok((await dialled).ok);
});

test('a dial that nobody waits for any more ends at once, and leaves nothing', async () => {
  await using server = await playBlackhole();
  const before = await countDescriptors();
  const stop = new AbortController();
  const dialled = dialOf('127.0.0.1', server.port, 3_600_000, stop.signal);
  stop.abort();
  assert.equal((await dialled).ok, false);
  assert.equal((await dialOf('127.0.0.1', server.port, 3_600_000, AbortSignal.abort())).ok, false);
  await eventually(countDescriptors, (count) => count === before);
});

test('a name that does not resolve is told apart, within the time', async () => {
  assert.deepEqual(await dialOf('nothing-of-the-kind.invalid', 80, 2_000), { ok: false, reason: 'dns' });
});

test('200 dials leave no socket behind', async () => {
  await using server = await serve('127.0.0.1', (socket) => socket.resume().on('end', () => socket.end()));
  await using silent = await serve('::1', () => undefined);
  const refused = await serve('127.0.0.1', () => undefined);
  await refused[Symbol.asyncDispose]();
  const before = await countDescriptors();
  for (let n = 0; n < 20; n++) {
    await Promise.all([
      ...Array.from({ length: 4 }, () => dialOf('127.0.0.1', server.port)),
      ...Array.from({ length: 2 }, () => dialOf('::1', silent.port)),
      ...Array.from({ length: 4 }, () => dialOf('127.0.0.1', refused.port)),
    ]);
  }
  await eventually(
    () => silent.sockets.size,
    (count) => count === 40,
  );
  silent.sockets.forEach((socket) => socket.destroy());
  await eventually(countDescriptors, (count) => count === before);
});

async function countDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

test('a peer is the same target when its address changes', () => {
  const of = (host: string, node = 'b', network = 'default') =>
    createDialTarget({ dialled: { peer: { node, zone: 'z' } }, network, address: { host, port: 9809 }, nowMs });
  assert.equal(of('10.0.0.2').key, of('10.0.0.3').key);
  const keys = [of('10.0.0.2'), of('fd00::2'), of('10.0.0.2', 'c'), of('10.0.0.2', 'b', 'net1')].map(({ key }) => key);
  assert.equal(new Set(keys).size, 4);
  const { meta, server } = of('fd00::2');
  assert.deepEqual(meta, {
    ...{ peer: { node: 'b', zone: 'z' }, network: 'default', family: 'ipv6', address: '[fd00::2]:9809' },
  });
  assert.equal(server, 'fd00::2');
});

test('a Service is a target of its own, and says whether it failed', () => {
  const address = { host: '10.96.0.9', port: 9809 };
  const dialled = { host: 'podnet-probe.podnet-system' };
  const target = createDialTarget({ dialled, network: 'default', address, nowMs, isFailure: () => false });
  assert.deepEqual(target.meta, { ...dialled, network: 'default', family: 'ipv4', address: '10.96.0.9:9809' });
  assert.equal(target.isFailure?.(), false);
  const peer = createDialTarget({
    dialled: { peer: { node: dialled.host, zone: '' } },
    network: 'default',
    address,
    nowMs,
  });
  assert.notEqual(target.key, peer.key);
  assert.equal(peer.isFailure, undefined);
});
