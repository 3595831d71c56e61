// Two replicas and one Lease, on a Kubernetes API over TLS: whoever takes over goes on where the other stopped.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { DATUM_NAMES } from '../../../apiserver/publish/sampler.js';
import type { KubeApi } from '../../../runtime/kube/api.js';
import { createKubeApi, type KubeApiServer } from '../../support/kube-api.js';
import { connectKubeClient } from '../../support/kube-client.js';
import { createMemoryKube } from '../../support/memory-kube.js';
import { keyOf, PublishBed, TICK_MS, type Replica } from '../../support/publish-bed.js';
import { VirtualTime } from '../../support/virtual-time.js';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/n/leases/cloudwatch';
const PUBLISHED = 'podnet.dev/cloudwatch-published';
const SENDING = 'podnet.dev/cloudwatch-sending';
const MINUTE_MS = 60_000;
const ALL = DATUM_NAMES.length;
const cleanUp: (() => Promise<void> | void)[] = [];

interface Pair {
  readonly kube: KubeApiServer;
  readonly time: VirtualTime;
  readonly bed: PublishBed;
  readonly first: Replica;
  readonly second: Replica;
  /** Ends them in a time that goes on. */
  readonly close: (replica: Replica) => Promise<void>;
}

/** `first` holds the Lease, and both know what the counters were. */
async function startPair(): Promise<Pair> {
  const kube = await createKubeApi();
  let underWay = 0;
  const time = new VirtualTime(Date.parse('2026-11-21T00:00:10Z'), () => underWay > 0);
  const connect = async (name: string): Promise<KubeApi> => {
    const client = await connectKubeClient(kube, name);
    cleanUp.unshift(() => client.close());
    return {
      request: async (request) => {
        underWay++;
        try {
          return await client.request(request);
        } finally {
          underWay--;
        }
      },
      watch: (request) => client.watch(request),
    };
  };
  const bed = new PublishBed({ time, connect });
  const first = await bed.start('first');
  await time.advance(1_000);
  const second = await bed.start('second');
  const close = async (replica: Replica): Promise<void> => {
    let isClosed = replica.isDead;
    const closing = isClosed ? undefined : replica.close().then(() => (isClosed = true));
    while (!isClosed) await time.advance(1_000);
    await closing;
    replica.isDead = true;
  };
  cleanUp.push(async () => {
    for (const replica of bed.replicas) await close(replica);
    await kube.close();
  });
  await time.advance(50_000);
  assert.equal(bed.holder, first);
  return { kube, time, bed, first, second, close };
}

function annotationsOf(kube: KubeApiServer): Readonly<Record<string, unknown>> {
  return { ...(kube.objects.get(LEASE)?.metadata['annotations'] as object | undefined) };
}

/** Every value of every sample from one time to another, but what `twice` says. */
function checkWhole({ taken }: PublishBed, from: string, to: string, twice = 0): void {
  const inside = taken.map(keyOf).filter((key) => key.slice(0, 8) >= from && key.slice(0, 8) <= to);
  const seconds = (Date.parse(`2026-11-21T${to}Z`) - Date.parse(`2026-11-21T${from}Z`)) / 1_000;
  assert.equal(new Set(inside).size, (seconds / 30 + 1) * ALL);
  assert.equal(inside.length - new Set(inside).size, twice);
}

/** What a replica made of the annotations, one change after the other. */
function changesBy({ requests }: KubeApiServer, name: string): string[] {
  const written = requests
    .filter(({ method, headers }) => method === 'PUT' && headers['user-agent'] === name)
    .map(({ body }) => JSON.stringify((body as { metadata: { annotations?: object } }).metadata.annotations));
  return written.filter((text, index) => text !== written[index - 1]);
}

afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

test('only the holder sends, and notes it in the Lease with few writes', async () => {
  const { kube, time, bed, first } = await startPair();
  const before = { requests: bed.sent.length, changes: changesBy(kube, 'first').length };
  await time.advance(MINUTE_MS);
  assert.deepEqual([...new Set(bed.sent.map(({ by }) => by))], [first]);
  assert.equal(bed.sent.length - before.requests, 3);
  assert.equal(changesBy(kube, 'first').length - before.changes, 4, 'one for each request, and one more');
  assert.deepEqual(annotationsOf(kube), { [PUBLISHED]: '2026-11-21T00:01:30.000Z/nodesMissing', [SENDING]: '' });
});

test('each request is announced in the Lease before it is made', async () => {
  const { kube, time, bed } = await startPair();
  const announced: unknown[] = [];
  bed.onSend = ({ datums }) => {
    const last = datums.at(-1);
    const { [PUBLISHED]: published, [SENDING]: sending } = annotationsOf(kube);
    assert.equal(sending, `${new Date(last?.timestampMs ?? 0).toISOString()}/${last?.name ?? ''}`);
    announced.push(published);
    return undefined;
  };
  await time.advance(MINUTE_MS);
  assert.equal(new Set(announced).size, 3);
});

