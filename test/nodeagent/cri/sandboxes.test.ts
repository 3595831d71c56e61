import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CriClient } from '../../../nodeagent/cri/client.js';
import { Sandboxes, type SandboxesDeps } from '../../../nodeagent/cri/sandboxes.js';
import { Backoff } from '../../../runtime/backoff.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { sleep } from '../../../runtime/sleep.js';
import {
  PlayedNode,
  RECORDED,
  recordedJson,
  startCriServer,
  type CriServer,
  type Handlers,
  type Recorded,
} from '../../support/cri-server.js';
import { makeSocketDirectory, Refusal, type Message } from '../../support/grpc-server.js';
import { eventually } from '../../support/programs.js';

const WEB_0 = '11111110-2222-4333-8444-555555555550';
const WEB_1 = '11111111-2222-4333-8444-555555555551';
const HOSTNET = '99999999-2222-4333-8444-555555555559';

interface Running extends AsyncDisposable {
  readonly sandboxes: Sandboxes;
  readonly logged: string[];
  /** What was said of the source, each change once. */
  readonly states: string[];
  readonly socketPath: string;
  server: CriServer;
  restart(handlers: Handlers): Promise<void>;
}

/** Asks a server of its own, twenty times a second. */
async function watch(handlers: Handlers, overrides: Partial<SandboxesDeps> = {}): Promise<Running> {
  const directory = await makeSocketDirectory();
  const { socketPath } = directory;
  const logged: string[] = [];
  const states: string[] = [];
  const tell = (state: string): unknown => states.at(-1) === state || states.push(state);
  const stop = new AbortController();
  const sandboxes = new Sandboxes({
    client: new CriClient({ socketPath, statusTimeoutMs: 300 }),
    states: { up: () => void tell('up'), off: (_, reason) => void tell(reason) },
    log: createLogger('test', { level: 'debug', format: 'text', write: (line) => logged.push(line) }),
    clock: systemClock,
    sleep,
    backoff: new Backoff({ firstMs: 20, maxMs: 50, random: Math.random }),
    intervalMs: 50,
    ...overrides,
  });
  const running = {
    sandboxes,
    logged,
    states,
    socketPath,
    server: await startCriServer(socketPath, handlers),
    restart: async (next: Handlers) => {
      running.server = await startCriServer(socketPath, next);
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
      running.server.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
  const ended = sandboxes.run(stop.signal);
  return running;
}

/** Rounds that began after this was called. */
async function rounds(running: Running, count: number): Promise<void> {
  const { server } = running;
  const before = server.count('ListPodSandbox');
  await eventually(
    () => server.count('ListPodSandbox'),
    (seen) => seen > before + count,
  );
}

function recordedStatus(runtime: Recorded, name: string): Message {
  return recordedJson(runtime, `lifecycle/PodSandboxStatus.${name}.verbose`);
}

for (const runtime of RECORDED) {
  // Fault of prometheus-network-shim: it knows pods of CRI-O alone.
  test(`the pods of ${runtime} have their process, namespace and container`, async () => {
    const node = PlayedNode.recorded(runtime);
    await using running = await watch(node.handlers());
    const sandbox = await eventually(
      () => running.sandboxes.get(WEB_0),
      (seen) => seen?.pid !== undefined,
    );
    assert.equal(sandbox?.state, 'ready');
    assert.equal(sandbox.isHostNetwork, false);
    assert.equal(sandbox.isVirtualMachine, false);
    assert.match(sandbox.netnsPath ?? '', /^\/var\/run\/netns\/cni-/);
    assert.deepEqual(
      sandbox.containers.map(({ name, image, attempt, state, cgroup, id }) => [
        name,
        image,
        attempt,
        state,
        cgroup === `/kubepods-t/burstable/pod${WEB_0}/${id}`,
      ]),
      [['main', 'local.test/busybox:1', 0, 'running', true]],
    );
    assert.deepEqual([running.states, running.sandboxes.state, running.sandboxes.size], [['up'], 'up', 2]);
  });

  test(`a sandbox of ${runtime} is followed until it is gone`, async () => {
    const node = PlayedNode.recorded(runtime);
    await using running = await watch(node.handlers());
    const { sandboxes } = running;
    await eventually(
      () => sandboxes.get(WEB_1)?.pid,
      (pid) => pid !== undefined,
    );

    node.sandboxes = recordedJson(runtime, 'lifecycle/ListPodSandbox.pause-killed')['items'] as Message[];
    node.containers = recordedJson(runtime, 'lifecycle/ListContainers.pause-killed')['containers'] as Message[];
    node.setStatus(recordedStatus(runtime, 'web-1.pause-killed'));
    node.setStatus(recordedStatus(runtime, 'hostnet'));
    const container = (recordedJson(runtime, 'ContainerStatus.web-1.verbose') as { info: { info: string } }).info.info;
    const { pid: containerPid } = JSON.parse(container) as { pid: number };
    const killed = await eventually(
      () => sandboxes.get(WEB_1),
      (seen) => seen?.pid === containerPid,
    );
    assert.deepEqual([killed?.state, killed?.isNetnsClosed], ['not_ready', false]);
    const hostnet = await eventually(
      () => sandboxes.get(HOSTNET),
      (seen) => seen?.pid !== undefined,
    );
    assert.deepEqual([hostnet?.isHostNetwork, hostnet?.netnsPath, hostnet?.interfaces], [true, undefined, undefined]);

    node.containers = [];
    node.setStatus(recordedStatus(runtime, 'web-1.stopped'));
    const stopped = await eventually(
      () => sandboxes.get(WEB_1),
      (seen) => seen?.isNetnsClosed === true,
    );
    assert.equal(stopped?.pid, undefined);

    node.sandboxes = node.sandboxes.filter(({ metadata }) => (metadata as { uid: string }).uid !== WEB_1);
    await eventually(
      () => sandboxes.get(WEB_1),
      (seen) => seen === undefined,
    );
    assert.notEqual(sandboxes.get(WEB_0), undefined);
    assert.deepEqual([running.states, sandboxes.problem], [['up'], '']);
  });
}

test('the status of a settled sandbox is asked for once', async () => {
  const node = PlayedNode.recorded('containerd-2.1.9');
  await using running = await watch(node.handlers());
  await rounds(running, 5);
  assert.deepEqual([running.server.count('PodSandboxStatus'), running.server.count('Version')], [2, 1]);
});

test('a sandbox removed after it was listed vanishes without a problem', async () => {
  const node = PlayedNode.recorded('containerd-2.1.9');
  const id = (recordedJson('containerd-2.1.9', 'PodSandboxStatus.web-1.verbose')['status'] as { id: string }).id;
  node.statuses.delete(id);
  await using running = await watch(node.handlers());
  await rounds(running, 2);
  await eventually(
    () => running.sandboxes.get(WEB_1),
    (seen) => seen === undefined,
  );
  assert.equal(running.sandboxes.problem, '');
});

// Fault of prometheus-network-shim: odd words of the runtime crash it.
test('a pod whose info says nothing is there without a process', async () => {
  const node = PlayedNode.recorded('containerd-1.6.20');
  for (const status of node.statuses.values()) status['info'] = { info: '{"pid": oops' };
  for (const status of node.containerStatuses.values()) status['info'] = {};
  await using running = await watch(node.handlers());
  await rounds(running, 3);
  const sandbox = running.sandboxes.get(WEB_0);
  assert.deepEqual([sandbox?.pid, sandbox?.netnsPath, sandbox?.containers.length], [undefined, undefined, 1]);
});

test('without an infra container the process of a container is told', async () => {
  // synthetic: CRI-O makes none, and tells the spec alone
  const node = PlayedNode.recorded('containerd-1.6.20');
  const runtimeSpec = { linux: { namespaces: [{ type: 'network', path: '/var/run/netns/x' }] } };
  for (const status of node.statuses.values()) status['info'] = { info: JSON.stringify({ runtimeSpec }) };
  await using running = await watch(node.handlers());
  const sandbox = await eventually(
    () => running.sandboxes.get(WEB_0),
    (seen) => seen?.pid !== undefined,
  );
  assert.deepEqual([sandbox?.pid, sandbox?.netnsPath], [8867, '/var/run/netns/x']);
  await rounds(running, 4);
  assert.equal(running.server.count('ContainerStatus'), 2);

  node.containers = [];
  await eventually(
    () => running.sandboxes.get(WEB_0)?.pid,
    (pid) => pid === undefined,
  );
});

// Fault of prometheus-network-shim: labels flip with the order in which containers are listed.
test('containers keep their order through restarts and however they are listed', async () => {
  const node = PlayedNode.recorded('containerd-2.1.9');
  const sandboxId = (node.sandboxes[0] as { id: string }).id;
  const uid = (node.sandboxes[0] as { metadata: { uid: string } }).metadata.uid;
  const container = (id: string, name: string, attempt: number, createdAt: string, state = 'CONTAINER_RUNNING') => ({
    id,
    pod_sandbox_id: sandboxId,
    metadata: { name, attempt },
    state,
    created_at: createdAt,
    image: { image: 'sha256:1', user_specified_image: `example.test/${name}:1` },
  });
  const first = container('a0', 'zebra', 0, '1795208834605136281');
  const second = container('b0', 'ant', 0, '1795208834605136282');
  const third = container('c0', 'cat', 0, '1795208834605136282');
  node.containers = [third, second, first];
  await using running = await watch(node.handlers());
  const namesAre = async (...expected: string[]): Promise<void> => {
    await eventually(
      () => running.sandboxes.get(uid)?.containers.map(({ name, attempt }) => `${name} ${attempt}`),
      (seen) => JSON.stringify(seen) === JSON.stringify(expected),
    );
  };
  await namesAre('zebra 0', 'ant 0', 'cat 0');
  node.containers = [
    second,
    container('a1', 'zebra', 1, '1795208999000000000'),
    third,
    { ...first, state: 'CONTAINER_EXITED' },
  ];
  await namesAre('zebra 1', 'ant 0', 'cat 0');
  node.containers = [container('a1', 'zebra', 1, '1795208999000000000'), third, second];
  await rounds(running, 1);
  await namesAre('zebra 1', 'ant 0', 'cat 0');
  assert.equal(running.sandboxes.get(uid)?.containers[0]?.image, 'example.test/zebra:1');
});

test('one sandbox that hangs costs itself and is told once', async () => {
  const node = PlayedNode.recorded('containerd-1.6.20');
  const handlers = node.handlers();
  const hung = (node.sandboxes[0] as { id: string }).id;
  let hangs = true;
  await using running = await watch({
    ...handlers,
    PodSandboxStatus: (request) =>
      hangs && request['pod_sandbox_id'] === hung ? new Promise(() => undefined) : handlers.PodSandboxStatus(request),
  });
  await eventually(
    () => running.sandboxes.get(WEB_1)?.pid,
    (pid) => pid !== undefined,
  );
  await eventually(
    () => running.sandboxes.problem,
    (problem) => problem.includes(hung),
  );
  await rounds(running, 4);
  assert.equal(running.logged.filter((line) => line.includes('the status of every sandbox')).length, 1);
  assert.deepEqual([running.sandboxes.state, running.sandboxes.get(WEB_0)?.pid], ['up', undefined]);
  hangs = false;
  await eventually(
    () => running.sandboxes.get(WEB_0)?.pid,
    (pid) => pid !== undefined,
  );
  await eventually(
    () => running.sandboxes.problem,
    (problem) => problem === '',
  );
});

test('what was known stays while the runtime is gone, until it is back', async () => {
  const node = PlayedNode.recorded('containerd-1.6.20');
  await using running = await watch(node.handlers());
  await eventually(
    () => running.sandboxes.get(WEB_0)?.pid,
    (pid) => pid !== undefined,
  );
  running.server.stop();
  await eventually(
    () => running.sandboxes.state,
    (state) => state !== 'up',
  );
  assert.notEqual(running.sandboxes.get(WEB_0)?.pid, undefined);

  const changed = PlayedNode.recorded('containerd-1.6.20');
  const status = recordedJson('containerd-1.6.20', 'PodSandboxStatus.web-0.verbose') as { info: { info: string } };
  status.info.info = status.info.info.replace('"pid":8828', '"pid":4711');
  changed.setStatus(status);
  changed.sandboxes = changed.sandboxes.filter(
    ({ id }) => id === (status as unknown as { status: { id: string } }).status.id,
  );
  await running.restart(changed.handlers());
  await eventually(
    () => running.sandboxes.get(WEB_0)?.pid,
    (pid) => pid === 4711,
  );
  assert.deepEqual([running.sandboxes.get(WEB_1), running.sandboxes.state], [undefined, 'up']);
  assert.equal(running.states.at(-1), 'up');
  assert.equal(running.logged.filter((line) => line.includes('the container runtime answers')).length, 1);
});

test('a runtime that starts later is found', async () => {
  const node = PlayedNode.recorded('containerd-2.1.9');
  await using running = await watch(node.handlers(), {});
  running.server.stop();
  await eventually(
    () => running.states,
    (states) => states.includes('not_found'),
  );
  await running.restart(node.handlers());
  await eventually(
    () => running.sandboxes.state,
    (state) => state === 'up',
  );
  await eventually(
    () => running.sandboxes.get(WEB_0)?.pid,
    (pid) => pid !== undefined,
  );
});

test('a runtime that answers with errors is off as failed, not empty', async () => {
  const node = PlayedNode.recorded('containerd-2.1.9');
  const handlers = node.handlers();
  let fails = false;
  await using running = await watch({
    ...handlers,
    ListContainers: (request) => {
      if (fails) throw new Refusal(2, 'database not open');
      return handlers.ListContainers(request);
    },
  });
  await eventually(
    () => running.sandboxes.get(WEB_0)?.pid,
    (pid) => pid !== undefined,
  );
  fails = true;
  await eventually(
    () => running.sandboxes.state,
    (state) => state === 'failed',
  );
  assert.equal(running.sandboxes.get(WEB_0)?.containers.length, 1);
});

test('of too many pods the ready ones are kept, and it is told', async () => {
  const node = PlayedNode.recorded('containerd-2.1.9');
  const [up] = node.sandboxes;
  node.sandboxes = Array.from({ length: 50 }, (_, i) => ({
    id: `s${i}`,
    metadata: { uid: `u${i}`, name: `p${i}`, namespace: 'n' },
    state: 'SANDBOX_NOTREADY',
    created_at: '1895208834498923415',
  }));
  if (up !== undefined) node.sandboxes.push(up);
  await using running = await watch(node.handlers(), { maxPods: 10 });
  await eventually(
    () => running.sandboxes.problem,
    (problem) => problem.includes('10 of 51 pods'),
  );
  assert.equal(running.sandboxes.get(WEB_0)?.id, (up as { id: string }).id);
  node.sandboxes = node.sandboxes.slice(-5);
  await eventually(
    () => running.sandboxes.problem,
    (problem) => problem === '',
  );
});

test('all sandboxes are known while the runtime tells of all', async () => {
  const node = PlayedNode.recorded('containerd-2.1.9');
  await using running = await watch(node.handlers(), { maxPods: 4 });
  const { sandboxes } = running;
  const ids = node.sandboxes.map(({ id }) => id);
  const known = await eventually(
    () => sandboxes.known,
    (seen) => seen !== undefined,
  );
  assert.deepEqual([...(known?.ready ?? [])].sort(), ids.sort());
  assert.deepEqual([...(known?.newest ?? [])].map(({ id }) => id).sort(), ids.sort());
  const isUnknown = () =>
    eventually(
      () => sandboxes.known,
      (seen) => seen === undefined,
    );

  const [first = {}] = node.sandboxes;
  const older = { ...first, id: 'older', created_at: '1' };
  node.sandboxes = [...node.sandboxes, older, { ...older, id: 'stopped', state: 'SANDBOX_NOTREADY' }];
  await rounds(running, 1);
  assert.deepEqual([...(sandboxes.known?.ready ?? [])].sort(), [...ids, 'older'].sort());

  const whole = node.sandboxes;
  node.sandboxes = [...whole, { ...first, id: '' }];
  await isUnknown();
  node.sandboxes = [...whole, ...['1', '2', '3'].map((uid) => ({ ...first, id: uid, metadata: { uid } }))];
  await rounds(running, 1);
  assert.equal(sandboxes.known, undefined);
  node.sandboxes = whole;
  await eventually(
    () => sandboxes.known,
    (seen) => seen !== undefined,
  );
  running.server.stop();
  await isUnknown();
});
