import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrometheusText } from '../../../nodeagent/ipam/prometheus-text.js';
import { decodePrometheusText } from '../../../nodeagent/ipam/text-bytes.js';
import { parseAll, refusal } from '../../support/metrics-text.js';

test('families, types, help, suffixes, labels and values are read', () => {
  const text = `# HELP c Things, \\\\ and\\na "second" line.
# TYPE c counter
c{a="1",b="x\\\\y\\"z\\nw"} 3
c{a="2"} 4.5e1 1700000000000
# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="+Inf"} 2
h_sum 1.25
h_count 2
# TYPE s summary
s{quantile="0.99"} 12
s_sum 20
s_count 3
plain -7
`;
  assert.deepEqual(parseAll(text), {
    families: [
      {
        ...{ name: 'c', type: 'counter', help: 'Things, \\ and\na "second" line.' },
        samples: [
          { labels: { a: '1', b: 'x\\y"z\nw' }, value: 3 },
          { labels: { a: '2' }, value: 45 },
        ],
      },
      {
        ...{ name: 'h', type: 'histogram' },
        samples: [
          { suffix: '_bucket', labels: { le: '0.5' }, value: 1 },
          { suffix: '_bucket', labels: { le: '+Inf' }, value: 2 },
          { suffix: '_sum', labels: {}, value: 1.25 },
          { suffix: '_count', labels: {}, value: 2 },
        ],
      },
      {
        ...{ name: 's', type: 'summary' },
        samples: [
          { labels: { quantile: '0.99' }, value: 12 },
          { suffix: '_sum', labels: {}, value: 20 },
          { suffix: '_count', labels: {}, value: 3 },
        ],
      },
      { name: 'plain', type: 'unknown', samples: [{ labels: {}, value: -7 }] },
    ],
    leftOut: [],
    bad: [],
  });
});

test('an empty text, empty lines and comments have no families', () => {
  for (const text of [
    '',
    '\n',
    ' \t\n\n',
    '#\n',
    '# HELP\n',
    '# TYPE \n',
    '# HELPS a b\n',
    '# anything "\\q{\0\n',
    '#\ta\r\n',
  ]) {
    assert.deepEqual(parseAll(text), { families: [], leftOut: [], bad: [] }, JSON.stringify(text));
  }
});

test('a text whose last line does not end was cut', () => {
  for (const text of ['a 1', 'a 1\nb', 'a 1\n# HELP b', 'a 1\n ', 'a{b="c']) {
    assert.match(refusal(text), /the text was cut/);
  }
  assert.match(refusal('a 1\nb 12'), /^line 2: the text was cut: no line feed ends its last line, at "b 12"$/);
});

test('half a line is refused', () => {
  for (const line of [
    'a',
    'a ',
    'a{',
    'a{b',
    'a{b=',
    'a{b="',
    'a{b="c',
    'a{b="c"',
    'a{b="c",',
    'a{b="c"}',
    'a{} ',
    'a 1 -',
    '# TYPE a',
    '# TYPE a ',
  ]) {
    refusal(`${line}\n`);
    refusal(`${line}\n`, false);
  }
  assert.match(refusal('ok 1\na{b="c\n'), /^line 2: a label value does not end in its line, at "c"$/);
});

test('a family has one TYPE, one HELP, and both before its samples', () => {
  assert.match(
    refusal('# TYPE a counter\n# TYPE a counter\n'),
    /^line 2: there is a second TYPE for "a", at "counter"$/,
  );
  assert.match(refusal('a 1\n# TYPE a counter\n'), /^line 2: TYPE comes after samples of its metric/);
  assert.match(refusal('# HELP a b\n# HELP a c\n'), /^line 2: there is a second HELP for "a"/);
  assert.match(refusal('a 1\n# HELP a b\n'), /^line 2: HELP comes after samples/);
  assert.equal(parseAll('# TYPE a gauge\n# HELP a b\na 1\n').families[0]?.help, 'b');
  assert.deepEqual(parseAll('# HELP a\n# HELP a \n# HELP a b\n').families[0]?.help, 'b'); // nothing is no HELP
});

