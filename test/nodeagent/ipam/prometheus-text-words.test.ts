import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAll, refusal } from '../../support/metrics-text.js';

/** Of one sample without a type, which may be anything that is finite. */
const valueOf = (line: string) => parseAll(`${line}\n`).families[0]?.samples[0]?.value;
const labelsOf = (line: string) => parseAll(`${line}\n`).families[0]?.samples[0]?.labels;

test('names are of the characters that the format has', () => {
  for (const line of [
    '1a 1',
    '-a 1',
    'é 1',
    '"a" 1',
    '{"a.b"} 1',
    '{a="b"} 1',
    '{} 1',
    '\ufeffa 1',
    '\0 1',
    'a\0 1',
    'a.b 1',
  ]) {
    refusal(`${line}\n`);
  }
  for (const label of ['', '1', 'é', 'a b', 'a:b', 'a-b', '\0', '@']) refusal(`a{${label}="x"} 1\n`);
  assert.match(refusal('a{"b.c"="x"} 1\n'), /names in quotes are not of this version/);
  assert.match(refusal('a{__name__="x"} 1\n'), /this label is the name of the metric/);
  for (const line of ['# TYPE met-ric gauge', '# HELP 1a x', '# HELP é', '# TYPE "a" gauge']) {
    assert.match(refusal(`${line}\n`), /no name of a metric follows (HELP|TYPE)/);
  }
  assert.equal(valueOf('_aZ_09 5'), 5);
});

test('a label stands once in a sample', () => {
  assert.match(refusal('a{b="1",b="1"} 1\n'), /^line 1: a sample has a label twice, at "\{b=/);
  const many = Array.from({ length: 40 }, (_, i) => `l${i}="x"`);
  refusal(`a{${[...many, 'l7="y"'].join(',')}} 1\n`);
  refusal(`a{${[...many, 'l7="y"'].join(',')}} 1\n`, false);
});

test('label values know three escapes, help too, and no others', () => {
  for (const value of ['\\t', '\\', '\\x41', '\\\r']) {
    refusal(`a{b="${value}"} 1\n`);
    assert.match(refusal(`# HELP a x${value}\n`), /there is no such escape/);
  }
  assert.deepEqual(labelsOf('a{b="\\\\\\"\\n\\\\n"} 1'), { b: '\\"\n\\n' });
  assert.deepEqual(labelsOf('a{b="}, #é€😀\t\r\0"} 1'), { b: '}, #é€😀\t\r\0' });
  assert.match(refusal('a{b="12345\\q"} 1\n'), /there is no such escape, at "\\\\q/);
});

test('blanks and tabs may stand between words, and at both ends of a line', () => {
  const labels = { a: '1', b: '2' };
  for (const line of [
    ' \ta{a="1",b="2"} 5',
    'a {a="1",b="2"}5',
    'a\t{ a = "1" ,\tb\t=\t"2" , } \t5 \t',
    'a{a="1",b="2",}5\t6 ',
  ]) {
    assert.deepEqual([labelsOf(line), valueOf(line)], [labels, 5], line);
  }
  assert.equal(valueOf('a{}5'), 5);
  assert.equal(valueOf('a-5'), -5); // as Prometheus reads it
  for (const line of [
    'a{,} 1',
    'a{b="c",,} 1',
    'a{b="c" d="e"} 1',
    'a{b="c"d="e"} 1',
    'a b="c" 1',
    'a\u00a01',
    'a\v1',
  ]) {
    refusal(`${line}\n`);
  }
});

test('line ends of Windows are refused', () => {
  assert.match(refusal('a 1\r\n'), /^line 1: there is no value that is a number, at "1\\r"$/);
  refusal('# TYPE a gauge\r\n');
  refusal('\r\n');
});

test('values are floats as Go writes them', () => {
  const finite: Record<string, number> = {
    ...{ '0': 0, '08': 8, '+5': 5, '-5': -5, '.5': 0.5, '5.': 5, '1e9': 1e9, '1E+09': 1e9, '-1.5e-3': -0.0015 },
    ...{ '123456789012345': 123456789012345, '1234567890123456789': 1234567890123456789, '1e-400': 0 },
  };
  for (const [written, value] of Object.entries(finite)) assert.equal(valueOf(`a ${written}`), value, written);
  const forms = ['NaN', 'nan', 'Inf', '+Inf', '-Inf', 'inf', '+infinity', '-INFINITY'];
  for (const form of forms) assert.equal(parseAll(`a ${form}\n`).bad[0]?.reason, 'bad_value', form);
  for (const form of [
    '+NaN',
    '-nan',
    'Na',
    'In',
    'infi',
    '++1',
    '1_000',
    '0x1p-2',
    '0x10',
    '0b1',
    '0o7',
    '1e',
    'e5',
    '.',
    '-',
    '1,5',
    '1e400',
    'null',
    '١',
  ]) {
    assert.match(refusal(`a ${form}\n`), /there is no value that is a number/, form);
  }
  assert.equal(valueOf(`a ${'0'.repeat(60_000)}1`), 1);
});

test('timestamps are looked at and mean nothing', () => {
  for (const timestamp of ['0', '1395066363000', '-3982045', '+7']) assert.equal(valueOf(`a 5 ${timestamp}`), 5);
  for (const timestamp of ['1.5', 'x', '1e3', '1 2', '99999999999999999999', '-']) refusal(`a 5 ${timestamp}\n`);
});

test('bounds of buckets and quantiles are numbers', () => {
  assert.match(
    refusal('# TYPE a histogram\na_bucket{le="bla"} 1\n', false),
    /^line 2: le or quantile is not a number but "bla"/,
  );
  refusal('# TYPE a histogram\na_bucket{le=""} 1\n');
  refusal('# TYPE a summary\na{quantile="0x1p-3"} 1\n');
  assert.deepEqual(labelsOf('a{le="bla",quantile=""} 1'), { le: 'bla', quantile: '' });
});
