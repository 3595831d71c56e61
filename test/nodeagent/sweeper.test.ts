import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { Collector } from '../../nodeagent/collectors/collector.js';
import { createAgentHttp } from '../../nodeagent/http.js';
import type { Pod } from '../../nodeagent/inventory/pod.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { createSelfMetrics } from '../../nodeagent/self-metrics.js';
import { Sweeper, type SweeperDeps } from '../../nodeagent/sweeper.js';
import { systemClock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/logger.js';
import { askAgent } from '../support/agent-http.js';
import { readingOf } from '../support/reports.js';

function podOf(uid: string): Pod {
  return {
    ...{ namespace: 'default', name: uid, uid, labels: {}, hostNetwork: false, attachments: new Map() },
    creationTimestamp: '2026-11-20T10:00:00Z',
  };
}

const readAll: Collector = (sweep) => {
  const meta = {
    name: 'eth0',
    network: '',
    nadNamespace: '',
    primary: true,
    identity: '1/3',
    source: 'netdev',
  } as const;
  for (const pod of sweep.pods) sweep.addInterfaces(pod, [{ meta, counters: readingOf(1) }]);
  return Promise.resolve();
};

function sweeperOf(collect: Collector, overrides: Partial<SweeperDeps> & { intervalMs?: number } = {}) {
  const logged: string[] = [];
  const { intervalMs = 1_000, ...deps } = overrides;
  const metrics = createSelfMetrics(new Registry(), '0');
  const sweeper = new Sweeper({
    sender: {
      ...{ node: 'n', role: 'node', bootId: 'b', intervalMs, agentVersion: '0' },
      instance: { id: 'i', startedAt: 0 },
    },
    podSource: { pods: () => [podOf('a'), podOf('b')] },
    collectors: new Map([['interfaces', collect]]),
    clock: systemClock,
    log: createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) }),
    metrics,
    historyMs: () => 60_000,
    ...deps,
  });
  return { sweeper, logged, metrics };
}

// Fault of network-metrics-daemon: its health is always OK.
test('an agent is not healthy while a collector fails as a whole, and says which', async () => {
  let fails = true;
  const { sweeper, metrics } = sweeperOf((sweep, signal) =>
    fails ? Promise.reject(new Error('no procfs')) : readAll(sweep, signal),
  );
  const app = createAgentHttp({
    registry: metrics.registry,
    view: () => sweeper.view(),
    problem: () => sweeper.problem,
    isBlind: () => sweeper.isBlind,
  });
  const health = async () => {
    await sweeper.sweep();
    const { statusCode, body } = await askAgent(app, '/healthz');
    return [statusCode, body];
  };
  assert.deepEqual(await health(), [500, 'interfaces: no procfs\n']);
  fails = false;
  assert.deepEqual(await health(), [200, 'ok']);
});

// Whoever restarts it for that would take away what it reads of every pod.
test('an agent is healthy while something else than the interfaces of pods fails, and says what', async () => {
  const failing = (): Promise<void> => Promise.reject(new Error('no answer of ens1f0'));
  const { sweeper, metrics } = sweeperOf(readAll, {
    collectors: new Map([
      ['interfaces', readAll],
      ['sriov', failing],
    ]),
  });
  const app = createAgentHttp({
    registry: metrics.registry,
    view: () => sweeper.view(),
    problem: () => sweeper.problem,
    isBlind: () => sweeper.isBlind,
  });
  await sweeper.sweep();
  const { statusCode, body } = await askAgent(app, '/healthz');
  assert.deepEqual([statusCode, body], [200, 'ok, but sriov: no answer of ens1f0\n']);
});

test('a round before the pods are known waits, and no collector failed', async () => {
  const listed: Pod[][] = [];
  const { sweeper, logged } = sweeperOf(readAll, { podSource: { pods: () => listed[0] } });
  await sweeper.sweep();
  assert.deepEqual([sweeper.waiting, sweeper.problem], ['which pods there are is not known yet', '']);
  assert.equal(sweeper.newestMs, -Infinity);
  listed.push([podOf('a')]);
  await sweeper.sweep();
  assert.deepEqual([sweeper.waiting, sweeper.problem, logged], ['', '', []]);
});

test('pods that could not be read are counted, and told once', async () => {
  const { sweeper, logged, metrics } = sweeperOf((sweep) => {
    for (const pod of sweep.pods) sweep.skip(pod, 'failed', new Error('is a directory'));
    return Promise.resolve();
  });
  await sweeper.sweep();
  await sweeper.sweep();
  assert.equal(sweeper.problem, '');
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? '', /pods could not be read.*a: is a directory; .*b: is a directory/);
  assert.deepEqual(
    (await metrics.skippedPods.get()).values.map(({ labels, value }) => [labels.reason, value]),
    [['failed', 2]],
  );
});

