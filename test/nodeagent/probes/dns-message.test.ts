import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, TRUNCATED_RESPONSE, type Answer } from 'dns-packet';
import fc from 'fast-check';
import { createQueries, judgeAnswer, type DnsProtocol, type Verdict } from '../../../nodeagent/probes/dns-message.js';
import { PROBE_REASONS } from '../../../openapi/report-terms.js';
import { addressOf, answerTo, type AnswerParts } from '../../support/scripted-dns.js';

const HOST = 'kubernetes.default.svc.cluster.local.';
const NAME = HOST.slice(0, -1);
const [A, AAAA] = createQueries(HOST);
const VERDICTS: ReadonlySet<Verdict> = new Set(['foreign', 'addresses', ...PROBE_REASONS.dns]);

const judge = (parts: AnswerParts, protocol: DnsProtocol = 'udp') => judgeAnswer(A, answerTo(A.bytes, parts), protocol);
const good = addressOf(A.bytes);
const soa: Answer = {
  name: 'cluster.local',
  type: 'SOA',
  ttl: 5,
  data: { mname: 'ns.cluster.local', rname: 'admin.cluster.local' },
};
const opt = (extendedRcode: number): Answer => ({
  ...{
    name: '.',
    type: 'OPT',
    udpPayloadSize: 4_096,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  },
});

test('queries ask for A and AAAA with recursion, EDNS of 1232 bytes and ids of their own', () => {
  for (const { type, id, bytes } of [A, AAAA]) {
    const query = decode(bytes);
    assert.equal(query.id, id);
    assert.deepEqual([query.flag_qr, query.flag_rd], [false, true]);
    assert.deepEqual(query.questions, [{ name: NAME, type, class: 'IN' }]);
    assert.deepEqual(
      query.additionals?.map((one) => one.type === 'OPT' && one.udpPayloadSize),
      [1_232],
    );
  }
  const ids = Array.from({ length: 1_000 }, () => createQueries(HOST).map(({ id }) => id));
  assert.ok(ids.every(([one, other]) => one !== other));
  assert.ok(new Set(ids.flat()).size > 1_500, 'as random ones are');
});

test('an answer with an address of the type asked for has addresses', () => {
  assert.equal(judge(good), 'addresses');
  assert.equal(judgeAnswer(AAAA, answerTo(AAAA.bytes, addressOf(AAAA.bytes)), 'udp'), 'addresses');
  const alias: Answer = { name: NAME, type: 'CNAME', ttl: 5, data: 'real.example' };
  assert.equal(
    judge({ answers: [alias, { name: 'real.example', type: 'A', ttl: 5, data: '192.0.2.1' }] }),
    'addresses',
  );
});

test('an answer without one is empty, whatever else it has', () => {
  assert.equal(judge({}), 'empty');
  assert.equal(judge({ authorities: [soa], additionals: [opt(0)] }), 'empty');
  assert.equal(judge({ answers: [{ name: NAME, type: 'CNAME', ttl: 5, data: 'real.example' }] }), 'empty');
  assert.equal(judge({ answers: addressOf(AAAA.bytes).answers }), 'empty');
  assert.equal(judge({ additionals: good.answers }), 'empty', 'the address of another: it is no answer');
  assert.equal(judge({ answers: [{ name: NAME, type: 'A', class: 'CH', ttl: 5, data: '192.0.2.1' }] }), 'empty');
});

test('rcodes are told apart, those above 15 among them', () => {
  const told = [0, 1, 2, 3, 4, 5, 9, 15].map((rcode) => judge({ rcode }));
  assert.deepEqual(told, ['empty', 'rcode', 'servfail', 'nxdomain', 'rcode', 'refused', 'rcode', 'rcode']);
  assert.equal(judge({ ...good, rcode: 2 }), 'servfail', 'whatever it answers besides');
  assert.equal(judge({ additionals: [opt(1)] }), 'rcode', 'BADVERS');
});

