// What Prometheus makes of pods that come, go, move and count anew, with a limit: every byte once, in a pod's series or in a total.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Exposition } from '../../../apiserver/exposition/exposition.js';
import { SeriesLimit } from '../../../apiserver/exposition/series-limit.js';
import { workloadLines } from '../../../apiserver/exposition/workload-lines.js';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Pods } from '../../../apiserver/store/pods.js';
import { Store } from '../../../apiserver/store/store.js';
import type { PodReport } from '../../../openapi/node-report.js';
import { interfaceReport, nodeReport, podReport } from '../../support/reports.js';

const NODES = ['node-a', 'node-b', 'node-c'];
const NAMES = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'];
const SHOWN = 'podnet_interface_receive_bytes_total';
const ADDED = 'podnet_workload_network_receive_bytes_total';
const START_MS = Date.UTC(2026, 10, 20);

interface SimulatedPod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly createdAt: number;
  /** One more for each sandbox. */
  identity: number;
  /** What its interface counts. */
  value: number;
}

/** One that restarts loses its memory; the agents and the pods go on. */
class Server {
  readonly store = new Store({ historyMs: 300_000 });
  readonly limit: SeriesLimit;
  readonly exposition: Exposition;

  constructor(max: number) {
    const nodes = this.store;
    this.limit = new SeriesLimit({ nodes, pods: new Pods(this.store) }, { max });
    const cluster = workloadLines(this.limit);
    this.exposition = new Exposition({ nodes, pods: this.limit }, [], { cluster });
  }

  samples(family: string, nowMs: number): Map<string, number> {
    const text = gunzipSync(Buffer.concat([...this.exposition.gzip('text', nowMs, { family })])).toString();
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }
}

/** increase() since ever, as Prometheus reckons it: a value below the one before is a counter that began anew. */
class Increase {
  total = 0;
  readonly #last = new Map<string, number>();

  /** @param fromZero whether a series that was never seen began at zero, and not with its first value */
  take(samples: ReadonlyMap<string, number>, fromZero: boolean): void {
    for (const [series, value] of samples) {
      const before = this.#last.get(series) ?? (fromZero ? 0 : value);
      this.total += value >= before ? value - before : value;
      this.#last.set(series, value);
    }
  }
}

