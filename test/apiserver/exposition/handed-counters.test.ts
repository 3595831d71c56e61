// Counters that replicas add up themselves, shown by one after the other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HandedCounters } from '../../../apiserver/exposition/handed-counters.js';
import { createManualClock } from '../../support/clock.js';
import { figure } from '../../support/ipam-store.js';

const ADDS = figure('ipam_add_ip_req_per_second');
const ANNOTATION = 'podnet.dev/counters';

/** A Lease that the test gives to whom it likes. Who does not hold it knows of it what it last looked at. */
class TestLease {
  annotations: Readonly<Record<string, string>> = {};
  holder: Replica | undefined;
  term = 0;
  isWritable = true;

  give(to: Replica | undefined): void {
    if (to !== this.holder) this.term++;
    this.holder = to;
    to?.look();
  }
}

class Replica {
  /** What it counted since its start; undefined: nothing was told yet. */
  own: number | undefined;
  readonly counters: HandedCounters;
  #known: Readonly<Record<string, string>> = {};

  constructor(lease: TestLease) {
    const isHolder = (): boolean => lease.holder === this;
    const known = (): Readonly<Record<string, string>> => this.#known;
    this.look = () => {
      this.#known = lease.annotations;
    };
    this.counters = new HandedCounters({
      clock: createManualClock(),
      figures: { total: () => (this.own === undefined ? undefined : { value: this.own, ageMs: 0, spanMs: 0 }) },
      lease: {
        get isHolder() {
          return isHolder();
        },
        get term() {
          return lease.term;
        },
        get annotations() {
          return known();
        },
        annotate: (annotations) => {
          if (!isHolder() || !lease.isWritable) return Promise.resolve(false);
          lease.annotations = { ...lease.annotations, ...annotations };
          this.look();
          return Promise.resolve(true);
        },
      },
    });
  }

  readonly look: () => void;

  get shown(): number | undefined {
    return this.counters.shown(ADDS);
  }

  /** Looks at the Lease, as it does every few seconds, and does its round. */
  async round(): Promise<void> {
    this.look();
    await this.counters.round();
  }
}

function replicas(): { lease: TestLease; first: Replica; second: Replica } {
  const lease = new TestLease();
  return { lease, first: new Replica(lease), second: new Replica(lease) };
}

test('who takes over goes on from what was shown, with what it counted since', async () => {
  const { lease, first, second } = replicas();
  lease.give(first);
  first.own = 100;
  await first.round();
  assert.equal(first.shown, 100);
  second.own = 40; // it was started later
  await second.round();
  [first.own, second.own] = [107, 47];
  await second.round();
  lease.give(second);
  assert.deepEqual([first.shown, second.shown], [undefined, undefined]);
  await second.round();
  assert.equal(second.shown, 107);
  second.own = 50;
  await second.round();
  assert.equal(second.shown, 110);
  first.own = 110;
  await first.round();
  lease.give(first);
  assert.equal(first.shown, undefined, 'what it wrote in another term says nothing of what was shown since');
  await first.round();
  assert.equal(first.shown, 110);
});

test('what is not written is not shown', async () => {
  const { lease, first } = replicas();
  lease.give(first);
  first.own = 10;
  assert.equal(first.shown, undefined);
  await first.round();
  first.own = 20;
  assert.equal(first.shown, 10);
  lease.isWritable = false;
  await first.round();
  assert.equal(first.shown, 10);
  lease.isWritable = true;
  await first.round();
  assert.equal(first.shown, 20);
  first.own = undefined;
  assert.equal(first.shown, undefined, 'nobody tells it at present');
});

test('a server that has counted nothing yet adds all that it will', async () => {
  const { lease, first, second } = replicas();
  lease.annotations = { [ANNOTATION]: '{"podnet_ipam_cluster_add_ip_req_total":1000}' };
  lease.give(second);
  await second.round();
  second.own = 0;
  await second.round();
  second.own = 3;
  await second.round();
  assert.equal(second.shown, 1_003);
  lease.give(first);
  await first.round();
  assert.equal(first.shown, undefined);
});

for (const text of [
  '',
  'x',
  '[]',
  '{"podnet_ipam_cluster_add_ip_req_total":-1}',
  '{"podnet_ipam_cluster_add_ip_req_total":"9"}',
  `{"a":${'9'.repeat(5_000)}}`,
]) {
  test(`an annotation that cannot be read counts nothing: ${text.slice(0, 40)}`, async () => {
    const { lease, first } = replicas();
    lease.annotations = { [ANNOTATION]: text };
    lease.give(first);
    first.own = 5;
    await first.round();
    assert.equal(first.shown, 5);
    assert.deepEqual(JSON.parse(lease.annotations[ANNOTATION] ?? ''), {
      ...JSON.parse(lease.annotations[ANNOTATION] ?? ''),
      podnet_ipam_cluster_add_ip_req_total: 5,
    });
  });
}

test('whoever holds it when, what is shown never falls and is never more than there was', async () => {
  const who = fc.integer({ min: 0, max: 2 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('grow' as const), by: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constantFrom('round' as const, 'look' as const, 'take' as const, 'restart' as const), who }),
    fc.record({ kind: fc.constant('writable' as const), is: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      const lease = new TestLease();
      const all = [0, 1, 2].map(() => new Replica(lease));
      let [truth, highest] = [0, 0];
      for (const one of steps) {
        if (one.kind === 'grow') {
          truth += one.by;
          for (const replica of all) replica.own = (replica.own ?? 0) + one.by;
        } else if (one.kind === 'writable') {
          lease.isWritable = one.is;
        } else {
          const replica = all[one.who];
          assert.ok(replica);
          if (one.kind === 'restart') {
            if (lease.holder === replica) lease.give(undefined);
            all[one.who] = new Replica(lease);
          } else if (one.kind === 'take') lease.give(replica);
          else if (one.kind === 'look') replica.look();
          else await replica.round();
        }
        const shown = all.flatMap((replica) => replica.shown ?? []);
        assert.ok(shown.length <= 1);
        const [value = highest] = shown;
        assert.ok(value >= highest, `${value} after ${highest}`);
        assert.ok(value <= truth, `${value} of ${truth}`);
        highest = value;
      }
    }),
    { numRuns: 300 },
  );
});
