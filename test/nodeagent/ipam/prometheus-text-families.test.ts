import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrometheusText } from '../../../nodeagent/ipam/prometheus-text.js';

const limits = { families: 4, samples: 10 };
const parse = (text: string) => parsePrometheusText(text, { limits, wanted: (name) => !name.startsWith('other') });
const namesOf = (text: string) => parse(text).families.map(({ name }) => name);

/** Why a family `a` is left out, which costs its neighbours nothing. */
function reasonOf(lines: string): string | undefined {
  const { families, leftOut, bad } = parse(`before 1\n${lines}\nafter 1\n`);
  assert.deepEqual(
    families.map(({ name }) => name).filter((name) => name !== 'a'),
    ['before', 'after'],
  );
  assert.deepEqual([families.length, leftOut], bad.length === 0 ? [3, []] : [2, ['a']], lines);
  return bad[0]?.reason;
}

test('a counter is neither negative nor NaN nor infinite', () => {
  for (const value of ['-1', '-0.5', 'NaN', '+Inf', '-Inf']) {
    assert.equal(reasonOf(`# TYPE a counter\na{x="1"} 1\na{x="2"} ${value}\na{x="3"} 1`), 'bad_value');
  }
  assert.equal(reasonOf('# TYPE a counter\na 0\na{x="1"} 1.5'), undefined);
  assert.deepEqual(parse('# TYPE a counter\na -184\n').bad, [
    { reason: 'bad_value', message: 'a: line 2: a count is -184' },
  ]);
});

test('a gauge is finite', () => {
  for (const value of ['NaN', 'Inf', '-Inf']) assert.equal(reasonOf(`# TYPE a gauge\na ${value}`), 'bad_value');
  assert.equal(reasonOf('# TYPE a gauge\na -12.5'), undefined);
});

test('a series stands once, in whatever order its labels are', () => {
  for (const [one, other] of [
    ['a', 'a{}'],
    ['a{x="1"}', 'a{x="1"}'],
    ['a{x="1",y="2"}', 'a{y="2",x="1"}'],
    ['a{x="1",y=""}', 'a{x="1"}'], // an empty label is none
  ]) {
    assert.equal(reasonOf(`${one} 1\n${other} 2`), 'duplicate_series');
  }
  for (const [one, other] of [
    ['a{x="1",y="2"}', 'a{x="2",y="1"}'],
    ['a{x="1"}', 'a{y="1"}'],
    ['a{x="1y:1:2"}', 'a{x="1",y="2"}'], // looks like the key of the other
  ]) {
    assert.equal(reasonOf(`${one} 1\n${other} 1`), undefined);
  }
  assert.equal(reasonOf('# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="1.0"} 1'), 'duplicate_series');
  assert.equal(reasonOf('# TYPE a summary\na_sum 1\na_count 1\na_sum 1'), 'duplicate_series');
});

test('a bucket has a bound, and counts', () => {
  for (const line of [
    'a_bucket 1',
    'a_bucket{x="1"} 1',
    'a_bucket{le="NaN"} 1',
    'a_sum{le="1"} 1',
    'a_count{le="1"} 1',
  ]) {
    assert.equal(reasonOf(`# TYPE a histogram\n${line}`), 'bad_bucket', line);
  }
  for (const line of ['a_bucket{le="1"} -1', 'a_bucket{le="1"} NaN', 'a_count -1', 'a_count +Inf', 'a_sum NaN']) {
    assert.equal(reasonOf(`# TYPE a histogram\n${line}`), 'bad_value', line);
  }
  assert.equal(reasonOf('# TYPE a histogram\na 1'), 'bad_sample');
  assert.equal(
    reasonOf('# TYPE a histogram\na_bucket{le="-1"} 0\na_bucket{le="+Inf"} 1.5\na_sum -3\na_count 1.5'),
    undefined,
  );
});

test('a quantile is between 0 and 1', () => {
  for (const line of [
    'a 1',
    'a{x="1"} 1',
    'a{quantile="1.5"} 1',
    'a{quantile="-1"} 1',
    'a{quantile="NaN"} 1',
    'a_sum{quantile="0.5"} 1',
    'a_count{quantile="2"} 1',
  ]) {
    assert.equal(reasonOf(`# TYPE a summary\n${line}`), 'bad_quantile', line);
  }
  for (const line of ['a_count -1', 'a_count NaN', 'a_sum NaN', 'a{quantile="0.5"} +Inf']) {
    assert.equal(reasonOf(`# TYPE a summary\n${line}`), 'bad_value', line);
  }
});

