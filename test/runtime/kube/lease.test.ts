// Replicas that want one Lease, against a Kubernetes API over TLS that can be slow, away, or cut off from one of them.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { systemClock, type Clock } from '../../../runtime/clock.js';
import { Lease } from '../../../runtime/kube/lease.js';
import { createLogger } from '../../../runtime/logger.js';
import { sleep, type Sleep } from '../../../runtime/sleep.js';
import { createManualClock } from '../../support/clock.js';
import { createKubeApi, type KubeApiServer } from '../../support/kube-api.js';
import { connectKubeClient } from '../../support/kube-client.js';
import { eventually } from '../../support/programs.js';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/podnet-system/leases/podnet-apiserver';
const TIMES = { durationMs: 1_000, renewDeadlineMs: 700, retryMs: 100 };
const cleanUp: (() => Promise<void> | void)[] = [];

interface Replica {
  readonly name: string;
  readonly lease: Lease;
  readonly told: boolean[];
  readonly logged: string[];
  /** Added to its clock. */
  aheadMs: number;
  stop(): Promise<void>;
}

async function startApi(): Promise<KubeApiServer> {
  const api = await createKubeApi();
  cleanUp.push(() => api.close());
  return api;
}

interface ReplicaTime {
  readonly clock?: Clock;
  readonly sleep?: Sleep;
}

async function startReplica(api: KubeApiServer, name: string, time: ReplicaTime = {}): Promise<Replica> {
  const stop = new AbortController();
  const logged: string[] = [];
  // Each has a clock of its own that began at another time.
  const began = 1_000_000 * Math.random();
  const replica = { name, told: [] as boolean[], logged, aheadMs: 0 };
  const clock: Clock = {
    monotonicMs: () => systemClock.monotonicMs() + began + replica.aheadMs,
    wallMs: () => systemClock.wallMs() - began,
  };
  const client = await connectKubeClient(api, name);
  const lease = new Lease(
    { namespace: 'podnet-system', name: 'podnet-apiserver', identity: name, ...TIMES },
    {
      api: client,
      clock,
      log: createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) }),
      random: Math.random,
      ...time,
    },
  );
  lease.onChange((isHolder) => replica.told.push(isHolder));
  const running = lease.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
    client.close();
  };
  cleanUp.unshift(end);
  return Object.assign(replica, { lease, stop: end });
}

/** Looks every few milliseconds, and remembers the most that held at one time. */
function watchHolders(replicas: readonly Replica[]): { most: number; names: Set<string> } {
  const seen = { most: 0, names: new Set<string>() };
  const look = setInterval(() => {
    const holders = replicas.filter(({ lease }) => lease.isHolder);
    seen.most = Math.max(seen.most, holders.length);
    for (const { name } of holders) seen.names.add(name);
  }, 2);
  cleanUp.unshift(() => clearInterval(look));
  return seen;
}

const holderOf = (replicas: readonly Replica[]): Replica | undefined => replicas.find(({ lease }) => lease.isHolder);

function specOf(api: KubeApiServer): Readonly<Record<string, unknown>> {
  return api.objects.get(PATH)?.['spec'] as Readonly<Record<string, unknown>>;
}

afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

test('of replicas that start at once one holds, and the object says who', async () => {
  const api = await startApi();
  const replicas = await Promise.all(['a', 'b', 'c'].map((name) => startReplica(api, name)));
  const seen = watchHolders(replicas);
  const holder = await eventually(
    () => holderOf(replicas),
    (found) => found !== undefined,
  );
  const renewed = specOf(api)['renewTime'];
  await eventually(
    () => specOf(api)['renewTime'],
    (now) => now !== renewed,
  );
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime } = specOf(api);
  assert.deepEqual([holderIdentity, leaseDurationSeconds, leaseTransitions], [holder?.name, 1, 0]);
  assert.match(String(acquireTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.deepEqual([seen.most, seen.names.size], [1, 1]);
});

test('when the holder vanishes another takes over, and never two hold', async () => {
  const api = await startApi();
  const replicas = await Promise.all(['a', 'b', 'c'].map((name) => startReplica(api, name)));
  const seen = watchHolders(replicas);
  for (let round = 1; round <= 2; round++) {
    const lost = await eventually(
      () => holderOf(replicas),
      (found) => found !== undefined,
    );
    api.misbehave(({ headers }) => (headers['user-agent'] === lost?.name ? { hang: true } : undefined));
    const next = await eventually(
      () => holderOf(replicas),
      (found) => found !== undefined && found !== lost,
    );
    assert.deepEqual(lost?.told.slice(-2), [true, false]);
    await eventually(
      () => specOf(api)['holderIdentity'],
      (name) => name === next?.name,
    );
    assert.equal(specOf(api)['leaseTransitions'], round);
    api.misbehave(undefined);
  }
  assert.equal(seen.most, 1);
});

test('a slow and failing API never makes two hold', async () => {
  const api = await startApi();
  const replicas = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startReplica(api, name)));
  const seen = watchHolders(replicas);
  api.misbehave(({ headers }) => {
    const isOfHolder = api.objects.has(PATH) && headers['user-agent'] === specOf(api)['holderIdentity'];
    const dice = Math.random();
    if (!isOfHolder) return { delayMs: 60 * dice };
    if (dice < 0.5) return { destroy: true };
    if (dice < 0.7) return { status: 500, body: { kind: 'Status', code: 500, message: 'etcd is away' } };
    // The slow ones are carried out after the client gave them up.
    return { delayMs: dice < 0.9 ? 400 + 400 * Math.random() : 0 };
  });
  await eventually(
    () => seen.names.size,
    (size) => size >= 2,
    30_000,
  );
  assert.equal(seen.most, 1);
});

