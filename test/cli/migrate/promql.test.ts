import assert from 'node:assert/strict';
import { test } from 'node:test';
import { variablePattern, withoutVariables } from '../../../cli/migrate/dashboard-variables.js';
import { MAX_EXPRESSION, PromqlError, parsePromql, selectorsOf } from '../../../cli/migrate/promql.js';

function refusal(text: string): PromqlError {
  try {
    parsePromql(text);
  } catch (error) {
    assert.ok(error instanceof PromqlError);
    assert.equal(error.code, 'CLI_PROMQL');
    return error;
  }
  assert.fail(`taken: ${text}`);
}

test('variables of Grafana become what parses, of the same length', () => {
  for (const [query, plain] of [
    ['rate(a[$__rate_interval])', `rate(a[${'0'.repeat(14)}1s])`],
    ['rate(a[${window}s])', 'rate(a[000000001s])'],
    ['rate(a[[[range]]])', 'rate(a[00000001s])'],
    ['a offset $gap', 'a offset 001s'],
    ['max_over_time(a[$__range:$__interval])', 'max_over_time(a[0000001s:0000000001s])'],
    ['a{b=~"$c"}', 'a{b=~"$c"}'],
    ['a{b=~$value}', 'a{b=~"xxxx"}'],
    ['sum by ($label) (a)', 'sum by (______) (a)'],
    ['$agg(a)', 'sum (a)'],
    ['a_${b}_c', 'a______c'],
    ['a{$f}', 'a{""}'],
    ['a{b="c", $of}', 'a{b="c", "_"}'],
    ['a{[[x]], b="c"}', 'a{__="", b="c"}'],
    ['topk($n, a) # $x', 'topk(__, a) # $x'],
    ['<<.Series>>{<<.LabelMatchers>>}', `${'_'.repeat(11)}{${'_'.repeat(14)}_=""}`],
    ['a{b="<<index .V "c">>"}', `a{b="${'_'.repeat(16)}"}`],
    ['a{b="<<", c=">>"}', 'a{b="<<", c=">>"}'],
  ] as const) {
    assert.equal(withoutVariables(query), plain);
    assert.equal(parsePromql(query).text, query);
  }
});

test('a name with a variable is a pattern of names', () => {
  const pattern = variablePattern('container_network_${direction}_bytes_total');
  assert.ok(pattern.test('container_network_receive_bytes_total'));
  assert.ok(!pattern.test('container_network_receive_packets_total'));
  assert.ok(!pattern.test('xcontainer_network_receive_bytes_total'));
});

test('selectors are found with their names and matchers, wherever they are', () => {
  const expression = parsePromql(
    `sum by (x) (rate(a{b="c", d=~'e\\'f', g!~\`h\\i\`}[5m])) / on (x) group_left max({__name__=~"j.+"}) + {"k", l!=""} + {__name__="m"}`,
  );
  const found = selectorsOf(expression).map(({ name, matchers }) => [
    name,
    ...matchers.map(({ label, operator, value }) => label + operator + value),
  ]);
  assert.deepEqual(found, [
    ['a', 'b=c', "d=~e'f", 'g!~h\\i'],
    [undefined, '__name__=~j.+'],
    ['k', 'l!='],
    ['m', '__name__=m'],
  ]);
});

test('what cannot be parsed is told with its place', () => {
  assert.match(refusal('rate(a[5m]').message, /^line 1, column 1\d: ends before it is complete$/);
  assert.match(refusal('sum(a)\n  by )').message, /^line 2, column \d+: unexpected /);
  assert.match(refusal('').message, /^line 1, column 1: /);
  assert.match(refusal('rate_of(a[5m])').message, /^line 1, column 8: unexpected "\("$/);
  assert.match(refusal('a'.repeat(MAX_EXPRESSION + 1)).message, /^longer than 65536 characters$/);
  assert.match(refusal(`${'('.repeat(10_000)}a${')'.repeat(10_000)}`).message, /^nested deeper than 500$/);
});

test('a modifier that Prometheus refuses is none', () => {
  const behind = (text: string) => refusal(text).message;
  const message = (column: number, word: string) =>
    `line 1, column ${column}: does not parse in Prometheus: ${word} has to stand behind a selector`;
  assert.equal(behind('rate(a[5m]) offset 5m'), message(12, 'offset'));
  assert.equal(behind('b + sum(a) @ end()'), message(11, '@'));
  assert.equal(behind('(a) offset 5m > 1'), message(4, 'offset'));
  for (const taken of [
    'rate(a[5m] offset 5m)',
    'rate(a[5m]) + b offset -5m',
    '-a offset 5m',
    'a @ 5 offset 5m',
    'max_over_time(rate(a[5m])[1h:1m] offset 1d)',
    'a * on (x) group_left (y) b{c="d"} @ start()',
  ]) {
    assert.equal(parsePromql(taken).text, taken);
  }
});
