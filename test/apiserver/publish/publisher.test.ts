// One publisher without Kubernetes: what goes out when, through outages, refusals and steps of the clock.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { DATUM_NAMES } from '../../../apiserver/publish/sampler.js';
import type { SendFailure } from '../../../apiserver/publish/sink.js';
import { IPAM_FIGURES } from '../../../metrics/ipam/figures.js';
import { keyOf, PublishBed, TICK_MS, type Replica } from '../../support/publish-bed.js';
import { VirtualTime } from '../../support/virtual-time.js';

const MINUTE_MS = 60_000;
const COUNTERS = IPAM_FIGURES.filter(({ kind, cloudWatch }) => kind === 'counter' && cloudWatch !== undefined).length;
const ALL = DATUM_NAMES.length;
const cleanUp: (() => Promise<void>)[] = [];

interface Alone {
  readonly time: VirtualTime;
  readonly bed: PublishBed;
  readonly replica: Replica;
}

async function startAlone(at = '2026-11-21T00:00:10Z', prepare?: (bed: PublishBed) => void): Promise<Alone> {
  const time = new VirtualTime(Date.parse(at));
  const bed = new PublishBed({ time });
  prepare?.(bed);
  const replica = await bed.start('alone');
  cleanUp.push(() => replica.close());
  return { time, bed, replica };
}

const sizes = ({ sent }: PublishBed): number[] => sent.map(({ datums }) => datums.length);
const times = ({ taken }: PublishBed): string[] => [...new Set(taken.map((datum) => keyOf(datum).slice(0, 8)))];
const failAll = (failure: SendFailure) => () => ({ takes: false, answer: failure });

async function valueOf(replica: Replica, metric: 'queuePeriods' | 'lastPublished' | 'isPublisher'): Promise<unknown> {
  return (await replica.metrics[metric].get()).values[0]?.value;
}

async function byLabel(replica: Replica, metric: 'requests' | 'dropped'): Promise<Record<string, number>> {
  const { values } = await replica.metrics[metric].get();
  return Object.fromEntries(
    values.flatMap(({ labels, value }) => (value === 0 ? [] : [[String(Object.values(labels)[0]), value]])),
  );
}

/** Every value from the second sample of a run to the last one that was taken was taken once, oldest first. */
function checkWhole({ taken }: PublishBed, ticks: number): void {
  assert.equal(taken.length, ticks * ALL - COUNTERS);
  assert.equal(new Set(taken.map(keyOf)).size, taken.length);
  const stamps = taken.map(({ timestampMs }) => timestampMs);
  assert.deepEqual(
    stamps,
    stamps.toSorted((a, b) => a - b),
  );
}

afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

test('thirty values go out as twenty and ten, once both samples are there', async () => {
  const published = IPAM_FIGURES.filter(({ cloudWatch }) => cloudWatch !== undefined);
  const known = new Set(published.filter(({ kind }) => kind === 'gauge').slice(0, 8));
  const counters = new Set(published.filter(({ kind }) => kind === 'counter').slice(0, 5));
  const { time, bed } = await startAlone('2026-11-20T23:59:10Z', (started) => {
    started.total = (figure) => (known.has(figure) || counters.has(figure) ? 5 : undefined);
  });
  await time.advance(49_999);
  bed.sent.splice(0);
  await time.advance(29_999);
  assert.deepEqual(sizes(bed), []);
  await time.advance(2);
  assert.deepEqual(sizes(bed), [20, 10]);
  assert.deepEqual(times(bed).slice(-2), ['00:00:00', '00:00:30']);
});

test('the first sample has no counters, the next what they grew', async () => {
  const { time, bed } = await startAlone();
  await time.advance(50_000);
  const values = bed.taken.filter(({ name }) => name === 'addReqCount');
  assert.deepEqual(bed.taken.length, ALL - COUNTERS);
  assert.deepEqual(values, []);
  await time.advance(MINUTE_MS);
  const growth = bed.taken.filter(({ name }) => name === 'addReqCount').map(({ value }) => value);
  assert.deepEqual(growth, [300, 300]);
});

