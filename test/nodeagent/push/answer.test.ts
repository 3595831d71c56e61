import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { readAnswer } from '../../../nodeagent/push/answer.js';
import { NodeReportAnswer } from '../../../openapi/node-report.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';

const SCHEMA = Compile(NodeReportAnswer);
const ENTRY = { entry: 'pods[3]', reason: 'bad_pod', message: 'no name' };
const ANSWER = {
  ...{ apiVersion: 'podnet.dev/v1alpha1', kind: 'NodeReportAnswer', lastSequence: 7, historyMs: 300_000 },
  ...{ rejected: [ENTRY], rejectedCount: 1 },
};

test('an answer is read', () => {
  const { lastSequence, historyMs, rejected, rejectedCount } = ANSWER;
  assert.deepEqual(readAnswer(ANSWER), { lastSequence, historyMs, rejected, rejectedCount });
});

const BASE = {
  ...{ pciAddress: '0000:01:10.0', epoch: 'a-1', ownerKey: 'uid-1', raw: { receiveBytes: '18446744073709551615' } },
  ...{ counted: { receiveBytes: 5 }, unattributed: { receiveBytes: 0 } },
};

test('what VFs stood at before is read, and a base that is none costs itself', () => {
  const bad = [
    ...[null, {}, { ...BASE, pciAddress: 'eth0' }, { ...BASE, epoch: 'a b' }, { ...BASE, ownerKey: '' }],
    ...[
      { ...BASE, raw: { receiveBytes: 5 } },
      { ...BASE, raw: { receiveBytes: '-5' } },
      { ...BASE, raw: undefined },
    ],
    ...[
      { ...BASE, counted: { receiveBytes: 1.5 } },
      { ...BASE, unattributed: { receiveBytes: -1 } },
    ],
  ];
  for (const one of bad) assert.equal(SCHEMA.Check({ ...ANSWER, virtualFunctionBases: [one] }), false);
  const answer = { ...ANSWER, virtualFunctionBases: [...bad, BASE] };
  assert.deepEqual(readAnswer(answer)?.virtualFunctionBases, [BASE]);
  const unlisted = [{ ...BASE, ownerKey: `${'n'.repeat(63)}/${'p'.repeat(253)}` }];
  assert.deepEqual(readAnswer({ ...ANSWER, virtualFunctionBases: unlisted })?.virtualFunctionBases, unlisted);
  assert.ok(SCHEMA.Check({ ...ANSWER, virtualFunctionBases: unlisted }));
  assert.equal(readAnswer({ ...ANSWER, virtualFunctionBases: 'none' })?.virtualFunctionBases, undefined);
  assert.ok(SCHEMA.Check({ ...ANSWER, virtualFunctionBases: [BASE] }));
});

test('an answer is read where its schema allows it, and not elsewhere', () => {
  const odd = fc.constantFrom<unknown>(
    undefined,
    null,
    -1,
    0,
    1.5,
    1e300,
    NaN,
    '',
    '1',
    true,
    [],
    {},
    [ENTRY],
    [{}],
    [1],
  );
  const value = fc.record({
    path: fc.constantFrom(...Object.keys(ANSWER), ...Object.keys(ENTRY), 'more'),
    odd,
  });
  let agreed = 0;
  fc.assert(
    fc.property(fc.array(value, { maxLength: 2 }), (changes) => {
      const entry: Record<string, unknown> = { ...ENTRY };
      const answer: Record<string, unknown> = { ...ANSWER, rejected: [entry] };
      for (const { path, odd: instead } of changes) (path in ENTRY ? entry : answer)[path] = instead;
      const isAllowed = SCHEMA.Check(answer);
      if (isAllowed) agreed++;
      assert.equal(readAnswer(answer) !== undefined, isAllowed, JSON.stringify(answer));
    }),
    { numRuns: 2_000 },
  );
  assert.ok(agreed > 100);
});

test('an answer that names too many entries, or is no object, is none', () => {
  const rejected = new Array<object>(REPORT_LIMITS.rejectedNamed + 1).fill(ENTRY);
  for (const value of [{ ...ANSWER, rejected }, [ANSWER], null, 'text', undefined]) {
    assert.equal(readAnswer(value), undefined);
    assert.equal(SCHEMA.Check(value), false);
  }
});