test('a truncated answer is one over UDP, and over TCP where it has no address', () => {
  assert.equal(judge({ flags: TRUNCATED_RESPONSE }), 'truncated');
  assert.equal(judge({ ...good, flags: TRUNCATED_RESPONSE }), 'truncated');
  assert.equal(judge({ flags: TRUNCATED_RESPONSE }, 'tcp'), 'truncated');
  assert.equal(judge({ ...good, flags: TRUNCATED_RESPONSE }, 'tcp'), 'addresses');
  assert.equal(judge({ rcode: 3, flags: TRUNCATED_RESPONSE }), 'nxdomain');
});

test('more over UDP than was asked for is malformed', () => {
  const many = Array.from({ length: 100 }, () => good.answers).flat();
  assert.equal(judge({ answers: many }), 'malformed');
  assert.equal(judge({ answers: many }, 'tcp'), 'addresses');
});

test('another id, another question, a query and another opcode are no answer', () => {
  const question = { name: NAME, type: 'A' } as const;
  assert.equal(judge({ ...good, id: A.id ^ 1 }), 'foreign');
  assert.equal(
    judge({ ...good, questions: [{ ...question, name: 'kubernetes.default.svc.cluster.loca' }] }),
    'foreign',
  );
  assert.equal(judge({ ...good, questions: [{ ...question, name: `${NAME}.x` }] }), 'foreign');
  assert.equal(judge({ ...good, questions: [{ ...question, type: 'AAAA' }] }), 'foreign');
  assert.equal(judge({ ...good, questions: [{ ...question, class: 'CH' }] }), 'foreign');
  assert.equal(judge({ ...good, questions: [question, question] }), 'foreign');
  assert.equal(judge({ ...good, questions: [] }), 'foreign');
  assert.equal(judge({ ...good, flags: 4 << 11 }), 'foreign');
  assert.equal(judgeAnswer(A, A.bytes, 'udp'), 'foreign', 'the query sent back');
});

test('upper case in the question is the same question', () => {
  assert.equal(judge({ ...good, questions: [{ name: NAME.toUpperCase(), type: 'A' }] }), 'addresses');
});

test('an rcode may come without the question', () => {
  assert.equal(judge({ rcode: 1, questions: [] }), 'rcode');
  assert.equal(judge({ rcode: 5, questions: [] }), 'refused');
  assert.equal(judge({ rcode: 5, questions: [], id: A.id ^ 1 }), 'foreign');
});

test('an answer that is cut off anywhere is no good one', () => {
  const whole = answerTo(A.bytes, { ...good, authorities: [soa], additionals: [opt(0)] });
  assert.equal(judgeAnswer(A, whole, 'udp'), 'addresses');
  const cuts = Array.from({ length: whole.length }, (_, length) => judgeAnswer(A, whole.subarray(0, length), 'udp'));
  const question = 12 + HOST.length + 1 + 4;
  assert.deepEqual(new Set(cuts.slice(0, question)), new Set(['foreign']));
  assert.deepEqual(new Set(cuts.slice(question)), new Set(['malformed']));
});

test('an address of another length is malformed', () => {
  const answer = answerTo(A.bytes, good);
  const shortened = Buffer.from(answer.subarray(0, -1));
  shortened.writeUInt16BE(3, shortened.length - 5);
  assert.equal(judgeAnswer(A, shortened, 'udp'), 'malformed');
});

test('counts of records that are not there are malformed', () => {
  for (const at of [6, 8, 10]) {
    const answer = answerTo(A.bytes, good);
    answer.writeUInt16BE(0xff_ff, at);
    assert.equal(judgeAnswer(A, answer, 'tcp'), 'malformed');
  }
});

test('names that point to themselves, ahead, into the header or out of the message are malformed', () => {
  const answer = answerTo(A.bytes, good);
  const name = answer.length - 14 - NAME.length - 2;
  const record = answer.subarray(-14);
  const pointingTo = (target: number) =>
    judgeAnswer(
      A,
      Buffer.concat([answer.subarray(0, name), Buffer.from([0xc0 | (target >> 8), target & 0xff]), record]),
      'udp',
    );
  assert.equal(pointingTo(12), 'addresses');
  for (const target of [0, 11, name, name + 1, name + 2, 0x3f_ff]) assert.equal(pointingTo(target), 'malformed');
});