test('fifteen minutes of outage lose nothing and send nothing twice', async () => {
  for (const failure of ['unavailable', 'throttled', 'denied', 'unconfigured'] as const) {
    const { time, bed, replica } = await startAlone();
    await time.advance(5 * MINUTE_MS);
    bed.onSend = failAll(failure);
    await time.advance(15 * MINUTE_MS);
    assert.equal(await valueOf(replica, 'queuePeriods'), 16);
    assert.ok(bed.sent.length < 50, `tries become rare: ${bed.sent.length}`);
    bed.onSend = () => undefined;
    await time.advance(2 * MINUTE_MS);
    checkWhole(bed, 43);
    assert.deepEqual([await bed.sum('possibleDuplicates'), await bed.sum('dropped')], [0, 0]);
    assert.equal(bed.mostAtOnce, 1);
    assert.equal(replica.logged.filter((line) => line.includes('fails')).length, 1, replica.logged.join(''));
    assert.equal(replica.logged.filter((line) => line.includes('works again')).length, 1);
  }
});

test('who mends one thing is told the next, once', async () => {
  const { time, bed, replica } = await startAlone();
  const said = ['no AWS credentials', 'no AWS credentials', 'AWS denies it', 'AWS denies it'];
  bed.onSend = (_sent, index) => ({ takes: false, answer: 'denied', message: said[index] ?? 'AWS denies it' });
  await time.advance(5 * MINUTE_MS);
  assert.deepEqual(
    replica.logged.flatMap((line) => /no AWS credentials|AWS denies it/.exec(line) ?? []),
    ['no AWS credentials', 'AWS denies it'],
  );
});

test('what is lost is sent again, and counted as possibly there twice', async () => {
  const { time, bed, replica } = await startAlone();
  await time.advance(50_000);
  bed.onSend = (_sent, index) => (index === 1 ? { takes: true, answer: 'lost' } : undefined);
  await time.advance(2 * MINUTE_MS);
  const counts = [...bed.counts().values()];
  assert.equal(counts.filter((count) => count === 2).length, 20);
  assert.equal(counts.filter((count) => count > 2).length, 0);
  assert.equal(await bed.sum('possibleDuplicates'), 20);
  assert.deepEqual(bed.sent[1]?.datums, bed.sent[2]?.datums);
  assert.deepEqual(Object.keys(await byLabel(replica, 'requests')), ['taken', 'lost']);
});

test('a refusal after a lost answer is counted no second time', async () => {
  const { time, bed } = await startAlone();
  const answers = ['lost', 'throttled', 'throttled'] as const;
  bed.onSend = (_sent, index) => {
    const answer = answers[index];
    return answer && { takes: answer === 'lost', answer };
  };
  await time.advance(2 * MINUTE_MS);
  assert.equal(await bed.sum('possibleDuplicates'), bed.sent[0]?.datums.length);
});

test('an answer that does not come is given up after ten seconds', async () => {
  const { time, bed } = await startAlone();
  bed.onSend = (_sent, index) => (index === 0 ? { takes: false, answer: 'none' } : undefined);
  await time.advance(20_000 + 9_999);
  assert.equal(bed.sent.length, 1);
  await time.advance(3_000);
  assert.equal(bed.sent.length, 2);
});

test('what is invalid is dropped and counted, and holds up nothing', async () => {
  const { time, bed, replica } = await startAlone();
  await time.advance(50_000);
  bed.onSend = (_sent, index) => (index === 1 ? { takes: false, answer: 'invalid' } : undefined);
  await time.advance(MINUTE_MS);
  assert.deepEqual(sizes(bed).slice(1), [20, 20, 4]);
  assert.equal(bed.taken.length, 3 * ALL - COUNTERS - 20);
  assert.deepEqual(await byLabel(replica, 'dropped'), { invalid: 20 });
  assert.equal(await valueOf(replica, 'queuePeriods'), 1);
});

test('values of more than two hours are dropped, oldest first, and counted', async () => {
  const { time, bed, replica } = await startAlone('2026-11-21T00:00:10Z', (started) => {
    started.onSend = failAll('unavailable');
  });
  await time.advance(3 * 60 * MINUTE_MS);
  const kept = 240;
  const sampled = 360;
  assert.deepEqual(await byLabel(replica, 'dropped'), { expired: (sampled - kept) * ALL - COUNTERS });
  assert.equal(replica.logged.filter((line) => line.includes('not published for two hours')).length, 1);
  bed.onSend = () => undefined;
  await time.advance(MINUTE_MS + 30_000);
  assert.equal(times(bed)[0], '01:01:00');
  assert.equal(new Set(bed.taken.map(keyOf)).size, bed.taken.length);
});

