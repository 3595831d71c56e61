import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { createNtpTarget } from '../../../nodeagent/probes/ntp.js';
import type { Outcome } from '../../../nodeagent/probes/probe.js';
import { systemClock, type Clock } from '../../../runtime/clock.js';
import { ntpServerMissing, startNtpServer } from '../../support/ntp-server.js';
import { createShiftedClock, eventually } from '../../support/programs.js';
import { answerTo, bound, playNtpServer, type AnswerFields, type ScriptedNtp } from '../../support/scripted-ntp.js';

const INTERVAL_MS = 60_000;
/** Long enough for a machine that is busy. */
const PATIENT_MS = 20_000;
const LOOPBACK = ['127.0.0.1', '::1'] as const;

function targetOf(port: number, host: string = LOOPBACK[0], clock: Clock = systemClock) {
  return createNtpTarget({ host, port, label: 'time.example.com' }, { clock, intervalMs: INTERVAL_MS });
}

interface Asking {
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly host?: string;
}

function ask({ port }: { readonly port: number }, { timeoutMs = PATIENT_MS, clock, host }: Asking = {}) {
  return targetOf(port, host, clock).probe({ timeoutMs, signal: new AbortController().signal });
}

/** A server whose clock goes wrong by some time, and which answers so, time and again. */
function playAnswers(answers: readonly AnswerFields[], { aheadMs = 0, host = '127.0.0.1' } = {}): Promise<ScriptedNtp> {
  return playNtpServer(host, (question, reply) => {
    for (const fields of answers) reply(answerTo(question, Date.now() + aheadMs, fields));
  });
}

/** An answer whose offset is what it must be, give or take what the path and the shown clocks leave open. */
function assertTold(
  outcome: Outcome,
  expected: { readonly offsetMs: number; readonly stratum: number; readonly coarseMs?: number },
): void {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  assert.ok(outcome.seconds > 0);
  if (outcome.clock === undefined) {
    assert.ok(outcome.seconds > 1, 'only of a slow answer there is no offset');
    return;
  }
  const leftOpenMs = (outcome.seconds * 1_000) / 2 + (expected.coarseMs ?? 1) + 1;
  const errorMs = outcome.clock.offsetSeconds * 1_000 - expected.offsetMs;
  assert.ok(Math.abs(errorMs) <= leftOpenMs, `${errorMs} ms of ${leftOpenMs}`);
  assert.equal(outcome.clock.stratum, expected.stratum);
}

for (const host of LOOPBACK) {
  test(`${host}: latency, offset and stratum of a server that is an hour ahead`, async () => {
    await using server = await playAnswers([{ stratum: 2 }], { aheadMs: 3_600_000, host });
    assertTold(await ask(server, { host }), { offsetMs: 3_600_000, stratum: 2 });
  });

  test(`${host}: a port that nobody listens on refuses`, async () => {
    const server = await playAnswers([], { host });
    await server[Symbol.asyncDispose]();
    assert.deepEqual(await ask(server, { host }), { ok: false, reason: 'refused' });
  });
}

test('a question tells nothing, and no two are alike', async () => {
  const ports = new Set<number>();
  await using server = await playNtpServer('127.0.0.1', (question, reply, { port }) => {
    ports.add(port);
    reply(answerTo(question, Date.now()));
  });
  for (let n = 0; n < 10; n++) assert.ok((await ask(server)).ok);
  const nonces = server.questions.map((question) => question.toString('hex', 40));
  assert.equal(new Set(nonces).size, 10);
  assert.ok(ports.size > 1);
  for (const question of server.questions) {
    assert.equal(question.toString('hex', 0, 40), `23${'00'.repeat(39)}`);
    assert.equal(question.length, 48);
  }
});

const FORGED: AnswerFields = { originate: Buffer.alloc(8, 1), receiveMs: 0, transmitMs: 0 };