test('a holder that dies between pushes is followed without a gap or a double', async () => {
  const { time, bed, first, second } = await startPair();
  await time.advance(MINUTE_MS);
  first.isDead = true;
  await time.advance(5 * MINUTE_MS);
  assert.equal(bed.sent.at(-1)?.by, second);
  checkWhole(bed, '00:01:00', '00:06:30');
  assert.equal(await bed.sum('possibleDuplicates'), 0);
});

test('a holder that dies before CloudWatch has its request leaves no gap', async () => {
  for (const index of [0, 1]) {
    const { time, bed } = await startPair();
    const base = bed.sent.length;
    bed.onSend = ({ by }, at) => {
      if (at !== base + index) return undefined;
      by.isDead = true;
      return { takes: false, answer: 'ok' };
    };
    await time.advance(5 * MINUTE_MS);
    checkWhole(bed, '00:01:00', '00:05:30');
    assert.equal(await bed.sum('possibleDuplicates'), 20, 'nobody can know that it was not taken');
  }
});

test('a holder that dies between the answer and its note leaves one batch twice, counted', async () => {
  const { time, bed, second } = await startPair();
  const base = bed.sent.length;
  bed.onSend = ({ by }, at) => {
    if (at === base + 1) by.isDead = true;
    return undefined;
  };
  await time.advance(5 * MINUTE_MS);
  checkWhole(bed, '00:01:00', '00:05:30', 20);
  const { values } = await second.metrics.possibleDuplicates.get();
  assert.equal(values[0]?.value, 20);
});

test('a holder that is closed during an outage leaves nothing in doubt', async () => {
  const { kube, time, bed, first, second, close } = await startPair();
  bed.onSend = ({ by }) => (by === first ? { takes: false, answer: 'throttled' } : undefined);
  await time.advance(3 * MINUTE_MS);
  assert.deepEqual(annotationsOf(kube), { [PUBLISHED]: '2026-11-21T00:00:30.000Z/nodesMissing', [SENDING]: '' });
  await close(first);
  await time.advance(3 * MINUTE_MS);
  assert.equal(bed.holder, second);
  checkWhole(bed, '00:01:00', '00:05:30');
  assert.equal(await bed.sum('possibleDuplicates'), 0);
});

test('a holder that is closed while it sends notes what became of it', async () => {
  const { time, bed, first, close } = await startPair();
  const base = bed.sent.length;
  bed.onSend = (_sent, at) => (at === base ? { takes: true, answer: 'ok', afterMs: 2_000 } : undefined);
  await time.advance(30_000);
  assert.equal(bed.sent.length, base + 1);
  await close(first);
  await time.advance(5 * MINUTE_MS);
  checkWhole(bed, '00:01:00', '00:05:30');
  assert.equal(await bed.sum('possibleDuplicates'), 0);
});

test('a holder that loses the Kubernetes API stops before another begins', async () => {
  const { time, bed, first, second } = await startPair();
  const base = bed.sent.length;
  bed.onSend = ({ by }, at) => {
    if (at !== base) return undefined;
    by.isCutOff = true;
    return { takes: true, answer: 'none' };
  };
  await time.advance(3 * MINUTE_MS);
  assert.equal(bed.holder, second);
  assert.equal(bed.mostAtOnce, 1);
  checkWhole(bed, '00:01:00', '00:03:30', 20);
  assert.equal(await bed.sum('possibleDuplicates'), 20);
  first.isCutOff = false;
  second.isDead = true;
  await time.advance(3 * MINUTE_MS);
  assert.equal(bed.holder, first);
  checkWhole(bed, '00:01:00', '00:06:30', 20);
  assert.equal(await bed.sum('possibleDuplicates'), 20);
});

test('what cannot be announced is not sent', async () => {
  const { kube, time, bed, first } = await startPair();
  const base = bed.sent.length;
  const hasIntention = (body: unknown): boolean => /cloudwatch-sending":"2/.test(JSON.stringify(body ?? {}));
  const forbidden = { status: 403, body: { kind: 'Status', code: 403, reason: 'Forbidden', message: 'RBAC: no' } };
  kube.misbehave(({ body }) => (hasIntention(body) ? forbidden : undefined));
  await time.advance(3 * MINUTE_MS);
  assert.equal(bed.sent.length, base);
  assert.equal(first.logged.filter((line) => line.includes('publishing to CloudWatch fails')).length, 1);
  kube.misbehave(undefined);
  await time.advance(2 * MINUTE_MS);
  checkWhole(bed, '00:01:00', '00:04:30');
  assert.equal(await bed.sum('possibleDuplicates'), 0);
});

