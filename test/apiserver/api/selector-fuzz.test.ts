// Selectors and list queries: what is rendered reads as what it was, and what does not read is refused in one way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../../../apiserver/api/errors.js';
import { parseLabelSelector, SelectorError, type Requirement } from '../../../apiserver/api/label-selector.js';
import { parseListQuery, renderContinue } from '../../../apiserver/api/podnet/list-query.js';
import { Selectors } from '../../../apiserver/api/selectors.js';

const selectors = new Selectors({ window: { defaultMs: 60_000, historyMs: 300_000 } });

const NAME = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,10}[A-Za-z0-9])?$/);
const KEY = fc
  .oneof(
    NAME,
    NAME.map((name) => `example.com/${name}`),
  )
  .filter((key) => key !== 'in' && key !== 'notin');
const VALUES = fc.uniqueArray(NAME, { minLength: 1, maxLength: 4 }).map((values) => [...values].sort());
const REQUIREMENT: fc.Arbitrary<Requirement> = fc
  .oneof(
    fc.record({ key: KEY, operator: fc.constantFrom('exists' as const, '!' as const), values: fc.constant([]) }),
    fc.record({ key: KEY, operator: fc.constantFrom('in' as const, 'notin' as const), values: VALUES }),
    fc.record({
      key: KEY,
      operator: fc.constantFrom('=' as const, '==' as const, '!=' as const),
      values: NAME.map((value) => [value]),
    }),
    fc.record({
      key: KEY,
      operator: fc.constantFrom('gt' as const, 'lt' as const),
      values: fc.integer({ min: 0 }).map((value) => [String(value)]),
    }),
  )
  .map((one) => ({ ...one }));

function render({ key, operator, values }: Requirement): string {
  if (operator === 'exists') return key;
  if (operator === '!') return `!${key}`;
  if (operator === 'in' || operator === 'notin') return `${key} ${operator} (${values.join(',')})`;
  return `${key}${{ '=': '=', '==': '==', '!=': '!=', gt: '>', lt: '<' }[operator]}${values[0] ?? ''}`;
}

test('a selector that was rendered reads as what it was', () => {
  fc.assert(
    fc.property(fc.array(REQUIREMENT, { maxLength: 6 }), (requirements) => {
      assert.deepEqual(parseLabelSelector(requirements.map(render).join(',')), requirements);
    }),
  );
});

const SELECTOR_TEXT = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        'a',
        'in',
        'notin',
        '(',
        ')',
        ',',
        '=',
        '==',
        '!=',
        '!',
        '>',
        '<',
        ' ',
        '/',
        '9'.repeat(40),
        'é',
        '\0',
      ),
      { maxLength: 20 },
    )
    .map((parts) => parts.join('')),
);

test('a selector of any text is read or refused, never more', () => {
  fc.assert(
    fc.property(SELECTOR_TEXT, (text) => {
      try {
        parseLabelSelector(text);
      } catch (error) {
        assert.ok(error instanceof SelectorError, String(error));
      }
    }),
    { numRuns: 5_000 },
  );
});

test('a list query of any text is read or refused, never more', () => {
  const query = fc.dictionary(
    fc.constantFrom('labelSelector', 'fieldSelector', 'limit', 'continue', 'watch', '__proto__'),
    fc.oneof(
      SELECTOR_TEXT,
      fc.array(SELECTOR_TEXT, { maxLength: 2 }),
      fc.string().map((text) => Buffer.from(text).toString('base64url')),
    ),
  );
  fc.assert(
    fc.property(query, (values) => {
      try {
        parseListQuery(values, { plural: 'podnetworks', fieldKeys: ['metadata.name'] }, selectors);
      } catch (error) {
        assert.ok(error instanceof ApiError && error.statusCode < 500, String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});

test('a place of a list that was rendered reads as what it was', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 100 }),
      fc.string({ unit: 'grapheme', maxLength: 100 }),
      (namespace, name) => {
        const text = renderContinue({ namespace, name });
        if (text.length > 2_048) return;
        const { after } = parseListQuery({ continue: text }, { plural: 'podnetworks', fieldKeys: [] }, selectors);
        assert.deepEqual(after, { namespace, name });
      },
    ),
  );
});