test('a clock that is set back repeats no time and loses no growth', async () => {
  const { time, bed, replica } = await startAlone();
  await time.advance(5 * MINUTE_MS);
  time.steppedMs = -3 * MINUTE_MS;
  await time.advance(6 * MINUTE_MS);
  const stamps = bed.taken.filter(({ name }) => name === 'nodesReporting').map(({ timestampMs }) => timestampMs);
  assert.deepEqual(
    stamps,
    [...new Set(stamps)].toSorted((a, b) => a - b),
  );
  const grown = bed.taken.filter(({ name }) => name === 'addReqCount').map(({ value }) => value);
  assert.deepEqual(
    grown.filter((value) => value !== 300),
    [2_100],
  );
  assert.equal(replica.logged.filter((line) => line.includes('the clock was set back')).length, 1);
});

test('a clock that is set forward leaves a gap and goes on', async () => {
  const { time, bed } = await startAlone();
  await time.advance(5 * MINUTE_MS);
  time.steppedMs = 60 * MINUTE_MS;
  await time.advance(5 * MINUTE_MS);
  assert.ok(times(bed).includes('01:05:30'));
  assert.ok(!times(bed).includes('00:30:00'));
});

test('a clock that was a year ahead is not waited for', async () => {
  const { time, bed, replica } = await startAlone('2026-11-21T00:00:10Z', (started) => {
    started.onSend = ({ datums }) => {
      const limitMs = Date.parse('2026-11-21T03:00:00Z');
      return datums.some(({ timestampMs }) => timestampMs > limitMs) ? { takes: false, answer: 'invalid' } : undefined;
    };
  });
  await time.advance(5 * MINUTE_MS);
  time.steppedMs = 365 * 24 * 60 * MINUTE_MS;
  await time.advance(5 * MINUTE_MS);
  assert.equal(times(bed).at(-1), '00:05:00');
  checkWhole(bed, 10);
  time.steppedMs = 0;
  await time.advance(3 * MINUTE_MS);
  assert.ok(times(bed).includes('00:12:00'), times(bed).join());
  assert.equal(new Set(bed.taken.map(keyOf)).size, bed.taken.length);
  assert.ok(((await byLabel(replica, 'dropped'))['clock'] ?? 0) > 0);
});

test('a clock that falls far behind repeats nothing that was published', async () => {
  const { time, bed } = await startAlone();
  await time.advance(5 * MINUTE_MS);
  const before = bed.taken.length;
  time.steppedMs = -3 * 60 * MINUTE_MS;
  await time.advance(60 * MINUTE_MS);
  assert.equal(bed.taken.length, before);
});

test('a node that leaves for one poll and comes back is seen as missing', async () => {
  const { time, bed } = await startAlone();
  await time.advance(MINUTE_MS);
  bed.missing = 1;
  bed.reporting = 2;
  await time.advance(TICK_MS);
  bed.missing = 0;
  bed.reporting = 3;
  await time.advance(2 * MINUTE_MS);
  const missing = bed.taken.filter(({ name }) => name === 'nodesMissing').map(({ value }) => value);
  assert.deepEqual(missing, [0, 0, 1, 0, 0, 0, 0]);
});

test('without any node that reports nothing is sent', async () => {
  const { time, bed } = await startAlone('2026-11-21T00:00:10Z', (started) => {
    started.reporting = 0;
  });
  await time.advance(5 * MINUTE_MS);
  assert.deepEqual(bed.sent, []);
  bed.reporting = 1;
  await time.advance(2 * MINUTE_MS);
  assert.ok(bed.taken.length > 0);
});

test('the program tells what it publishes', async () => {
  const { time, bed, replica } = await startAlone();
  assert.deepEqual((await replica.metrics.lastPublished.get()).values, []);
  await time.advance(2 * MINUTE_MS);
  assert.equal(await valueOf(replica, 'lastPublished'), Date.parse('2026-11-21T00:01:30Z') / 1_000);
  assert.equal(await valueOf(replica, 'isPublisher'), 1);
  assert.equal(await bed.sum('published'), bed.taken.length);
  assert.deepEqual(await byLabel(replica, 'requests'), { taken: bed.sent.length });
});

test('when it is closed the request under way may end, for three seconds', async () => {
  const { time, bed, replica } = await startAlone();
  bed.onSend = () => ({ takes: false, answer: 'none' });
  await time.advance(25_000);
  let isClosed = false;
  const closed = replica.close().then(() => (isClosed = true));
  await time.advance(2_999);
  assert.equal(isClosed, false);
  await time.advance(1);
  await closed;
  cleanUp.splice(0);
  await time.advance(5 * MINUTE_MS);
  assert.equal(bed.sent.length, 1);
});