class World {
  server: Server;
  nowMs = 1_000_000;
  readonly pods = new Map<string, SimulatedPod>();
  /** What the interfaces counted since the server, or one before it, first heard of them; as reported. */
  reported = 0;
  readonly increase = new Increase();
  readonly #max: number;
  #made = 0;
  /** By uid. */
  readonly #told = new Map<string, { readonly identity: number; readonly value: number }>();
  #added = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
    this.server = new Server(max);
  }

  create(name: string, node: string): void {
    const uid = `uid-${this.#made}`;
    // No two at once.
    this.pods.set(name, { name, uid, node, createdAt: this.nowMs + this.#made++, identity: 1, value: 5 });
  }

  restartServer(): void {
    this.server = new Server(this.#max);
    this.#added.clear();
  }

  rebase(): void {
    this.server.limit.rebase();
    this.#added.clear();
  }

  report(node: string): void {
    this.nowMs += 1_000;
    const pods = [...this.pods.values()].filter((pod) => pod.node === node);
    const { report } = checkReport(nodeReport(this.nowMs, { node, bootId: node, pods: pods.map(reportOf) }));
    const outcome = this.server.store.ingest(report, this.nowMs);
    assert.ok(outcome.ok);
    for (const one of [outcome.node, ...outcome.affected]) this.server.exposition.update(one, this.nowMs);
    for (const { uid, identity, value } of pods) {
      const told = this.#told.get(uid);
      if (told !== undefined) this.reported += told.identity === identity ? value - told.value : value;
      this.#told.set(uid, { identity, value });
    }
  }

  scrape(): void {
    const shown = this.server.samples(SHOWN, this.nowMs);
    const added = this.server.samples(ADDED, this.nowMs);
    for (const [series, value] of added) assert.ok(value >= (this.#added.get(series) ?? 0), `${series} stepped back`);
    for (const [series, value] of added) this.#added.set(series, value);
    this.increase.take(shown, false);
    this.increase.take(added, true);
  }
}

function reportOf({ name, uid, createdAt, identity, value }: SimulatedPod): PodReport {
  const workload = { kind: 'Deployment', name: `w${Number(name.slice(1)) % 3}` };
  const creationTimestamp = new Date(START_MS + createdAt).toISOString();
  const readings = [[value, 0, 0, 0, 0, 0, 0, 0]];
  const interfaces = [interfaceReport({ identity: `${uid}/${identity}`, readings })];
  // A namesake on the same node would go on with the series.
  return podReport({ name: `${name}-${uid}`, uid, creationTimestamp, workload, interfaces });
}

type Step = (world: World) => void;
const node = fc.constantFrom(...NODES);
const name = fc.constantFrom(...NAMES);
const grow = fc.tuple(name, fc.nat(1_000)).map(([one, by]): Step => (world) => {
  const pod = world.pods.get(one);
  if (pod !== undefined) pod.value += by;
});
/** Heard of at once: one that is heard of later and goes before another can make that one leave and come back (`docs/api.md`). */
const create = fc.tuple(name, node).map(([one, on]): Step => (world) => {
  world.create(one, on);
  world.report(on);
  world.scrape();
});
const end = name.map(
  (one): Step =>
    (world) =>
      void world.pods.delete(one),
);
/** A sandbox that is made anew is heard of before it counted as much as the one before: what counts more proves nothing. */
const anew = name.map((one): Step => (world) => {
  const pod = world.pods.get(one);
  if (pod === undefined) return;
  world.report(pod.node);
  world.scrape();
  pod.identity++;
  pod.value = Math.floor(pod.value / 2);
  world.report(pod.node);
  world.scrape();
});
const report = node.map((on): Step => (world) => {
  world.report(on);
  world.scrape();
});
const steps = (...more: fc.Arbitrary<Step>[]) =>
  fc.array(fc.oneof({ arbitrary: report, weight: 4 }, { arbitrary: grow, weight: 4 }, create, end, anew, ...more), {
    maxLength: 60,
    size: 'max',
  });
/** A pod has ten series: from none to more than there are. */
const max = fc.integer({ min: 1, max: 90 });

test('what is scraped after each report grows by what the pods counted', () => {
  fc.assert(
    fc.property(max, steps(), (limit, taken) => {
      const world = new World(limit);
      for (const step of taken) step(world);
      assert.equal(world.increase.total, world.reported);
    }),
    { numRuns: 300 },
  );
});

test('no byte is counted twice across restarts and hand-overs', () => {
  // Scraped as one of several replicas it waits until it has heard of all nodes, and has looked at each again when all were known.
  const restart = fc.constant<Step>((world) => {
    world.restartServer();
    for (const on of [...NODES, ...NODES]) world.report(on);
  });
  const rebase = fc.constant<Step>((world) => {
    world.rebase();
  });
  const silent = node.map((on): Step => (world) => {
    world.report(on);
  });
  fc.assert(
    fc.property(max, steps(restart, rebase, silent), (limit, taken) => {
      const world = new World(limit);
      for (const step of taken) step(world);
      assert.ok(world.increase.total <= world.reported, `${world.increase.total} of ${world.reported}`);
    }),
    { numRuns: 300 },
  );
});

test('replicas that know the same pods show the same, however they heard of them', () => {
  const heard = fc.array(fc.tuple(name, node), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(max, heard, fc.shuffledSubarray(NODES, { minLength: NODES.length }), (limit, pods, order) => {
      const world = new World(limit);
      for (const [one, on] of pods) world.create(one, on);
      const seen = [NODES, order].map((nodes) => {
        world.restartServer();
        // Each is looked at again when all are known.
        for (const on of [...nodes, ...nodes]) world.report(on);
        return [...world.server.samples(SHOWN, world.nowMs).keys()];
      });
      assert.deepEqual(seen[1], seen[0]);
      assert.ok((seen[0]?.length ?? 0) * 10 <= limit);
    }),
  );
});