test('64 KiB of names that point to a chain of pointers cost next to nothing', () => {
  const question = answerTo(A.bytes);
  const hostile = Buffer.alloc(65_535);
  question.copy(hostile);
  let at = question.length;
  const add = (name: Buffer, type: number, data: Buffer) => {
    const fields = Buffer.from([0, type, 0, 1, 0, 0, 0, 0, data.length >> 8, data.length & 0xff]);
    at += Buffer.concat([name, fields, data]).copy(hostile, at);
    return at - data.length;
  };
  const chain = Buffer.alloc(16_000);
  const start = at + 11;
  chain.forEach((_, n) => n % 2 === 0 && n > 0 && chain.writeUInt16BE(0xc0_00 | (start + n - 2), n));
  add(Buffer.alloc(1), 10, chain);
  const end = Buffer.alloc(2);
  end.writeUInt16BE(0xc0_00 | (start + chain.length - 2));
  let records = 1;
  for (; at + 14 <= hostile.length; records++) add(end, 2, end);
  hostile.writeUInt16BE(records, 6);
  assert.ok(records > 3_000);
  // following the chain would take half a second each time
  for (let n = 0; n < 1_000; n++) assert.equal(judgeAnswer(A, hostile.subarray(0, at), 'tcp'), 'empty');
});

const address = fc.record({
  name: fc.constantFrom(NAME, 'a.example'),
  type: fc.constant('A' as const),
  ttl: fc.nat(),
  data: fc.ipV4(),
});
const alias = fc.record({
  name: fc.constant(NAME),
  type: fc.constant('CNAME' as const),
  ttl: fc.nat(),
  data: fc.domain(),
});
const text = fc.record({ name: fc.domain(), type: fc.constant('TXT' as const), ttl: fc.nat(), data: fc.constant('x') });
const records = fc.array(fc.oneof(address, alias, text), { maxLength: 10 });

test('of every answer that is well made the records are understood', () => {
  fc.assert(
    fc.property(records, records, fc.nat({ max: 15 }), (answers, authorities, rcode) => {
      const verdict = judge({ answers, authorities, rcode, additionals: [opt(0)] }, 'tcp');
      const without = answers.some(({ type }) => type === 'A') ? 'addresses' : 'empty';
      const expected = new Map<number, Verdict>([
        [0, without],
        [2, 'servfail'],
        [3, 'nxdomain'],
        [5, 'refused'],
      ]);
      assert.equal(verdict, expected.get(rcode) ?? 'rcode');
    }),
  );
});

const protocols = fc.constantFrom<DnsProtocol>('udp', 'tcp');
const bytes = fc.uint8Array({ maxLength: 2_000 });

test('no bytes throw, and those that are not for a query are foreign', () => {
  fc.assert(
    fc.property(bytes, protocols, (some, protocol) => {
      assert.ok(VERDICTS.has(judgeAnswer(A, Buffer.from(some), protocol)));
    }),
    { numRuns: 2_000 },
  );
});

test('no bytes after the question throw', () => {
  const head = answerTo(A.bytes);
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 0xff_ff }), { minLength: 3, maxLength: 3 }),
      bytes,
      protocols,
      (counts, rest, protocol) => {
        const message = Buffer.concat([head, rest]);
        counts.forEach((count, n) => message.writeUInt16BE(count, 6 + 2 * n));
        assert.ok(VERDICTS.has(judgeAnswer(A, message, protocol)));
      },
    ),
    { numRuns: 5_000 },
  );
});

test('no change of a good answer throws', () => {
  const whole = answerTo(A.bytes, { ...good, authorities: [soa], additionals: [opt(0)] });
  const change = fc.record({ at: fc.nat({ max: whole.length - 1 }), to: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), protocols, (changes, protocol) => {
      const message = Buffer.from(whole);
      for (const { at, to } of changes) message[at] = to;
      assert.ok(VERDICTS.has(judgeAnswer(A, message, protocol)));
    }),
    { numRuns: 5_000 },
  );
});
