import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  SelectorError,
  matchesLabels,
  parseLabelSelector,
  toLabelSelector,
} from '../../../apiserver/api/label-selector.js';

type Labels = Readonly<Record<string, string>>;

function matches(selector: string, labels: Labels): boolean {
  return matchesLabels(parseLabelSelector(selector), (key) => labels[key]);
}

const GRAMMAR: readonly (readonly [selector: string, labels: Labels, matches: boolean])[] = [
  ['', { a: 'x' }, true],
  ['a=x', { a: 'x' }, true],
  ['a==x', { a: 'x' }, true],
  ['a = x', { a: 'x' }, true],
  ['a=x', { a: 'y' }, false],
  ['a=x', {}, false],
  ['a!=x', { a: 'y' }, true],
  ['a!=x', {}, true],
  ['a!=x', { a: 'x' }, false],
  ['a in (x,y)', { a: 'y' }, true],
  ['a in ( x , y )', { a: 'y' }, true],
  ['a in (x,y)', {}, false],
  ['a notin (x,y)', {}, true],
  ['a notin (x,y)', { a: 'x' }, false],
  ['a', { a: '' }, true],
  ['a', {}, false],
  ['!a', {}, true],
  ['! a', { a: 'x' }, false],
  ['a=', { a: '' }, true],
  ['a=,b', { a: '', b: '1' }, true],
  ['a in (,x)', { a: '' }, true],
  ['a in (x,)', { a: '' }, true],
  ['a=in', { a: 'in' }, true],
  ['in in (in,notin)', { in: 'notin' }, true],
  ['a>5', { a: '6' }, true],
  ['a>5', { a: 'six' }, false],
  ['a<5', { a: '-6' }, true],
  ['a=x,b!=y,!c', { a: 'x', b: 'z' }, true],
  ['a=x,b!=y,!c', { a: 'x', b: 'z', c: '' }, false],
  ['app.kubernetes.io/name=web', { 'app.kubernetes.io/name': 'web' }, true],
];

for (const [selector, labels, expected] of GRAMMAR) {
  test(`"${selector}" ${expected ? 'selects' : 'does not select'} ${JSON.stringify(labels)}`, () => {
    assert.equal(matches(selector, labels), expected);
  });
}

const ERRORS: readonly (readonly [string, string | RegExp])[] = [
  ['=x', "found '=', expected: !, identifier, or 'end of string'"],
  ['!=x', /^found '!=', expected: !, identifier/],
  ['a=x,', "found '', expected: identifier after ','"],
  ['a=x,,b', "found ',', expected: identifier after ','"],
  ['a===x', "unable to parse requirement: found '=', expected: identifier"],
  ['a in x', "unable to parse requirement: found 'x' expected: '('"],
  ['a in (x', /^unable to parse requirement: found '', expected: ',' or '\)'$/],
  ['a in ()', /^unable to parse requirement: values: Invalid value: .* values set can't be empty$/],
  ['a=b c', "found 'c', expected: ',' or 'end of string'"],
  ['a b', /^unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt$/],
  ['a=b/c', /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "b\/c": a valid label must be/],
  ['a/b/c=x', /^unable to parse requirement: key: Invalid value: "a\/b\/c": a qualified name must consist/],
  ['-a', /^unable to parse requirement: key: Invalid value: "-a": name part must consist/],
  [`a=${'x'.repeat(64)}`, /must be no more than 63 characters/],
  ['a>x', /the value must be an integer$/],
  ['a(', /^unable to parse requirement: found '\(', expected: in, notin/],
];

for (const [selector, message] of ERRORS) {
  test(`"${selector.slice(0, 20)}" is refused in the words of Kubernetes`, () => {
    assert.throws(() => parseLabelSelector(selector), { code: 'APISERVER_SELECTOR', message });
  });
}

test('any text parses or is refused, and what parses is echoed as a LabelSelector', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '=', '!', '(', ')', ',', ' ', 'in', 'notin', '<', '>', '/', '-', '\u0000', '"'),
    maxLength: 20,
  });
  fc.assert(
    fc.property(text, (selector) => {
      try {
        const requirements = parseLabelSelector(selector);
        const echo = toLabelSelector(requirements);
        assert.equal(echo === null, requirements.length === 0);
      } catch (error) {
        assert.ok(error instanceof SelectorError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('the echo has equality as matchLabels and the rest as expressions', () => {
  assert.deepEqual(toLabelSelector(parseLabelSelector('a=x,b in (y,z),!c,d,e!=w,a=v')), {
    matchLabels: { a: 'x' },
    matchExpressions: [
      { key: 'b', operator: 'In', values: ['y', 'z'] },
      { key: 'c', operator: 'DoesNotExist' },
      { key: 'd', operator: 'Exists' },
      { key: 'e', operator: 'NotIn', values: ['w'] },
      { key: 'a', operator: 'In', values: ['v'] },
    ],
  });
  assert.equal(toLabelSelector([]), null);
});