test('of pods that could not be read each is told once, and the report says why', async () => {
  const skips = new Map<string, () => Error>([['a', () => new Error('is a directory')]]);
  const { sweeper, logged } = sweeperOf(async (sweep, signal) => {
    for (const pod of sweep.pods) {
      const error = skips.get(pod.uid)?.();
      if (error !== undefined) sweep.skip(pod, pod.uid === 'a' ? 'failed' : 'too_many_interfaces', error);
      else await readAll({ ...sweep, pods: [pod] }, signal);
    }
  });
  const skipped = () =>
    (JSON.parse([...sweeper.report(0, 1).pieces].join('')) as NodeReport).pods.map((pod) => pod.skipped);
  await sweeper.sweep();
  assert.deepEqual(skipped(), ['failed', undefined]);
  let interfaces = 300;
  skips.set('b', () => new Error(`${interfaces++} interfaces`));
  for (let i = 0; i < 3; i++) await sweeper.sweep();
  assert.deepEqual(skipped(), ['failed', 'too_many_interfaces']);
  skips.clear();
  await sweeper.sweep();
  assert.deepEqual(skipped(), [undefined, undefined]);
  assert.deepEqual(
    logged.map((line) => /default\/\w: [^"]+|no pod fails to be read any more/.exec(line)?.[0].trimEnd()),
    ['default/a: is a directory', 'default/b: 300 interfaces', 'no pod fails to be read any more'],
  );
});

for (const intervalMs of [101, 1_001, 3_333, 299_999]) {
  test(`an interval of ${intervalMs} ms is swept`, async () => {
    const { sweeper } = sweeperOf(readAll, { intervalMs });
    await sweeper.sweep();
    assert.equal(sweeper.problem, '');
    assert.equal([...sweeper.view().pods].length, 2);
  });
}

test('a round never throws, whatever breaks in it', async () => {
  const { sweeper } = sweeperOf(readAll, {
    onPods: () => {
      throw new TypeError('no layouts');
    },
  });
  await sweeper.sweep();
  assert.equal(sweeper.problem, 'sweep: no layouts');
});

test('where one sweep runs out of time the next one begins', async () => {
  const order: string[][] = [];
  const readTwo: Collector = (sweep) => {
    order.push(sweep.pods.map(({ uid }) => uid));
    for (const pod of sweep.pods.slice(2)) sweep.skip(pod, 'no_time');
    return Promise.resolve();
  };
  const { sweeper } = sweeperOf(readTwo, { podSource: { pods: () => ['a', 'b', 'c', 'd', 'e'].map(podOf) } });
  for (let i = 0; i < 3; i++) await sweeper.sweep();
  assert.deepEqual(
    order.map((uids) => uids.join('')),
    ['abcde', 'cdeab', 'eabcd'],
  );
});

test('a pod that two collectors skip is counted and told once', async () => {
  const skipAll: Collector = (sweep) => {
    for (const pod of sweep.pods) sweep.skip(pod, 'failed', new Error('is a directory'));
    return Promise.resolve();
  };
  const { sweeper, logged, metrics } = sweeperOf(skipAll, {
    collectors: new Map([
      ['interfaces', skipAll],
      ['transport', skipAll],
    ]),
  });
  await sweeper.sweep();
  assert.deepEqual(
    (await metrics.skippedPods.get()).values.map(({ value }) => value),
    [2],
  );
  assert.match(logged.join(), /2.*pods could not be read|pods could not be read.*count=2/);
});

test('the newest transport counters are shown, and none where they could not be read', async () => {
  const counters = Array.from({ length: 12 }, (_, column) => (column === 11 ? NaN : column));
  let isRead = true;
  const readTransport: Collector = (sweep) => {
    const ip = { bytes: 1, groupBytes: 0, packets: 1 };
    for (const pod of sweep.pods) if (isRead) sweep.addTransport(pod, { counters, ip });
    return Promise.resolve();
  };
  const { sweeper } = sweeperOf(readTransport);
  await sweeper.sweep();
  assert.deepEqual(
    [...sweeper.view().pods].map(({ transport }) => transport),
    [counters, counters],
  );
  isRead = false;
  await sweeper.sweep();
  assert.deepEqual(
    [...sweeper.view().pods].map(({ transport }) => transport),
    [undefined, undefined],
  );
});

/** What a report says of its pods: how many samples have a reading of each. */
function readingsByPod(sweeper: Sweeper): Record<string, number> {
  const { pods } = JSON.parse([...sweeper.report(0, 100).pieces].join('')) as NodeReport;
  return Object.fromEntries(
    pods.map(({ uid, interfaces = [] }) => [
      uid,
      interfaces.flatMap(({ readings }) => readings.filter(Boolean)).length,
    ]),
  );
}

test('a pod deleted just before a sweep is in the next report, and in no later one', async () => {
  let pods = [podOf('a'), podOf('b')];
  const { sweeper } = sweeperOf(readAll, { podSource: { pods: () => pods } });
  await sweeper.sweep();
  pods = [podOf('a')];
  sweeper.noteEnding('b', true);
  await sweeper.sweep();
  assert.deepEqual(readingsByPod(sweeper), { a: 2, b: 2 });
  assert.deepEqual(
    [...sweeper.view().pods].map(({ meta }) => meta.name),
    ['a'],
  );
  await sweeper.sweep();
  assert.deepEqual(readingsByPod(sweeper), { a: 3 });
  assert.equal(sweeper.report(0, 100).samples, 3, 'the sample of the pod alone went with it');
});

test('a pod noted while others are read keeps its last sample', async () => {
  let pods = [podOf('a'), podOf('b')];
  const slow: Collector = async (sweep, signal) => {
    if (sweep.pods.length === 1) sweeper.noteEnding('b', true); // only a is read now
    await readAll(sweep, signal);
  };
  const { sweeper } = sweeperOf(slow, { podSource: { pods: () => pods } });
  await sweeper.sweep();
  sweeper.noteEnding('a', false);
  assert.equal(await sweeper.readEnding(), false);
  pods = [podOf('a')];
  assert.equal(await sweeper.readEnding(), true);
  assert.deepEqual(readingsByPod(sweeper), { a: 1, b: 2 });
});

test('samples of pods that end do not make the others look fresh', async () => {
  const { sweeper } = sweeperOf(readAll);
  await sweeper.sweep();
  const { newestMs } = sweeper;
  sweeper.noteEnding('b', true);
  assert.equal(await sweeper.readEnding(), true);
  assert.equal(sweeper.newestMs, newestMs);
});