test('what is no answer to the question is waited past', async () => {
  const junk = [{ length: 20 }, { mode: 3 }, { version: 1 }, FORGED, { ...FORGED, stratum: 0, referenceId: 'DENY' }];
  await using server = await playAnswers([...junk, { stratum: 4 }], { aheadMs: 50_000 });
  assertTold(await ask(server), { offsetMs: 50_000, stratum: 4 });
});

test('where nothing better comes the reason is the timeout, or what was malformed', async () => {
  for (const [answers, reason] of [
    [[], 'timeout'],
    [[FORGED], 'timeout'],
    [[{ length: 47 }], 'malformed'],
    [[{ mode: 3 }, FORGED], 'malformed'],
  ] as const) {
    await using server = await playAnswers(answers);
    assert.deepEqual(await ask(server, { timeoutMs: 300 }), { ok: false, reason });
  }
});

test('an answer from another address or port is not heard', async () => {
  const [elsewhere, otherPort] = [await bound('127.0.0.2'), await bound('127.0.0.1')];
  await using server = await playNtpServer('127.0.0.1', (question, _reply, { port, address }) => {
    for (const liar of [elsewhere, otherPort]) liar.send(answerTo(question, 0), port, address);
  });
  assert.deepEqual(await ask(server, { timeoutMs: 300 }), { ok: false, reason: 'timeout' });
  elsewhere.close();
  otherPort.close();
});

test('the first of several answers counts', async () => {
  await using server = await playAnswers([{ stratum: 1 }, { stratum: 9 }, { stratum: 0, referenceId: 'DENY' }]);
  const outcome = await ask(server);
  assert.ok(outcome.ok && outcome.clock?.stratum === 1, JSON.stringify(outcome));
});

test('a server without time has no latency and no offset', async () => {
  for (const fields of [{ leap: 3 }, { stratum: 16 }, { noTransmit: true }, { stratum: 0, referenceId: 'INIT' }]) {
    await using server = await playAnswers([fields]);
    assert.deepEqual(await ask(server), { ok: false, reason: 'unsynchronized' });
  }
});

test('a server that wants to be left alone is left alone for good', async () => {
  for (const referenceId of ['DENY', 'RSTR']) {
    await using server = await playAnswers([{ stratum: 0, leap: 3, referenceId }]);
    assert.deepEqual(await ask(server), { ok: false, reason: 'kiss_of_death', pauseMs: Infinity });
  }
});

test('a server that is asked too often is asked half as often, and half as often again', async () => {
  let isTooOften = true;
  await using server = await playNtpServer('127.0.0.1', (question, reply) => {
    reply(answerTo(question, Date.now(), isTooOften ? { stratum: 0, referenceId: 'RATE' } : {}));
  });
  const target = targetOf(server.port);
  const pauses = async (count: number): Promise<(number | undefined)[]> => {
    const seen = [];
    for (let n = 0; n < count; n++) {
      const outcome = await target.probe({ timeoutMs: PATIENT_MS, signal: new AbortController().signal });
      seen.push(outcome.ok ? 0 : (outcome.pauseMs ?? NaN) / INTERVAL_MS);
    }
    return seen;
  };
  assert.deepEqual(await pauses(4), [2, 4, 8, 16]);
  isTooOften = false;
  assert.deepEqual(await pauses(2), [0, 0]);
  isTooOften = true;
  assert.deepEqual(await pauses(1), [8]);
  const [longest] = (await pauses(12)).slice(-1);
  assert.equal(longest, (2 ** 17 * 1_000) / INTERVAL_MS);
});

test('a clock that is set meanwhile has no offset, and the latency stands', async () => {
  for (const stepMs of [-3_600_000, 40]) {
    const clock = createShiftedClock();
    let shiftMs = 0;
    const stepping: Clock = { monotonicMs: () => clock.monotonicMs(), wallMs: () => clock.wallMs() + shiftMs };
    await using server = await playNtpServer('127.0.0.1', (question, reply) => {
      shiftMs = stepMs;
      reply(answerTo(question, Date.now()));
    });
    const outcome = await ask(server, { clock: stepping });
    assert.ok(outcome.ok && outcome.seconds > 0 && !('clock' in outcome), JSON.stringify(outcome));
  }
});