test('types are those of the format, in any case', () => {
  for (const type of ['bla', 'counter x', 'counter\r', 'unknown', 'info', 'stateset', 'count er']) {
    assert.match(refusal(`# TYPE a ${type}\n`), /there is no such type of metric/);
  }
  const text = '#  TYPE a COUNTER\n \t#\tTYPE\tb\tGauge \t\n#TYPE c untyped\n';
  assert.deepEqual(
    parseAll(text).families.map(({ name, type, samples }) => [name, type, samples]),
    [
      ['a', 'counter', []],
      ['b', 'gauge', []],
      ['c', 'unknown', []],
    ],
  );
});

test('the lines of a family stand together', () => {
  for (const text of [
    'a 1\nb 1\na{x="1"} 2\n',
    'a 1\nb 1\n# HELP a x\n',
    '# TYPE a gauge\nb 1\na 1\n',
    '# TYPE a histogram\na_sum 1\nb 1\na_count 1\n',
    '# TYPE a summary\na_sum 1\nb 1\na_count 1\n',
    'a_sum 1\n# TYPE a summary\na_count 1\n', // of two families of this name one is another's
    '# TYPE a histogram\na_sum 1\n# TYPE a_count counter\n',
  ]) {
    assert.match(refusal(text), /the lines of "a\w*" do not stand together/, text);
    assert.match(refusal(text, false), /do not stand together/, text);
  }
});

test('a name that only looks like a part of a family is a family', () => {
  const names = (text: string) => parseAll(text).families.map(({ name }) => name);
  assert.deepEqual(names('a 1\na_sum 1\na_count 1\n'), ['a', 'a_sum', 'a_count']);
  assert.deepEqual(names('# TYPE s summary\ns_count 1\ns_bucket 1\ns_counts 1\ns2 1\n'), [
    's',
    's_bucket',
    's_counts',
    's2',
  ]);
  assert.deepEqual(names('# TYPE c counter\nc_total 1\n'), ['c', 'c_total']);
});

test('families that are not wanted are held to the format and not kept', () => {
  const text = 'a NaN\n# TYPE b counter\nb -1\nb -1\nwanted 1\nc 1\n';
  const { families, leftOut, bad } = parsePrometheusText(text, {
    limits: { families: 1, samples: 1 },
    wanted: (name) => name.startsWith('w'),
  });
  assert.deepEqual([families.map(({ name }) => name), leftOut, bad], [['wanted'], [], []]);
  refusal(`wanted 1\nother{\n`);
});

test('an excerpt in a message is short and obeys no terminal', () => {
  const message = refusal(`a ${'\u001b[31m\u202e\u007f'.repeat(100)}\n`);
  assert.ok(message.length < 600);
  assert.match(message, /^line 1: there is no value that is a number, at "\\u001b\[31m\\u202e\\u007f/);
});

test('bytes that are not UTF-8 are refused with their line', () => {
  const text = 'a{b="é€😀"} 1\nb 2\n';
  assert.equal(decodePrometheusText(Buffer.from(text)), text);
  assert.equal(decodePrometheusText(new Uint8Array(0)), '');
  const lines = Array.from({ length: 50 }, (_, i) => `a{b="é"} ${i}`);
  for (const bad of ['\xff', '\xc3', '\xed\xa0\x80', '\xc0\x80', '\xe2\x82']) {
    for (const at of [0, 1, 24, 25, 48, 49]) {
      const bytes = Buffer.concat(
        lines.map((line, i) => Buffer.concat([Buffer.from(line), Buffer.from(i === at ? `${bad}\n` : '\n', 'latin1')])),
      );
      assert.throws(() => decodePrometheusText(bytes), {
        name: 'PrometheusTextError',
        line: at + 1,
        message: /the text is not UTF-8/,
      });
    }
  }
  assert.throws(() => decodePrometheusText(Buffer.from([0xff])), { line: 1 });
  assert.throws(() => decodePrometheusText(Buffer.from('\n\n\xff', 'latin1')), { line: 3 });
});

test('a byte order mark is refused', () => {
  refusal(decodePrometheusText(Buffer.from('\ufeffa 1\n')));
});
