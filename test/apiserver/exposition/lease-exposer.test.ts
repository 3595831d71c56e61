// Which replica shows anything at /metrics?exposer=only, and what.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { LeaseExposer, addExposerMetrics, type LeaseExposerDeps } from '../../../apiserver/exposition/lease-exposer.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { createManualClock, type ManualClock } from '../../support/clock.js';
import { nodeReport, podReport } from '../../support/reports.js';

const SCRAPE = '/metrics?exposer=only';
/** Of the default interval: what one report takes, and twice what is late. */
const WAIT_MS = 19_000;

interface Bed {
  readonly clock: ManualClock;
  readonly server: TestServer;
  readonly exposer: LeaseExposer;
  readonly registry: Registry;
  readonly lease: { -readonly [Key in keyof LeaseExposerDeps['lease']]: LeaseExposerDeps['lease'][Key] };
  /** The Lease comes to be held. */
  take(): void;
  /** A second goes by, in which these nodes report. */
  second(nodes: readonly string[], intervalMs?: number): Promise<void>;
  /** Nodes that are shown. */
  shown(): Promise<string[]>;
}

function createBed(): Bed {
  const clock = createManualClock();
  const lease: Bed['lease'] = {
    ...{ isHolder: false, holder: '', term: 0, termSinceMs: Infinity, annotations: {} },
    annotate: () => Promise.resolve(true),
    run: () => Promise.resolve(),
  };
  const exposer = new LeaseExposer({ lease, clock });
  const registry = new Registry();
  addExposerMetrics(registry, exposer, clock);
  const server = createTestServer({ clock, exposer, checks: [exposer.check] });
  exposer.start(server.store);
  let second = 100;
  return {
    ...{ clock, server, exposer, registry, lease },
    take: () => Object.assign(lease, { isHolder: true, term: lease.term + 1, termSinceMs: clock.monotonicMs() }),
    second: async (nodes, intervalMs = 15_000) => {
      clock.advance(1_000);
      second++;
      for (const node of nodes) {
        const pods = [podReport({ uid: `uid-${node}`, name: `pod-${node}` })];
        const { statusCode } = await server.push(nodeReport(second * 1_000, { node, bootId: node, intervalMs, pods }));
        assert.equal(statusCode, 200);
      }
    },
    shown: async () => {
      const { text } = await server.get(SCRAPE);
      return [...text.matchAll(/^podnet_pod_info\{.*node="([^"]*)"/gm)].map(([, node = '']) => node).sort();
    },
  };
}

async function passes(bed: Bed, milliseconds: number, nodes: readonly string[], intervalMs?: number): Promise<void> {
  for (let i = 0; i < milliseconds / 1_000; i++) await bed.second(nodes, intervalMs);
}

test('a holder shows nothing before one interval is over, and at once nothing when it is none', async (t) => {
  const bed = createBed();
  t.after(() => bed.exposer.close());
  await bed.second(['a', 'b']);
  assert.equal((await bed.server.get(SCRAPE)).text, '');
  assert.match((await bed.server.get('/metrics')).text, /^podnet_pod_info\{/m);
  bed.take();
  await passes(bed, WAIT_MS - 1_000, ['a', 'b'], 1_000);
  bed.clock.advance(999);
  assert.equal((await bed.server.get(SCRAPE)).text, '');
  bed.clock.advance(1);
  assert.deepEqual(await bed.shown(), ['a', 'b']);
  assert.doesNotMatch((await bed.server.get(SCRAPE)).text, /podnet_apiserver_/);
  bed.lease.isHolder = false;
  assert.equal((await bed.server.get(SCRAPE)).text, '');
  bed.lease.isHolder = true; // nobody else held it meanwhile
  assert.deepEqual(await bed.shown(), ['a', 'b']);
  bed.take();
  assert.deepEqual(await bed.shown(), []);
});

test('a node that has not reported since the Lease was taken over is shown when it has', async (t) => {
  const bed = createBed();
  t.after(() => bed.exposer.close());
  await bed.second(['a', 'b']);
  bed.take();
  await bed.second(['a', 'b']); // may have been on its way for a while
  await passes(bed, WAIT_MS, ['a']);
  assert.deepEqual(await bed.shown(), ['a']);
  assert.match((await bed.server.get('/metrics')).text, /^podnet_pod_info\{.*node="b"/m);
  await bed.second(['b']);
  assert.deepEqual(await bed.shown(), ['a', 'b']);
});

test('agents that report less often are waited for, up to a minute', async (t) => {
  for (const [intervalMs, waitMs] of [
    [30_000, 34_000],
    [300_000, 64_000],
  ] as const) {
    const bed = createBed();
    t.after(() => bed.exposer.close());
    bed.take();
    await bed.second(['a'], intervalMs);
    bed.clock.advance(waitMs - 1_001);
    await bed.second([]);
    assert.equal(bed.exposer.isExposing(bed.clock.monotonicMs() - 1_000), false);
    bed.clock.advance(1);
    assert.equal(bed.exposer.isExposing(bed.clock.monotonicMs()), true);
  }
});

test('who has begun to expose goes on for its term, whoever comes', async (t) => {
  const bed = createBed();
  t.after(() => bed.exposer.close());
  bed.take();
  await passes(bed, WAIT_MS, ['a']);
  assert.deepEqual(await bed.shown(), ['a']);
  await bed.second(['b'], 60_000);
  await bed.second(['a']);
  assert.deepEqual(await bed.shown(), ['a', 'b']);
});

test('once in each term, before anything is shown in it, it is told that it begins', (t) => {
  const clock = createManualClock();
  const lease: Bed['lease'] = {
    ...{ isHolder: true, holder: 'me', term: 1, termSinceMs: clock.monotonicMs(), annotations: {} },
    annotate: () => Promise.resolve(true),
    run: () => Promise.resolve(),
  };
  const exposer = new LeaseExposer({ lease, clock });
  t.after(() => exposer.close());
  const begun: number[] = [];
  const { store } = createTestServer({ clock });
  exposer.start(store, (reportedSinceMs) => begun.push(reportedSinceMs));
  const isExposing = () => exposer.isExposing(clock.monotonicMs());
  const firstMs = lease.termSinceMs + 2_000;
  clock.advance(WAIT_MS - 1);
  assert.equal(isExposing(), false);
  assert.deepEqual(begun, []);
  clock.advance(1);
  assert.equal(isExposing() && isExposing(), true);
  assert.deepEqual(begun, [firstMs]);
  Object.assign(lease, { term: 2, termSinceMs: clock.monotonicMs() });
  clock.advance(WAIT_MS);
  assert.equal(isExposing(), true);
  assert.deepEqual(begun, [firstMs, firstMs + WAIT_MS]);
});

test('readiness tells who exposes and depends on nobody, a gauge counts', async (t) => {
  const bed = createBed();
  t.after(() => bed.exposer.close());
  await bed.second(['a']);
  const state = async (): Promise<string> => {
    const { statusCode, text } = await bed.server.get<string>('/readyz/exposer?verbose');
    assert.equal(statusCode, 200);
    const metric = /^podnet_apiserver_exposing (\d)$/m.exec(await bed.registry.metrics())?.[1] ?? '';
    return `${/exposer ok: (.*)/.exec(text)?.[1] ?? ''}, ${metric}`;
  };
  assert.equal(await state(), 'nobody is known to expose, 0');
  bed.lease.holder = 'somebody';
  assert.equal(await state(), 'another replica exposes, as far as is known, 0');
  bed.take();
  assert.equal(await state(), 'this replica exposes in 19 s, 0');
  await passes(bed, WAIT_MS, ['a']);
  assert.equal(await state(), 'this replica exposes, 1');
});
