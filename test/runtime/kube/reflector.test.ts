// The reflector over a real client, against a real HTTPS server that behaves like a kube-apiserver.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Backoff } from '../../../runtime/backoff.js';
import { Reflector, type ReflectorOptions } from '../../../runtime/kube/reflector.js';
import { metadataOf } from '../../../runtime/kube/objects.js';
import type { KubeApiRequest } from '../../support/kube-api/serve.js';
import { forbidden } from '../../support/kube-api/status.js';
import { startKubernetes, type Kubernetes } from '../../support/kube-client.js';
import { createShiftedClock, eventually, type ShiftedClock } from '../../support/programs.js';

const PODS = '/api/v1/namespaces/default/pods';
const SETTLED_MS = 2_000;

interface Harness extends Kubernetes {
  readonly clock: ShiftedClock;
  readonly reflector: Reflector<string>;
  /** By key, the `color` label of each. */
  readonly held: Map<string, string>;
  /** Keys of each whole list that came. */
  readonly replaced: string[][];
  /** Milliseconds that it waited before each further try. */
  readonly delays: number[];
  readonly running: Promise<void>;
  readonly stop: AbortController;
  holds(expected: Record<string, string>): Promise<void>;
  /** What was asked for: `list` or `watch`, each with the version it began from. */
  asked(): string[];
}

/** A backoff whose delays are seen. */
class ToldBackoff extends Backoff {
  constructor(private readonly tell: (delay: number) => void) {
    super({ firstMs: 10, maxMs: 40, random: () => 0 });
  }

  override next(): number {
    const delay = super.next();
    this.tell(delay);
    return delay;
  }
}

async function start(
  t: TestContext,
  prepare: (kubernetes: Kubernetes) => void = () => undefined,
  options: Partial<ReflectorOptions<string>> = {},
): Promise<Harness> {
  const kubernetes = await startKubernetes(t);
  prepare(kubernetes);
  const clock = createShiftedClock();
  const held = new Map<string, string>();
  const replaced: string[][] = [];
  const delays: number[] = [];
  const backoff = new ToldBackoff((delay) => delays.push(delay));
  const reflector = new Reflector<string>({
    api: kubernetes.client,
    path: PODS,
    decode: colorOf,
    sink: {
      replace: (items) => {
        replaced.push([...items.keys()]);
        held.clear();
        for (const [key, value] of items) held.set(key, value);
      },
      upsert: (key, value) => held.set(key, value),
      remove: (key) => held.delete(key),
    },
    clock,
    log: kubernetes.log,
    backoff,
    ...options,
  });
  const stop = new AbortController();
  kubernetes.signal.addEventListener('abort', () => stop.abort());
  const running = reflector.run(stop.signal);
  const holds = async (expected: Record<string, string>): Promise<void> => {
    const want = JSON.stringify(Object.entries(expected));
    await eventually(
      () => JSON.stringify([...held].sort(([a], [b]) => (a < b ? -1 : 1))),
      (seen) => seen === want,
    );
  };
  const asked = () => kubernetes.api.requests.map(summaryOf);
  return { ...kubernetes, clock, reflector, held, replaced, delays, running, stop, holds, asked };
}

function colorOf(object: unknown): string | undefined {
  const { labels } = metadataOf(object);
  const color: unknown = Object.entries(labels ?? {}).find(([key]) => key === 'color')?.[1];
  return typeof color === 'string' ? color : undefined;
}

function summaryOf({ path }: KubeApiRequest): string {
  const query = new URL(path, 'https://x').searchParams;
  if (query.get('sendInitialEvents') === 'true') return 'stream';
  return query.has('watch') ? `watch ${query.get('resourceVersion') ?? ''}` : 'list';
}

const pod = (color: string) => ({ metadata: { labels: { color } } });

async function watched({ api }: Kubernetes, count = 1): Promise<void> {
  await eventually(
    () => api.openWatches,
    (open) => open === count,
  );
}

test('a collection is listed in pages and then watched', async (t) => {
  const harness = await start(t, ({ api }) => {
    for (let i = 0; i < 1_100; i++) api.put(`${PODS}/p${i}`, pod('red'));
  });
  await watched(harness);
  const { api, held, reflector, replaced } = harness;
  assert.equal(held.size, 1_100);
  assert.deepEqual(
    api.requests.map(({ path }) => /limit=500(&continue=.+)?$/.test(path)),
    [true, true, true, false],
  );
  assert.equal(replaced.length, 1);
  assert.ok(reflector.isSynced);
  api.put(`${PODS}/p0`, pod('blue'));
  api.remove(`${PODS}/p1`);
  api.put(`${PODS}/new`, pod('green'));
  await eventually(
    () => [held.get('default/p0'), held.get('default/p1'), held.get('default/new')].join(),
    (colors) => colors === 'blue,,green',
  );
});