test('a holder that stops is followed at once', async () => {
  const api = await startApi();
  const first = await startReplica(api, 'first');
  await eventually(() => first.lease.isHolder, Boolean);
  const second = await startReplica(api, 'second');
  await eventually(
    () => second.lease.holder,
    (holder) => holder === 'first',
  );
  const seen = watchHolders([first, second]);
  await first.stop();
  assert.deepEqual(first.told, [true, false]);
  const stoppedMs = performance.now();
  await eventually(() => second.lease.isHolder, Boolean);
  assert.ok(performance.now() - stoppedMs < TIMES.durationMs, 'it did not wait for the lease to run out');
  assert.equal(seen.most, 1);
});

test('a holder that cannot renew gives up before its time is over', async () => {
  const api = await startApi();
  const replica = await startReplica(api, 'a');
  await eventually(() => replica.lease.isHolder, Boolean);
  await api.down();
  await eventually(
    () => replica.told,
    (told) => told.at(-1) === false,
  );
  const lines = replica.logged.filter((line) => line.includes('cannot be read or written'));
  assert.ok(lines.length >= 1 && lines.length <= 2, `one line per problem, not per try: ${lines.join('')}`);
  await api.up();
  await eventually(() => replica.lease.isHolder, Boolean);
});

test('a process that stood still does not take itself for the holder', async () => {
  const api = await startApi();
  const replica = await startReplica(api, 'a');
  await eventually(() => replica.lease.isHolder, Boolean);
  replica.aheadMs += TIMES.renewDeadlineMs;
  assert.equal(replica.lease.isHolder, false);
});

test('a lease that somebody deletes or takes away is lost', async () => {
  const api = await startApi();
  const replica = await startReplica(api, 'a');
  await eventually(() => replica.lease.isHolder, Boolean);
  api.put(PATH, { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 1 } });
  await eventually(
    () => replica.told,
    (told) => told.at(-1) === false,
  );
  api.remove(PATH);
  await eventually(() => replica.lease.isHolder, Boolean);
});

/** A clock that the test moves; replicas ask again and again meanwhile. */
const standingStill = () => {
  const clock = createManualClock();
  const time = { clock, sleep: ((_milliseconds, signal) => sleep(5, signal)) satisfies Sleep };
  return { clock, time };
};

/** Until a replica has asked some more times, so that it has seen the present. */
async function asksOf(api: KubeApiServer, name: string): Promise<void> {
  const asked = () => api.requests.filter(({ headers }) => headers['user-agent'] === name).length;
  const before = asked();
  await eventually(asked, (count) => count >= before + 3);
}

test('a holder gives up at its deadline, and the others wait longer', async () => {
  const api = await startApi();
  const { clock, time } = standingStill();
  const first = await startReplica(api, 'first', time);
  await eventually(() => first.lease.isHolder, Boolean);
  const second = await startReplica(api, 'second', time);
  await eventually(
    () => second.lease.holder,
    (holder) => holder === 'first',
  );
  api.misbehave(({ headers }) => (headers['user-agent'] === 'first' ? { destroy: true } : undefined));
  await asksOf(api, 'second');
  const holders = (): boolean[] => [first, second].map(({ lease }) => lease.isHolder);
  clock.advance(TIMES.renewDeadlineMs - 1);
  await asksOf(api, 'second');
  assert.deepEqual(holders(), [true, false]);
  clock.advance(1);
  assert.deepEqual(holders(), [false, false]);
  clock.advance(TIMES.durationMs - TIMES.renewDeadlineMs - 1);
  await asksOf(api, 'second');
  assert.deepEqual(holders(), [false, false]);
  clock.advance(1);
  await eventually(() => second.lease.isHolder, Boolean);
});

test('the time that a renewal takes is not held', async () => {
  const api = await startApi();
  const { clock, time } = standingStill();
  api.misbehave(({ method }) => {
    if (method === 'POST') clock.advance(TIMES.renewDeadlineMs - 1);
    return method === 'PUT' ? { destroy: true } : undefined;
  });
  const replica = await startReplica(api, 'a', time);
  await eventually(() => replica.lease.isHolder, Boolean);
  clock.advance(1);
  assert.equal(replica.lease.isHolder, false);
});
