import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { Registry } from 'prom-client';
import { GrpcClient } from '../../../nodeagent/grpc/client.js';
import { AllocationLister, type AllocationListerDeps } from '../../../nodeagent/podresources/lister.js';
import { POD_RESOURCES_LISTER } from '../../../nodeagent/podresources/messages.js';
import { createSelfMetrics } from '../../../nodeagent/self-metrics.js';
import { Backoff } from '../../../runtime/backoff.js';
import { createLogger } from '../../../runtime/logger.js';
import { GrpcServer, makeSocketDirectory, Refusal, type Handler } from '../../support/grpc-server.js';
import { createShiftedClock, eventually, type ShiftedClock } from '../../support/programs.js';

const RECORDED = readFileSync('test/fixtures/kubelet/List.pb');
const MAX_BYTES = 16 * 1024 * 1024;
const forever = (): Promise<never> => new Promise(() => undefined);

interface Running extends AsyncDisposable {
  readonly lister: AllocationLister;
  readonly client: GrpcClient<'List'>;
  readonly clock: ShiftedClock;
  readonly logged: string[];
  /** What was said of the source, each change once. */
  readonly states: string[];
  /** What was said with them. */
  readonly details: string[];
  readonly badShown: () => Promise<unknown[]>;
}

/** Asks whoever is at the socket, twenty times a second. */
function watch(socketPath: string, overrides: Partial<AllocationListerDeps> = {}): Running {
  const logged: string[] = [];
  const states: string[] = [];
  const details: string[] = [];
  const tell = (state: string): unknown => states.at(-1) === state || states.push(state);
  const client = new GrpcClient({ socketPath, service: POD_RESOURCES_LISTER });
  const clock = createShiftedClock();
  const metrics = createSelfMetrics(new Registry(), '0');
  const lister = new AllocationLister({
    ...{ client, clock, metrics },
    states: {
      up: () => void tell('up'),
      off: (_, reason, detail = '') => {
        details.push(detail);
        tell(reason);
      },
    },
    log: createLogger('test', { level: 'debug', format: 'text', write: (line) => logged.push(line) }),
    backoff: new Backoff({ firstMs: 20, maxMs: 50, random: Math.random }),
    intervalMs: 50,
    minGapMs: 10,
    timeoutMs: 500,
    ...overrides,
  }).start();
  return {
    ...{ lister, client, clock, logged, states, details },
    badShown: async () =>
      (await metrics.badAllocations.get()).values.map(({ labels, value }) => [labels.reason, value]),
    [Symbol.asyncDispose]: () => lister.close(),
  };
}

type Kubelet = GrpcServer<'List'> & Disposable;

async function startKubelet(socketPath: string, List: Handler): Promise<Kubelet> {
  const server = await GrpcServer.start(POD_RESOURCES_LISTER, socketPath, { List });
  return Object.assign(server, { [Symbol.dispose]: () => server.stop() });
}

function podsOf({ lister }: Running): string[] | undefined {
  return lister.list?.map(({ pod }) => pod);
}

function answer(...pods: readonly string[]) {
  return { pod_resources: pods.map((name) => ({ name, namespace: 'x', containers: [{ name: 'c' }] })) };
}

async function comesTo(running: Running, state: string): Promise<void> {
  await eventually(
    () => running.states.at(-1),
    (seen) => seen === state,
  );
}

async function lists(running: Running, ...pods: readonly string[]): Promise<void> {
  await eventually(
    () => podsOf(running)?.join(),
    (seen) => seen === pods.join(),
  );
}

/** Rounds that begin after this was called. */
async function rounds(server: GrpcServer<'List'>, count: number): Promise<void> {
  const before = server.count('List');
  await eventually(
    () => server.count('List'),
    (seen) => seen > before + count,
  );
}