test('times that cannot be have no offset', async () => {
  const nowMs = Date.now();
  for (const fields of [
    { receiveMs: nowMs, transmitMs: nowMs - 1 },
    { receiveMs: nowMs, transmitMs: nowMs + 3_600_000 },
  ]) {
    await using server = await playAnswers([fields]);
    const outcome = await ask(server);
    assert.ok(outcome.ok && !('clock' in outcome), JSON.stringify(outcome));
  }
});

test('offsets go on across the end of era 0', async () => {
  const rolloverMs = Date.UTC(2036, 1, 7, 6, 28, 16);
  for (const ourMs of [-2_000, 60_000]) {
    const shiftMs = rolloverMs + ourMs - Date.now();
    const clock: Clock = { monotonicMs: () => systemClock.monotonicMs(), wallMs: () => Date.now() + shiftMs };
    for (const aheadMs of [-30_000, 30_000]) {
      await using server = await playAnswers([{}], { aheadMs: shiftMs + aheadMs });
      assertTold(await ask(server, { clock }), { offsetMs: aheadMs, stratum: 3 });
    }
  }
});

test('a probe that nobody waits for any more ends at once, and leaves nothing', async () => {
  await using server = await playAnswers([]);
  const before = await countDescriptors();
  const target = targetOf(server.port);
  const stop = new AbortController();
  const probed = target.probe({ timeoutMs: 3_600_000, signal: stop.signal });
  await eventually(
    () => server.questions.length,
    (count) => count === 1,
  );
  stop.abort();
  assert.equal((await probed).ok, false);
  assert.equal((await target.probe({ timeoutMs: 3_600_000, signal: AbortSignal.abort() })).ok, false);
  for (let n = 0; n < 50; n++) await ask(server, { timeoutMs: 5 });
  await eventually(countDescriptors, (count) => count === before);
});

async function countDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

test('a name that does not resolve is told apart, within the time', async () => {
  const outcome = await ask({ port: 123 }, { host: 'nothing-of-the-kind.invalid', timeoutMs: 2_000 });
  assert.deepEqual(outcome, { ok: false, reason: 'dns' });
});

test('a target is known by what was configured', () => {
  const { key, meta, server } = targetOf(123, 'fd00::1');
  assert.deepEqual([key, meta, server], ['time.example.com', { server: 'time.example.com' }, 'fd00::1']);
});

const skip = ntpServerMissing();

test('a real server tells our own time, over either family', { skip }, async () => {
  const server = await startNtpServer({ stratum: 5 });
  try {
    for (const host of LOOPBACK) {
      for (let n = 0; n < 5; n++) assertTold(await ask(server, { host }), { offsetMs: 0, stratum: 5, coarseMs: 0 });
    }
  } finally {
    await server.stop();
  }
});

test('a real server that is not synchronized says so', { skip }, async () => {
  const server = await startNtpServer();
  try {
    assert.deepEqual(await ask(server), { ok: false, reason: 'unsynchronized' });
  } finally {
    await server.stop();
  }
});

test(
  'a real server that is frozen times out, answers when it goes on, and refuses when it is gone',
  { skip },
  async () => {
    const server = await startNtpServer({ stratum: 1 });
    try {
      server.freeze();
      assert.deepEqual(await ask(server, { timeoutMs: 300 }), { ok: false, reason: 'timeout' });
      server.thaw();
      assertTold(await ask(server), { offsetMs: 0, stratum: 1 });
    } finally {
      await server.stop();
    }
    assert.deepEqual(await ask(server), { ok: false, reason: 'refused' });
  },
);
