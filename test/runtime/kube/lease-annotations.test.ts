// What a holder writes into its Lease for whoever follows it, against a Kubernetes API over TLS.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { systemClock } from '../../../runtime/clock.js';
import { Lease } from '../../../runtime/kube/lease.js';
import { createLogger } from '../../../runtime/logger.js';
import { createManualClock } from '../../support/clock.js';
import { createKubeApi, type KubeApiServer } from '../../support/kube-api.js';
import { connectKubeClient } from '../../support/kube-client.js';
import { eventually } from '../../support/programs.js';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/podnet-system/leases/podnet-cloudwatch';
const TIMES = { durationMs: 1_000, renewDeadlineMs: 700, retryMs: 50 };
const NOTE = 'podnet.dev/note';
const cleanUp: (() => Promise<void> | void)[] = [];

interface Replica {
  readonly lease: Lease;
  stop(): Promise<void>;
}

async function startApi(): Promise<KubeApiServer> {
  const api = await createKubeApi();
  cleanUp.push(() => api.close());
  return api;
}

async function startReplica(api: KubeApiServer, name: string, clock = systemClock): Promise<Replica> {
  const stop = new AbortController();
  const client = await connectKubeClient(api, name);
  const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });
  const lease = new Lease(
    { namespace: 'podnet-system', name: 'podnet-cloudwatch', identity: name, ...TIMES },
    { api: client, clock, log, random: Math.random },
  );
  const running = lease.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
    client.close();
  };
  cleanUp.unshift(end);
  return { lease, stop: end };
}

async function startHolder(api: KubeApiServer, name = 'a'): Promise<Replica> {
  const replica = await startReplica(api, name);
  await eventually(() => replica.lease.isHolder, Boolean);
  return replica;
}

const annotationsOf = (api: KubeApiServer): Record<string, unknown> => ({
  ...(api.objects.get(PATH)?.metadata['annotations'] as object | undefined),
});
const renewedAt = (api: KubeApiServer): unknown =>
  (api.objects.get(PATH)?.['spec'] as { renewTime?: string }).renewTime;

/** As somebody with kubectl does. */
function annotateByHand(api: KubeApiServer, annotations: object): void {
  const found = api.objects.get(PATH);
  const merged = { ...annotationsOf(api), ...annotations };
  api.put(PATH, { ...found, metadata: { ...found?.metadata, annotations: merged } });
}

afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

test('annotations survive renewals, and the next holder has them', async () => {
  const api = await startApi();
  const first = await startHolder(api);
  assert.equal(await first.lease.annotate({ [NOTE]: 'one', 'podnet.dev/other': 'x' }), true);
  assert.equal(await first.lease.annotate({ [NOTE]: 'two' }), true);
  const before = renewedAt(api);
  await eventually(
    () => renewedAt(api),
    (now) => now !== before,
  );
  const expected = { [NOTE]: 'two', 'podnet.dev/other': 'x' };
  assert.deepEqual(annotationsOf(api), expected);
  const second = await startReplica(api, 'b');
  await first.stop();
  await eventually(() => second.lease.isHolder, Boolean);
  assert.deepEqual(second.lease.annotations, expected);
});

test('whoever does not hold it writes nothing, also after its time is over', async () => {
  const api = await startApi();
  const first = await startHolder(api);
  const second = await startReplica(api, 'b');
  assert.equal(await second.lease.annotate({ [NOTE]: 'b' }), false);
  await first.stop();
  assert.equal(await first.lease.annotate({ [NOTE]: 'a' }), false);
  assert.deepEqual(annotationsOf(api), {});
  await eventually(() => second.lease.isHolder, Boolean);
  assert.equal(await second.lease.annotate({ [NOTE]: 'b' }), true);
});

test('a write renews the lease', async () => {
  const api = await startApi();
  const clock = createManualClock();
  const { lease } = await startReplica(api, 'a', clock);
  await eventually(() => lease.isHolder, Boolean);
  const isNote = (body: unknown): boolean => JSON.stringify(body ?? {}).includes(NOTE);
  api.misbehave(({ body }) => (isNote(body) ? undefined : { destroy: true }));
  clock.advance(100);
  assert.equal(await lease.annotate({ [NOTE]: 'x' }), true);
  assert.equal(lease.heldForMs, TIMES.renewDeadlineMs);
  clock.advance(TIMES.renewDeadlineMs);
  assert.deepEqual([lease.isHolder, lease.heldForMs], [false, 0]);
});