test('metadata alone is asked for, of what a selector chooses', async (t) => {
  const path = `/api/v1/pods?fieldSelector=${encodeURIComponent('status.phase!=Failed')}`;
  const prepare = ({ api }: Kubernetes) => {
    api.put(`${PODS}/a`, { ...pod('red'), status: { phase: 'Running' } });
    api.put(`${PODS}/b`, { ...pod('red'), status: { phase: 'Failed' } });
  };
  const harness = await start(t, prepare, { path, isMetadataOnly: true });
  await harness.holds({ 'default/a': 'red' });
  await watched(harness);
  harness.api.put(`${PODS}/a`, { ...pod('red'), status: { phase: 'Failed' } });
  await harness.holds({});
  assert.deepEqual(
    harness.api.requests.map(({ headers }) => headers.accept),
    [
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
      'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    ],
  );
});

test('a list is streamed by the watch where the server knows how', async (t) => {
  const harness = await start(t, ({ api }) => void api.put(`${PODS}/a`, pod('red')), { isStreamed: true });
  await harness.holds({ 'default/a': 'red' });
  harness.api.put(`${PODS}/b`, pod('blue'));
  await harness.holds({ 'default/a': 'red', 'default/b': 'blue' });
  assert.deepEqual([harness.asked(), harness.replaced], [['stream'], [['default/a']]]);
});

test('a server that does not stream lists is asked for pages', async (t) => {
  const prepare = ({ api }: Kubernetes) => {
    api.canStreamLists = false;
    api.put(`${PODS}/a`, pod('red'));
  };
  const harness = await start(t, prepare, { isStreamed: true });
  await watched(harness);
  assert.deepEqual(harness.asked(), ['stream', 'list', 'watch 101']);
  assert.equal(harness.reflector.problem, undefined);
});

test('a streamed list that breaks off replaces nothing', async (t) => {
  let isBroken = true;
  const partial = JSON.stringify({ type: 'ADDED', object: { ...pod('red'), metadata: { name: 'x', namespace: 'y' } } });
  const harness = await start(
    t,
    ({ api }) => {
      api.put(`${PODS}/a`, pod('red'));
      api.misbehave(() => (isBroken ? { status: 200, body: `${partial}\n` } : undefined));
    },
    { isStreamed: true },
  );
  await eventually(
    () => harness.api.requests.length,
    (count) => count >= 2,
  );
  assert.deepEqual([harness.replaced, harness.reflector.isSynced], [[], false]);
  isBroken = false;
  await harness.holds({ 'default/a': 'red' });
});

test('a streamed list that the server ends too early is a problem', async (t) => {
  const misbehave = ({ api }: Kubernetes) => api.misbehave(() => ({ status: 200, body: '' }));
  const { reflector } = await start(t, misbehave, { isStreamed: true });
  await eventually(
    () => reflector.problem ?? '',
    (problem) => problem.includes('the streamed list ended too early'),
  );
});

test('a dropped watch goes on from the newest bookmark without a list', async (t) => {
  const harness = await start(t, ({ api }) => void api.put(`${PODS}/a`, pod('red')));
  const { api } = harness;
  await watched(harness);
  api.put('/api/v1/namespaces/other/pods/b', pod('blue')); // nothing of ours, and yet a later version
  const before = harness.reflector.lastContactMs;
  api.sendBookmarks();
  await eventually(
    () => harness.reflector.lastContactMs,
    (contact) => contact !== before,
  );
  api.misbehave(() => ({ destroy: true }));
  api.dropWatches();
  await watched(harness, 0);
  api.remove(`${PODS}/a`);
  api.put(`${PODS}/c`, pod('green'));
  api.misbehave(undefined);
  await harness.holds({ 'default/c': 'green' });
  const asked = harness.asked();
  assert.deepEqual([asked[0], asked[1], asked.at(-1)], ['list', 'watch 101', 'watch 102']);
  assert.equal(asked.filter((one) => one === 'list').length, 1);
});

test('a watch that has expired leads to a new list, and what was there stays', async (t) => {
  const harness = await start(t, ({ api }) => void api.put(`${PODS}/a`, pod('red')));
  const { api } = harness;
  await watched(harness);
  api.misbehave(({ path }) => (path.includes('limit=') ? { status: 500, body: {} } : undefined));
  api.expireWatches();
  await eventually(
    () => harness.reflector.problem,
    (problem) => problem !== undefined,
  );
  assert.deepEqual([...harness.held], [['default/a', 'red']]);
  api.remove(`${PODS}/a`);
  api.put(`${PODS}/b`, pod('blue'));
  api.misbehave(undefined);
  await harness.holds({ 'default/b': 'blue' });
  assert.equal(harness.replaced.length, 2);
  assert.equal(harness.reflector.problem, undefined);
});

test('what was deleted while nobody listened is gone after the new list', async (t) => {
  const harness = await start(t, ({ api }) => {
    api.put(`${PODS}/a`, pod('red'));
    api.put(`${PODS}/b`, pod('red'));
  });
  await watched(harness);
  await harness.api.down();
  harness.api.remove(`${PODS}/a`);
  harness.api.compact();
  await harness.api.up();
  await harness.holds({ 'default/b': 'red' });
  assert.equal(harness.asked().filter((one) => one === 'list').length, 2);
});

test('a list whose next page has expired begins anew', async (t) => {
  let isFirst = true;
  const harness = await start(t, ({ api }) => {
    for (let i = 0; i < 600; i++) api.put(`${PODS}/p${i}`, pod('red'));
    api.misbehave(({ path }) => {
      if (isFirst && path.includes('continue=')) {
        isFirst = false;
        api.remove(`${PODS}/p0`);
        api.compact();
      }
      return undefined;
    });
  });
  await watched(harness);
  assert.equal(harness.held.size, 599);
  assert.equal(harness.replaced.length, 1);
  assert.equal(harness.held.has('default/p0'), false);
  assert.deepEqual(harness.asked().slice(0, -1), ['list', 'list', 'list', 'list']);
});

test('a server that is down, slow or talks nonsense is waited for', async (t) => {
  const harness = await start(t, ({ api }) => {
    api.put(`${PODS}/a`, pod('red'));
    const failures = [{ status: 500, body: {} }, { nonsense: true }, { destroy: true }, { status: 200, body: '[]' }];
    api.misbehave(() => failures.shift() ?? { delayMs: 50 });
  });
  await harness.holds({ 'default/a': 'red' });
  assert.equal(harness.delays.length, 4);
  const warnings = harness.logged.filter((line) => line.includes('warn'));
  assert.equal(warnings.length, 4, warnings.join(''));
  assert.match(harness.logged.at(-1) ?? '', /following the Kubernetes API again/);
});

test('a missing right is shown, told once, and survived', async (t) => {
  let isForbidden = true;
  const harness = await start(t, ({ api }) => {
    api.put(`${PODS}/a`, pod('red'));
    api.misbehave(() => (isForbidden ? { status: 403, body: forbidden('list', 'pods').body } : undefined));
  });
  await eventually(
    () => harness.api.requests.length,
    (count) => count > 3,
  );
  assert.match(harness.reflector.problem ?? '', /HTTP 403 Forbidden: pods is forbidden/);
  assert.equal(harness.reflector.isSynced, false);
  assert.equal(harness.logged.length, 1);
  isForbidden = false;
  await harness.holds({ 'default/a': 'red' });
  assert.equal(harness.reflector.problem, undefined);
});

test('a watch that ends at once is not asked for in a hot loop', async (t) => {
  const harness = await start(t, ({ api }) => {
    api.misbehave(({ path }) => (path.includes('watch=1') ? { status: 200, body: '' } : undefined));
  });
  await eventually(
    () => harness.delays.length,
    (count) => count >= 6,
  );
  const watches = harness.asked().filter((one) => one.startsWith('watch')).length;
  assert.ok(watches <= harness.delays.length + 1, `${watches} watches, ${harness.delays.length} delays`);
  assert.deepEqual(harness.delays.slice(0, 5), [5, 10, 20, 20, 20]);
});

test('delays begin anew after a watch that lasted', async (t) => {
  const harness = await start(t, ({ api }) => {
    const failures = [
      { status: 500, body: {} },
      { status: 500, body: {} },
    ];
    api.misbehave(() => failures.shift());
  });
  await watched(harness);
  harness.clock.shiftMs += SETTLED_MS;
  harness.api.expireWatches();
  await eventually(
    () => harness.delays.join(),
    (delays) => delays === '5,10,5',
  );
});

test('a watch that the server ends after a while is followed by the next', async (t) => {
  const harness = await start(t);
  await watched(harness);
  harness.clock.shiftMs += SETTLED_MS;
  harness.api.finishWatches();
  await eventually(
    () => harness.asked().length,
    (count) => count === 3,
  );
  assert.deepEqual([harness.asked(), harness.delays], [['list', 'watch 100', 'watch 100'], []]);
});

test('a watch that has been silent for too long is begun anew', async (t) => {
  const harness = await start(t, undefined, { idleTimeoutMs: 100 });
  await eventually(
    () => harness.asked().filter((one) => one === 'watch 100').length,
    (count) => count >= 3,
  );
  assert.equal(harness.reflector.problem, undefined);
  assert.equal(harness.asked().filter((one) => one === 'list').length, 1);
});

test('an event that is too large costs the watch and not the program', async (t) => {
  const harness = await start(t);
  await watched(harness);
  harness.api.sendRaw('x'.repeat(5 * 1024 * 1024));
  await eventually(
    () => harness.asked().length,
    (count) => count >= 3,
  );
  await watched(harness);
  harness.api.put(`${PODS}/a`, pod('red'));
  await harness.holds({ 'default/a': 'red' });
  // from its version it would come again
  assert.deepEqual(harness.asked(), ['list', 'watch 100', 'list', 'watch 100']);
});

test('an object that does not decode is skipped, and removed if it did before', async (t) => {
  const harness = await start(t, ({ api }) => {
    api.put(`${PODS}/a`, pod('red'));
    api.put(`${PODS}/odd`, { metadata: {} });
  });
  await watched(harness);
  assert.deepEqual([...harness.held.keys()], ['default/a']);
  assert.equal(harness.reflector.skipped, 1);
  harness.api.put(`${PODS}/a`, { metadata: {} });
  await harness.holds({});
  assert.equal(harness.reflector.skipped, 2);
});

test('what is known is current until there is no sign of life', async (t) => {
  const harness = await start(t);
  await watched(harness);
  const { reflector, clock, api } = harness;
  assert.ok(reflector.isCurrent(clock.monotonicMs()));
  await api.down();
  clock.shiftMs += 170_000;
  assert.ok(reflector.isCurrent(clock.monotonicMs()));
  clock.shiftMs += 20_000;
  assert.ok(!reflector.isCurrent(clock.monotonicMs()));
  await api.up();
  await watched(harness);
  await eventually(
    () => reflector.isCurrent(clock.monotonicMs()),
    (isCurrent) => isCurrent,
  );
});

test('a restored server, whose versions are behind, is listed again', async (t) => {
  let isBehind = false;
  const body = { kind: 'Status', reason: 'Timeout', message: 'Too large resource version: 100, current: 5', code: 504 };
  const harness = await start(t, ({ api }) => {
    api.misbehave(({ path }) => {
      const refuses = isBehind && path.includes('watch=1');
      if (refuses) isBehind = false;
      return refuses ? { status: 504, body } : undefined;
    });
  });
  await watched(harness);
  isBehind = true;
  harness.api.finishWatches();
  await eventually(
    () => harness.asked().join(),
    (asked) => asked === 'list,watch 100,watch 100,list,watch 100',
  );
});

test('an aborted reflector ends its watch', async (t) => {
  const harness = await start(t);
  await watched(harness);
  harness.stop.abort();
  await harness.running;
  await watched(harness, 0);
  assert.equal(harness.reflector.problem, undefined);
});

test('lists and watches that fail are counted, what is normal is not', async (t) => {
  let isRefused = true;
  const harness = await start(t, ({ api }) => {
    api.misbehave(() => (isRefused ? { status: 403, body: forbidden('list', 'pods').body } : undefined));
  });
  const { api, reflector } = harness;
  await eventually(
    () => reflector.failures,
    (count) => count >= 3,
  );
  isRefused = false;
  await watched(harness);
  const { failures } = reflector;
  for (const end of [() => api.dropWatches(), () => api.finishWatches(), () => api.expireWatches()]) {
    const before = harness.asked().length;
    end();
    await eventually(
      () => harness.asked().length > before && api.openWatches === 1,
      (isWatched) => isWatched,
    );
  }
  assert.equal(reflector.failures, failures);
  await api.down();
  await eventually(
    () => reflector.failures,
    (count) => count > failures,
  );
});