test('when the Kubernetes API is away nothing is sent, and nothing is lost', async () => {
  const { time, bed, first, second } = await startPair();
  const base = bed.sent.length;
  for (const replica of [first, second]) replica.isCutOff = true;
  await time.advance(30 * MINUTE_MS);
  assert.equal(bed.sent.length, base);
  for (const replica of [first, second]) replica.isCutOff = false;
  await time.advance(2 * MINUTE_MS);
  checkWhole(bed, '00:01:00', '00:31:30');
  assert.equal(await bed.sum('possibleDuplicates'), 0);
});

test('when somebody deletes the Lease in mid-push nothing is lost, and what is sent again is counted', async () => {
  const { kube, time, bed } = await startPair();
  const base = bed.sent.length;
  bed.onSend = (_sent, at) => {
    if (at === base + 1) kube.remove(LEASE);
    return undefined;
  };
  await time.advance(4 * MINUTE_MS);
  checkWhole(bed, '00:01:00', '00:04:30', bed.extras);
  assert.ok((await bed.sum('possibleDuplicates')) >= bed.extras);
  assert.equal(bed.mostAtOnce, 1);
});

test('annotations that make no sense are told, and cost nothing that is known', async () => {
  const { kube, time, bed, first, second } = await startPair();
  const lease = kube.objects.get(LEASE);
  const annotations = { ...annotationsOf(kube), [PUBLISHED]: 'yesterday', 'example.com/other': 'stays' };
  kube.put(LEASE, { ...lease, metadata: { ...lease?.metadata, annotations } });
  await time.advance(5_000);
  first.isDead = true;
  await time.advance(3 * MINUTE_MS + TICK_MS);
  assert.equal(bed.holder, second);
  assert.equal(second.logged.filter((line) => line.includes('cannot be read')).length, 1);
  checkWhole(bed, '00:01:00', '00:03:30');
  assert.equal(annotationsOf(kube)['example.com/other'], 'stays');
});

test('what another version calls by a name of its own counts as published', async () => {
  const { kube, time, bed, first } = await startPair();
  first.isDead = true;
  const lease = kube.objects.get(LEASE);
  const annotations = { [PUBLISHED]: '2026-11-21T00:01:30.000Z/eniWarmTarget', [SENDING]: '' };
  kube.put(LEASE, { ...lease, metadata: { ...lease?.metadata, annotations } });
  await time.advance(4 * MINUTE_MS);
  assert.deepEqual(
    bed.taken.map(keyOf).filter((key) => key.startsWith('00:01')),
    [],
  );
  checkWhole(bed, '00:02:00', '00:04:30');
});

test('a replica that was stopped between its intention and the request sends nothing', async () => {
  const kube = createMemoryKube();
  const time = new VirtualTime(Date.parse('2026-11-21T00:00:10Z'));
  let isStopping = false;
  /** The first write of an intention is there, and its answer is read when somebody else has the Lease. */
  const connect = (name: string): KubeApi => ({
    request: async (request) => {
      const answer = await kube.request(request);
      const isIntention = JSON.stringify(request.body ?? {}).includes(`"${SENDING}":"2`);
      if (name === 'first' && isStopping && isIntention) {
        isStopping = false;
        await time.sleep(20_000, new AbortController().signal);
      }
      return answer;
    },
    watch: (request) => kube.watch(request),
  });
  const bed = new PublishBed({ time, connect });
  const first = await bed.start('first');
  await time.advance(1_000);
  const second = await bed.start('second');
  await time.advance(MINUTE_MS);
  assert.equal(bed.holder, first);
  isStopping = true;
  const before = bed.sent.length;
  await time.advance(2 * MINUTE_MS);
  const later = bed.sent.slice(before);
  assert.ok(later.length > 0);
  assert.deepEqual([...new Set(later.map(({ by }) => by.name))], ['second']);
  assert.equal(bed.extras, 0);
  const closed = [first, second].map((replica) => replica.close());
  await time.advance(10_000);
  await Promise.all(closed);
});

test('a request may take longer than the Lease is held for without a renewal', async () => {
  const kube = createMemoryKube();
  const time = new VirtualTime(Date.parse('2026-11-21T00:00:10Z'));
  const bed = new PublishBed({ time, connect: () => kube });
  const replica = await bed.start('first');
  bed.onSend = () => ({ takes: true, answer: 'ok', afterMs: 25_000 });
  await time.advance(4 * MINUTE_MS);
  bed.onSend = () => undefined;
  await time.advance(MINUTE_MS);
  assert.equal(bed.extras, 0);
  assert.equal(await bed.sum('possibleDuplicates'), 0);
  assert.equal(await bed.sum('published'), bed.taken.length);
  const closed = replica.close();
  await time.advance(10_000);
  await closed;
});