test('writes and renewals at once do not hinder one another', async () => {
  const api = await startApi();
  api.misbehave(() => ({ delayMs: 5 }));
  const { lease } = await startHolder(api);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) => lease.annotate({ [NOTE]: String(index) })),
  );
  assert.deepEqual(new Set(results), new Set([true]));
  assert.equal(annotationsOf(api)[NOTE], '19');
  assert.equal(lease.term, 1);
});

test('what somebody else annotates meanwhile stays', async () => {
  const api = await startApi();
  const { lease } = await startHolder(api);
  annotateByHand(api, { 'example.com/theirs': 'stays' });
  assert.equal(await lease.annotate({ [NOTE]: 'ours' }), true);
  assert.deepEqual(annotationsOf(api), { 'example.com/theirs': 'stays', [NOTE]: 'ours' });
});

test('a race that is lost writes nothing and gives the lease up', async () => {
  const api = await startApi();
  const { lease } = await startHolder(api);
  api.put(PATH, { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 60 } });
  assert.equal(await lease.annotate({ [NOTE]: 'ours' }), false);
  assert.deepEqual([lease.isHolder, annotationsOf(api)], [false, {}]);
});

test('a write that nobody answers is not told as written', async () => {
  const api = await startApi();
  const { lease } = await startHolder(api);
  api.misbehave(({ body }) => (JSON.stringify(body ?? {}).includes(NOTE) ? { hang: true } : undefined));
  assert.equal(await lease.annotate({ [NOTE]: 'ours' }), false);
  api.misbehave(undefined);
  await eventually(() => lease.isHolder, Boolean);
  assert.equal(await lease.annotate({ [NOTE]: 'ours' }), true);
});

test('a term is another one after somebody else may have held it', async () => {
  const api = await startApi();
  const first = await startHolder(api);
  assert.equal(first.lease.term, 1);
  annotateByHand(api, { [NOTE]: 'x' });
  assert.equal(await first.lease.annotate({ [NOTE]: 'y' }), true);
  assert.equal(first.lease.term, 1);
  api.put(PATH, { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 1 } });
  await eventually(
    () => first.lease.term,
    (term) => term === 2,
  );
  api.remove(PATH);
  await eventually(
    () => first.lease.term,
    (term) => term === 3,
  );
});

test('a lease that was taken without an answer begins a term all the same', async () => {
  const api = await startApi();
  const first = await startHolder(api);
  api.put(PATH, { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 1 } });
  await eventually(() => !first.lease.isHolder, Boolean);
  // What takes it is carried out, and its answer comes too late.
  api.misbehave(({ method }) => {
    if (method !== 'PUT') return undefined;
    api.put(PATH, { spec: { holderIdentity: 'a', leaseDurationSeconds: 1 } });
    return { destroy: true };
  });
  await eventually(
    () => (api.objects.get(PATH)?.['spec'] as { holderIdentity?: string }).holderIdentity,
    (holder) => holder === 'a',
  );
  api.misbehave(undefined);
  await eventually(() => first.lease.isHolder, Boolean);
  assert.equal(first.lease.term, 2);
});

test('a term began when it was known that nobody else holds it any more', async () => {
  const api = await startApi();
  const clock = createManualClock();
  // Written long before the answer comes.
  api.misbehave(({ method }) => {
    if (method === 'POST') clock.advance(50);
    return undefined;
  });
  const began = clock.monotonicMs();
  const { lease } = await startReplica(api, 'a', clock);
  assert.equal(lease.termSinceMs > began, true);
  await eventually(() => lease.isHolder, Boolean);
  assert.equal(lease.termSinceMs, began + 50);
  clock.advance(TIMES.renewDeadlineMs);
  assert.equal(lease.isHolder, false);
  await eventually(() => lease.isHolder, Boolean);
  assert.equal(lease.termSinceMs, began + 50, 'nobody else held it meanwhile');
  api.put(PATH, { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 1 } });
  await eventually(() => !lease.isHolder, Boolean);
  api.put(PATH, { spec: { holderIdentity: '' } });
  await eventually(() => lease.isHolder, Boolean);
  assert.equal(lease.termSinceMs, clock.monotonicMs());
  assert.ok(lease.termSinceMs > began + 50);
});
