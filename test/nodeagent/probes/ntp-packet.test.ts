import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAnswer, encodeQuestion, type NtpAnswer } from '../../../nodeagent/probes/ntp-packet.js';
import { answerTo, ntpTimestamp, type AnswerFields } from '../../support/scripted-ntp.js';

const NONCE = Buffer.from('0123456789abcdef', 'hex');
const NOW = Date.parse('2026-11-21T17:00:00.250Z');
/** 2036-02-07T06:28:16Z: era 1 begins. */
const ROLLOVER = Date.UTC(2036, 1, 7, 6, 28, 16);

function decode(fields: AnswerFields = {}, wallMs = NOW, nowMs = NOW): NtpAnswer {
  return decodeAnswer(answerTo(encodeQuestion(NONCE), wallMs, fields), NONCE, nowMs);
}

test('a question says nothing but what it is', () => {
  assert.equal(encodeQuestion(NONCE).toString('hex'), `23${'00'.repeat(39)}0123456789abcdef`);
});

test('an answer tells when it was written, to less than a microsecond', () => {
  const answer = decode({ receiveMs: NOW + 0.125, transmitMs: NOW + 1.5 });
  assert.deepEqual(answer, { kind: 'time', stratum: 3, receiveMs: NOW + 0.125, transmitMs: NOW + 1.5 });
  const fine = decode({ receiveMs: NOW + 0.123_4 });
  assert.ok(fine.kind === 'time' && Math.abs(fine.receiveMs - NOW - 0.123_4) < 0.001);
});

// Recorded of chronyd 4.3, local stratum 5.
test('the answer of a real server is read', () => {
  const datagram = Buffer.from(
    '240500e600000000000000007f7f0101eeac4b8251fd20e3deadbeef00000000eeac4b83728c5af7eeac4b837292b888',
    'hex',
  );
  const nonce = Buffer.from('deadbeef00000000', 'hex');
  const answer = decodeAnswer(datagram, nonce, NOW);
  assert.ok(answer.kind === 'time');
  assert.equal(answer.stratum, 5);
  assert.equal(new Date(answer.receiveMs).toISOString(), '2026-11-21T16:55:31.447Z');
  assert.ok(answer.transmitMs > answer.receiveMs && answer.transmitMs - answer.receiveMs < 1);
});

test('version 3 answers, extension fields and what is longer are taken', () => {
  assert.equal(decode({ version: 3 }).kind, 'time');
  assert.equal(decode({ length: 68 }).kind, 'time');
});

test('what is not of a server, or too short, is malformed', () => {
  for (const fields of [
    ...[{ length: 47 }, { length: 0 }, { version: 2 }, { version: 5 }],
    ...[{ mode: 3 }, { mode: 5 }, { mode: 6 }, { mode: 0 }, { mode: 3, stratum: 0, referenceId: 'DENY' }],
  ]) {
    assert.deepEqual(decode(fields), { kind: 'malformed' }, JSON.stringify(fields));
  }
});

test('an answer to another question is foreign, whatever it says', () => {
  const originate = Buffer.from('0123456789abcdee', 'hex');
  for (const fields of [{}, { stratum: 0, referenceId: 'DENY' }, { leap: 3 }, { mode: 3 }]) {
    assert.deepEqual(decode({ ...fields, originate }), { kind: 'foreign' });
  }
  assert.deepEqual(decode({ originate: Buffer.alloc(8) }), { kind: 'foreign' });
});

test('a server without time is not synchronized', () => {
  for (const fields of [{ leap: 3 }, { stratum: 16 }, { stratum: 255 }, { noTransmit: true }]) {
    assert.deepEqual(decode(fields), { kind: 'unsynchronized' }, JSON.stringify(fields));
  }
  assert.equal(decode({ leap: 1 }).kind, 'time');
  assert.equal(decode({ stratum: 15 }).kind, 'time');
});

test('kisses are of death, or of a server that has no time yet', () => {
  for (const code of ['RATE', 'DENY', 'RSTR'] as const) {
    assert.deepEqual(decode({ stratum: 0, leap: 3, referenceId: code }), { kind: 'kiss_of_death', code });
  }
  for (const referenceId of ['INIT', 'STEP', 'XFAC', 'rate', '\0\0\0\0']) {
    assert.deepEqual(decode({ stratum: 0, referenceId }), { kind: 'unsynchronized' });
  }
});

test('the era is the one nearest to our clock', () => {
  for (const wallMs of [ROLLOVER - 1, ROLLOVER + 1, ROLLOVER + 86_400_000, Date.UTC(2105, 0), Date.UTC(1970, 0)]) {
    for (const aheadMs of [-5_000, 0, 5_000]) {
      const answer = decode({}, wallMs, wallMs + aheadMs);
      assert.ok(answer.kind === 'time' && Math.abs(answer.transmitMs - wallMs) < 0.001, new Date(wallMs).toISOString());
    }
  }
});

test('the first moment of an era is written as no time at all', () => {
  assert.equal(ntpTimestamp(ROLLOVER).toString('hex'), '0000000000000000');
  assert.deepEqual(decode({}, ROLLOVER, ROLLOVER), { kind: 'unsynchronized' });
});