test('a quantile of nothing observed is NaN, and costs itself alone', () => {
  const text =
    '# TYPE a summary\na{x="1",quantile="0.5"} NaN\na{x="2",quantile="0.5"} 7\na_sum{x="1"} 0\na_count{x="1"} 0\n';
  const { families, leftOut, bad } = parse(text);
  assert.deepEqual([families[0]?.samples.map(({ value }) => value), leftOut, bad], [[7, 0, 0], [], []]);
  assert.equal(reasonOf('# TYPE a summary\na{quantile="0.5"} NaN\na{quantile="0.5"} NaN'), 'duplicate_series');
});

test('a family that a report has no type for is left out', () => {
  for (const type of ['gaugehistogram', 'gauge_histogram']) {
    assert.equal(reasonOf(`# TYPE a ${type}\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1`), 'bad_type');
  }
});

test('labels are as few and as short as a report takes them', () => {
  const sample = (count: number) => `a{${Array.from({ length: count }, (_, i) => `l${i}="x"`).join(',')}} 1`;
  assert.equal(reasonOf(sample(32)), undefined);
  assert.equal(reasonOf(sample(33)), 'too_many_labels');
  assert.equal(reasonOf(`a{b="${'x'.repeat(1_024)}"} 1`), undefined);
  assert.equal(reasonOf(`a{b="${'x'.repeat(1_025)}"} 1`), 'long_label');
  assert.equal(reasonOf(`a{${'b'.repeat(128)}="x"} 1`), undefined);
  assert.equal(reasonOf(`a{${'b'.repeat(129)}="x"} 1`), 'long_label');
  assert.equal(reasonOf('a{__proto__="x"} 1'), 'reserved_label');
  assert.deepEqual(parse('a{constructor="x",toString="y"} 1\n').families[0]?.samples[0]?.labels, {
    constructor: 'x',
    toString: 'y',
  });
});

test('a name that no report takes is told of as bad alone', () => {
  for (const name of ['a:b', 'a'.repeat(129)]) {
    const { families, leftOut, bad } = parse(`${name} 1\nb 1\n`);
    assert.deepEqual(
      [families.map((family) => family.name), leftOut, bad.map(({ reason }) => reason)],
      [['b'], [], ['bad_name']],
    );
  }
  assert.deepEqual(namesOf(`${'a'.repeat(128)} 1\n`), ['a'.repeat(128)]);
});

test('a help that is longer than a report takes costs itself alone', () => {
  const helpOf = (length: number) => parse(`# HELP a ${'x'.repeat(length)}\na 1\n`).families[0]?.help?.length;
  assert.deepEqual([helpOf(1_024), helpOf(1_025)], [1_024, undefined]);
});

test('a family that has more samples than there is room for is left out', () => {
  const family = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${name}{i="${i}"} 1\n`).join('');
  const text = family('a', 6) + family('b', 5) + family('other', 50) + family('c', 4) + family('d', 1);
  const { families, leftOut, bad } = parse(text);
  assert.deepEqual(
    families.map(({ name, samples }) => [name, samples.length]),
    [
      ['a', 6],
      ['c', 4],
    ],
  );
  assert.deepEqual(
    [leftOut, bad.map(({ reason }) => reason)],
    [
      ['b', 'd'],
      ['too_many_samples', 'too_many_samples'],
    ],
  );
});

// One that is neither kept nor named as left out would be taken for one that the program does not have.
test('a text with more wanted families than there is room for is refused', () => {
  assert.deepEqual(namesOf('a 1\nb 1\nother 1\nc 1\nd 1\n'), ['a', 'b', 'c', 'd']);
  assert.throws(() => parse('a 1\nb NaN\nc 1\nd 1\ne 1\n'), {
    name: 'PrometheusTextError',
    message: /^line 5: there are more than 4 metrics to be kept/,
  });
});

test('only the first of what is bad in a family is told', () => {
  const { bad } = parse('# TYPE a counter\na -1\na NaN\na{x="1"} -1\n');
  assert.deepEqual(
    bad.map(({ message }) => message),
    ['a: line 2: a count is -1'],
  );
});
