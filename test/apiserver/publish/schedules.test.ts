// Any schedule of faults: replicas that die, are cut off or closed, a CloudWatch that fails in every way, a clock that steps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DATUM_NAMES } from '../../../apiserver/publish/sampler.js';
import { createMemoryKube } from '../../support/memory-kube.js';
import { keyOf, PublishBed, TICK_MS, type Replica, type Verdict } from '../../support/publish-bed.js';
import { VirtualTime } from '../../support/virtual-time.js';

const MINUTE_MS = 60_000;
const NAMES = ['a', 'b', 'c'] as const;
/** Lives through everything, so that each value has somebody who knows it. */
const WITNESS = 2;

const VERDICT: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ takes: fc.constant(true), answer: fc.constant('ok' as const), afterMs: fc.nat(12_000) }),
  fc.record({
    takes: fc.constant(false),
    answer: fc.constantFrom('throttled' as const, 'unavailable' as const, 'denied' as const, 'unconfigured' as const),
    afterMs: fc.nat(8_000),
  }),
  fc.record({ takes: fc.boolean(), answer: fc.constantFrom('lost' as const, 'none' as const) }),
);

type Event =
  | { readonly kind: 'cutOff' | 'reconnect' | 'close' | 'die' | 'dieSending' | 'cutOffSending'; readonly who: number }
  | { readonly kind: 'verdicts'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'step'; readonly byMs: number }
  | { readonly kind: 'stop'; readonly who: number; readonly forMs: number }
  | { readonly kind: 'join' };

const WHO = fc.nat(NAMES.length - 1);
const EVENT: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('cutOff' as const, 'cutOffSending' as const, 'reconnect' as const),
      who: WHO,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'die' as const, 'dieSending' as const), who: WHO }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('verdicts' as const), verdicts: fc.array(VERDICT, { maxLength: 8 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('stop' as const), who: WHO, forMs: fc.nat(40_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('step' as const), byMs: fc.integer({ min: -90_000, max: 90_000 }) }),
  },
);
const STEP = fc.record({ event: EVENT, thenMs: fc.nat(3 * MINUTE_MS) });
const JOIN = fc.record({ event: fc.constant<Event>({ kind: 'join' }), thenMs: fc.nat(3 * MINUTE_MS) });

interface Run {
  readonly bed: PublishBed;
  readonly witness: Replica;
}

async function play(steps: readonly { readonly event: Event; readonly thenMs: number }[], seed: number): Promise<Run> {
  const kube = createMemoryKube();
  const time = new VirtualTime(Date.parse('2026-11-21T00:00:10Z'));
  let state = seed;
  const random = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const bed = new PublishBed({ time, connect: () => kube, random });
  const closing: Promise<void>[] = [];
  const end = (replica: Replica): void => {
    if (!replica.isDead) closing.push(replica.close());
  };
  for (const name of NAMES) await bed.start(name);
  for (const { event, thenMs } of steps) {
    const at = 'who' in event ? bed.replicas[event.who] : undefined;
    const mortal = at === bed.replicas[WITNESS] ? undefined : at;
    if (event.kind === 'verdicts') {
      const verdicts = [...event.verdicts];
      bed.onSend = () => verdicts.shift();
    } else if (event.kind === 'step') time.steppedMs += event.byMs;
    else if (event.kind === 'stop' && at !== undefined) at.stopsForMs = event.forMs;
    else if (event.kind === 'join') await bed.start(`late-${bed.replicas.length}`);
    else if (at !== undefined && event.kind === 'cutOff') at.isCutOff = true;
    else if (at !== undefined && event.kind === 'reconnect') at.isCutOff = false;
    else if (mortal !== undefined && event.kind === 'close') end(mortal);
    else if (mortal !== undefined && event.kind === 'die') mortal.isDead = true;
    else if (event.kind === 'cutOffSending') {
      bed.onSend = ({ by }, index) => {
        if (by !== at) return undefined;
        by.isCutOff = true;
        return { takes: index % 2 === 0, answer: 'none' };
      };
    } else if (mortal !== undefined) {
      bed.onSend = ({ by }, index) => {
        if (by !== mortal) return undefined;
        by.isDead = true;
        return { takes: index % 2 === 0, answer: 'ok' };
      };
    }
    await time.advance(thenMs);
  }
  for (const replica of bed.replicas) replica.isCutOff = false;
  bed.onSend = () => undefined;
  await time.advance(6 * MINUTE_MS);
  const witness = bed.replicas[WITNESS];
  assert.ok(witness);
  for (const replica of bed.replicas) end(replica);
  await time.advance(MINUTE_MS);
  await Promise.all(bed.replicas.some(({ isDead }) => isDead) ? [] : closing);
  return { bed, witness };
}

async function checkDoubles({ bed }: Run): Promise<void> {
  const counted = await bed.sum('possibleDuplicates');
  assert.ok(bed.extras <= counted + bed.extrasOfDead, `${bed.extras} twice, ${counted} counted`);
  assert.equal(bed.mostAtOnce, 1);
}

test('every value is taken, and twice only if that is counted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 20 }), fc.integer({ min: 1, max: 1e9 }), async (steps, seed) => {
      const run = await play(steps, seed);
      await checkDoubles(run);
      const { bed, witness } = run;
      const taken = new Set(bed.taken.map(keyOf));
      // The first has no counters yet, and the period of the last may not be over.
      for (const timestampMs of witness.sampledMs.slice(1, -3)) {
        for (const name of DATUM_NAMES) {
          const key = keyOf({ timestampMs, name, value: 0, unit: 'Count' });
          assert.ok(taken.has(key), `nobody took ${key}`);
        }
      }
      const last = witness.sampledMs.at(-1) ?? 0;
      assert.ok(bed.taken.some(({ timestampMs }) => timestampMs >= last - 3 * TICK_MS));
      assert.equal(await bed.sum('dropped'), 0);
    }),
    { numRuns: 60 },
  );
});

test('replicas that join at any time send nothing twice that is not counted', async () => {
  const steps = fc.array(fc.oneof({ weight: 5, arbitrary: STEP }, { weight: 1, arbitrary: JOIN }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 1e9 }), async (events, seed) => {
      await checkDoubles(await play(events, seed));
    }),
    { numRuns: 30 },
  );
});