/** A socket of something that speaks no gRPC. */
function listen(socketPath: string, onConnection: (socket: Socket) => void): Server & Disposable {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    onConnection(socket);
  }).listen(socketPath);
  return Object.assign(server, {
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
}

test('the bytes of a kubelet come through the socket', async () => {
  await using directory = await makeSocketDirectory();
  using _kubelet = await startKubelet(directory.socketPath, () => RECORDED);
  await using running = watch(directory.socketPath);
  await running.lister.ready;
  assert.deepEqual(
    running.lister.list?.map(({ pod, container, devices, cpus }) => [
      pod,
      container,
      devices.map(({ id }) => id),
      cpus,
    ]),
    [
      ['netdev-client', 'app', ['0000:65:02.0'], []],
      ['netdev-client', 'side', [], []],
      ['hostnet', 'c', [], []],
      ['dpdk-client', 'testpmd', ['0000:17:01.2', '0000:17:01.3', 'GPU-1234'], [1]],
      ['web-5b8dd9f89-5j84t', 'c', [], []],
    ],
  );
  assert.deepEqual(running.states, ['up']);
});

test('a kubelet without pods has an empty list, not none', async () => {
  await using directory = await makeSocketDirectory();
  using _kubelet = await startKubelet(directory.socketPath, () => Buffer.alloc(0));
  await using running = watch(directory.socketPath);
  assert.equal(running.lister.list, undefined);
  await running.lister.ready;
  assert.deepEqual(running.lister.list, []);
});

test('a list follows what the kubelet says', async () => {
  await using directory = await makeSocketDirectory();
  let pods = ['a'];
  using _kubelet = await startKubelet(directory.socketPath, () => answer(...pods));
  await using running = watch(directory.socketPath);
  await lists(running, 'a');
  pods = ['b', 'c'];
  await lists(running, 'b', 'c');
  pods = [];
  await lists(running);
});

test('without a socket gRPC is not loaded, and one that appears is asked', async () => {
  await using directory = await makeSocketDirectory();
  await using running = watch(directory.socketPath);
  await running.lister.ready;
  assert.deepEqual([running.states, running.lister.list, running.client.isLoaded], [['not_found'], undefined, false]);
  using _kubelet = await startKubelet(directory.socketPath, () => answer('a'));
  await lists(running, 'a');
  assert.deepEqual(running.states, ['not_found', 'up']);
});

for (const [what, make] of [
  ['a plain file', (path: string) => writeFile(path, 'no socket')],
  ['a directory', (path: string) => mkdir(path)],
] as const) {
  test(`${what} under the path is no socket`, async () => {
    await using directory = await makeSocketDirectory();
    await make(directory.socketPath);
    await using running = watch(directory.socketPath);
    await running.lister.ready;
    assert.deepEqual([running.states, running.client.isLoaded], [['not_found'], false]);
    assert.equal(running.details[0], `${directory.socketPath}: it is no socket`);
    await rm(directory.socketPath, { recursive: true });
    using _kubelet = await startKubelet(directory.socketPath, () => answer('a'));
    await lists(running, 'a');
  });
}

test('a path through a file, or one that is too long, is no socket', async () => {
  await using directory = await makeSocketDirectory();
  await writeFile(directory.socketPath, '');
  await using through = watch(join(directory.socketPath, 'kubelet.sock'));
  await through.lister.ready;
  assert.deepEqual(through.states, ['not_found']);
  await using long = watch(join(dirname(directory.socketPath), 'x'.repeat(300)));
  await long.lister.ready;
  assert.deepEqual([long.states, long.client.isLoaded], [['unreachable'], false]);
});

test('a socket nobody listens on is unreachable, and gRPC is not loaded', async () => {
  await using directory = await makeSocketDirectory();
  const { socketPath } = directory;
  using _server = listen(`${socketPath}.old`, () => undefined);
  await rename(`${socketPath}.old`, socketPath);
  _server.close(); // the one that goes removes the path that it knows
  await using running = watch(socketPath);
  await running.lister.ready;
  assert.deepEqual([running.states, running.client.isLoaded], [['unreachable'], false]);
  assert.equal(running.details[0], `${socketPath}: connect ECONNREFUSED`);
});

test(
  'a socket that may not be asked is not permitted, and gRPC is not loaded',
  {
    skip: process.getuid?.() !== 0 && 'needs root',
  },
  async () => {
    await using directory = await makeSocketDirectory();
    const { socketPath } = directory;
    using _kubelet = await startKubelet(socketPath, () => answer('a'));
    await chmod(dirname(socketPath), 0o755);
    await chmod(socketPath, 0o755);
    process.seteuid?.(65_534);
    try {
      await using running = watch(socketPath);
      await running.lister.ready;
      assert.deepEqual([running.states, running.client.isLoaded], [['not_permitted'], false]);
    } finally {
      process.seteuid?.(0);
    }
  },
);

for (const [code, reason] of [
  [status.UNIMPLEMENTED, 'unsupported'],
  [status.PERMISSION_DENIED, 'not_permitted'],
  [status.UNAUTHENTICATED, 'not_permitted'],
  [status.RESOURCE_EXHAUSTED, 'failed'],
  [status.INTERNAL, 'failed'],
] as const) {
  test(`a kubelet that refuses with code ${code} is ${reason}, and asked again`, async () => {
    await using directory = await makeSocketDirectory();
    let isRefusing = true;
    using _kubelet = await startKubelet(directory.socketPath, () => {
      if (isRefusing) throw new Refusal(code, 'no');
      return answer('a');
    });
    await using running = watch(directory.socketPath);
    await running.lister.ready;
    assert.deepEqual([running.states, running.lister.list], [[reason], undefined]);
    isRefusing = false;
    await lists(running, 'a');
    assert.deepEqual(running.states, [reason, 'up']);
  });
}

test('a kubelet without the service is unsupported', async () => {
  await using directory = await makeSocketDirectory();
  const server = await GrpcServer.start(POD_RESOURCES_LISTER, directory.socketPath, {});
  await using running = watch(directory.socketPath);
  await running.lister.ready;
  assert.deepEqual(running.states, ['unsupported']);
  server.stop();
});

test('a kubelet that does not answer in time is unreachable, and asked again', async () => {
  await using directory = await makeSocketDirectory();
  let isHanging = true;
  using _kubelet = await startKubelet(directory.socketPath, () => (isHanging ? forever() : answer('a')));
  await using running = watch(directory.socketPath, { timeoutMs: 100 });
  await running.lister.ready;
  assert.deepEqual(running.states, ['unreachable']);
  isHanging = false;
  await lists(running, 'a');
});

test('a socket that accepts and never answers costs one connection besides the first', async () => {
  await using directory = await makeSocketDirectory();
  let accepted = 0;
  using _silent = listen(directory.socketPath, () => {
    accepted++;
  });
  await using running = watch(directory.socketPath, { timeoutMs: 50 });
  await eventually(
    () => running.details.length,
    (seen) => seen > 3,
  );
  assert.deepEqual([running.states, accepted], [['unreachable'], 2]);
});

for (const [what, onConnection] of [
  ['HTTP/1.1', (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['noise', (socket: Socket) => void socket.write(Buffer.alloc(70_000, 0xa5))],
  ['nothing and breaks', (socket: Socket) => void socket.once('data', () => socket.destroy())],
  ['nothing and closes', (socket: Socket) => void socket.end()],
] as const) {
  test(`a socket that says ${what} is unreachable, and asked again`, async () => {
    await using directory = await makeSocketDirectory();
    const other = listen(directory.socketPath, onConnection);
    await using running = watch(directory.socketPath);
    await eventually(
      () => running.details.length,
      (seen) => seen > 2,
    );
    assert.deepEqual([running.states, running.lister.list], [['unreachable'], undefined]);
    other[Symbol.dispose]();
    await rm(directory.socketPath, { force: true });
    using _kubelet = await startKubelet(directory.socketPath, () => answer('a'));
    await lists(running, 'a');
  });
}

test('bytes that are no message are a failure', async () => {
  await using directory = await makeSocketDirectory();
  using _kubelet = await startKubelet(directory.socketPath, () => Buffer.from('this is no message'));
  await using running = watch(directory.socketPath);
  await running.lister.ready;
  assert.deepEqual([running.states, running.lister.list], [['failed'], undefined]);
});

test('an answer of 16 MiB is read, and one of a byte more is a failure', async () => {
  await using directory = await makeSocketDirectory();
  // field 4 of the answer, of which nothing is known; its tag and length take 5 bytes
  const padding = (length: number): Buffer => {
    const content = length - 5;
    const size = [0, 7, 14, 21].map((shift, i) => ((content >> shift) & 0x7f) | (i < 3 ? 0x80 : 0));
    return Buffer.concat([Buffer.of(0x22, ...size), Buffer.alloc(content)]);
  };
  let bytes = Buffer.concat([RECORDED, padding(MAX_BYTES - RECORDED.length)]);
  assert.equal(bytes.length, MAX_BYTES);
  using _kubelet = await startKubelet(directory.socketPath, () => bytes);
  await using running = watch(directory.socketPath, { timeoutMs: 10_000 });
  await running.lister.ready;
  assert.deepEqual([running.states, running.lister.list?.length], [['up'], 5]);
  bytes = Buffer.concat([bytes.subarray(0, RECORDED.length), padding(MAX_BYTES - RECORDED.length + 1)]);
  await comesTo(running, 'failed');
  assert.match(running.details[0] ?? '', /List: .*16777217/);
});

test('an answer of more values than there is memory for is a failure', async () => {
  await using directory = await makeSocketDirectory();
  using _kubelet = await startKubelet(directory.socketPath, () => Buffer.alloc(MAX_BYTES, Buffer.of(0x0a, 0)));
  const before = process.memoryUsage.rss();
  await using running = watch(directory.socketPath, { timeoutMs: 10_000, intervalMs: 60_000 });
  await running.lister.ready;
  assert.deepEqual([running.states, running.lister.list], [['failed'], undefined]);
  assert.match(running.details[0] ?? '', /List: .*more than 100000 values/);
  assert.ok(process.memoryUsage.rss() - before < 256 * 1024 * 1024); // unbounded it takes 1.6 GiB
});

test('what is bad in an answer is counted, logged once, and costs itself', async () => {
  await using directory = await makeSocketDirectory();
  let pods = [...answer('a').pod_resources, { name: '', namespace: 'x', containers: [] }];
  using kubelet = await startKubelet(directory.socketPath, () => ({ pod_resources: pods }));
  await using running = watch(directory.socketPath);
  await lists(running, 'a');
  await rounds(kubelet, 2);
  assert.deepEqual(await running.badShown(), [['pod', 1]]);
  assert.deepEqual(running.logged.filter((line) => line.includes('left out')).length, 1);
  pods = pods.slice(0, 1);
  await eventually(
    () => running.logged.join(),
    (seen) => seen.includes('no longer'),
  );
  assert.deepEqual(await running.badShown(), []);
});

test('what a kubelet said that went away stays for a minute', async () => {
  await using directory = await makeSocketDirectory();
  const kubelet = await startKubelet(directory.socketPath, () => answer('a'));
  await using running = watch(directory.socketPath);
  await lists(running, 'a');
  kubelet.stop();
  await rm(directory.socketPath, { force: true });
  await comesTo(running, 'not_found');
  running.clock.shiftMs = 59_000;
  assert.deepEqual(podsOf(running), ['a']);
  running.clock.shiftMs = 61_000;
  assert.equal(podsOf(running), undefined);
  using _kubelet = await startKubelet(directory.socketPath, () => answer('b'));
  await lists(running, 'b');
});

test('with a long interval an answer is believed for three of them', async () => {
  await using directory = await makeSocketDirectory();
  using _kubelet = await startKubelet(directory.socketPath, () => answer('a'));
  await using running = watch(directory.socketPath, { intervalMs: 100_000 });
  await lists(running, 'a');
  running.clock.shiftMs = 299_000;
  assert.deepEqual(podsOf(running), ['a']);
  running.clock.shiftMs = 301_000;
  assert.equal(podsOf(running), undefined);
});

test('an answer is as old as its question', async () => {
  await using directory = await makeSocketDirectory();
  const clock = createShiftedClock();
  using _kubelet = await startKubelet(directory.socketPath, () => {
    clock.shiftMs = 61_000; // it took its time
    return answer('a');
  });
  await using running = watch(directory.socketPath, { clock, intervalMs: 10_000 });
  await running.lister.ready;
  assert.deepEqual([running.states, running.lister.list], [['up'], undefined]);
});

test('a kubelet that is started again, in the middle of a call, is asked at its new socket', async () => {
  await using directory = await makeSocketDirectory();
  let isHanging = false;
  const first = await startKubelet(directory.socketPath, () => (isHanging ? forever() : answer('a')));
  await using running = watch(directory.socketPath);
  await lists(running, 'a');
  isHanging = true;
  await rounds(first, 0);
  first.stop();
  await rm(directory.socketPath, { force: true });
  using _second = await startKubelet(directory.socketPath, () => answer('b'));
  await lists(running, 'b');
  assert.equal(running.states.at(-1), 'up');
});

test('a new socket is asked, even while the old kubelet still answers on its connection', async () => {
  await using directory = await makeSocketDirectory();
  using first = await startKubelet(directory.socketPath, () => answer('a'));
  await using running = watch(directory.socketPath);
  await lists(running, 'a');
  await rename(directory.socketPath, `${directory.socketPath}.old`);
  using _second = await startKubelet(directory.socketPath, () => answer('b'));
  await lists(running, 'b');
  const asked = first.count('List');
  await rounds(_second, 3);
  assert.equal(first.count('List'), asked);
});

test('a new socket is asked, even while the old one accepts and never answers', async () => {
  await using directory = await makeSocketDirectory();
  using _silent = listen(directory.socketPath, () => undefined);
  await using running = watch(directory.socketPath, { timeoutMs: 50 });
  await comesTo(running, 'unreachable');
  await rename(directory.socketPath, `${directory.socketPath}.old`);
  using _kubelet = await startKubelet(directory.socketPath, () => answer('b'));
  await lists(running, 'b');
});

test('a refresh asks out of turn, and no more often than it may', async () => {
  await using directory = await makeSocketDirectory();
  using kubelet = await startKubelet(directory.socketPath, () => answer('a'));
  await using running = watch(directory.socketPath, { intervalMs: 60_000, minGapMs: 300 });
  await running.lister.ready;
  assert.equal(kubelet.count('List'), 1);
  const sinceMs = running.clock.monotonicMs();
  for (let i = 0; i < 100; i++) {
    running.lister.refresh();
    await new Promise(setImmediate);
  }
  await eventually(
    () => kubelet.count('List'),
    (seen) => seen > 1,
  );
  assert.equal(kubelet.count('List'), 2);
  assert.ok(running.clock.monotonicMs() - sinceMs > 200);
});

test('a close ends a call under way', async () => {
  await using directory = await makeSocketDirectory();
  using kubelet = await startKubelet(directory.socketPath, forever);
  const { lister, states, client } = watch(directory.socketPath, { timeoutMs: 60_000 });
  await eventually(
    () => kubelet.count('List'),
    (seen) => seen > 0,
  );
  await lister.close();
  await lister.ready;
  assert.deepEqual([states, client.isLoaded], [[], true]);
});
