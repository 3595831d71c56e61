import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { parsePrometheusText, type PrometheusText } from '../../../nodeagent/ipam/prometheus-text.js';
import { decodePrometheusText } from '../../../nodeagent/ipam/text-bytes.js';
import { PrometheusTextError } from '../../../nodeagent/ipam/text-error.js';
import { IpamFamily } from '../../../openapi/ipam-report.js';
import { METRIC_NAME } from '../../../openapi/patterns.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';

const FIXTURES = 'test/fixtures/ipamd';
const fixtures = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => readFileSync(`${FIXTURES}/${name}`));
const schema = Compile(IpamFamily);
const limits = { families: REPORT_LIMITS.ipamFamilies, samples: REPORT_LIMITS.ipamSamples };
const parse = (text: string) => parsePrometheusText(text, { limits, wanted: () => true });

/** What becomes of anything: a reading that a report takes, or the one refusal. */
function readOrRefuse(bytes: Uint8Array): PrometheusText | undefined {
  try {
    const reading = parse(decodePrometheusText(bytes));
    for (const family of reading.families) assert.ok(schema.Check(family), JSON.stringify(family));
    for (const name of reading.leftOut) assert.match(name, new RegExp(METRIC_NAME));
    return reading;
  } catch (error) {
    if (!(error instanceof PrometheusTextError)) throw error;
    assert.match(error.message, /^line \d+: [ -~]+$/);
    return undefined;
  }
}

const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const count = fc.double({ min: 0, max: 1e15, noNaN: true });
const labels = fc.dictionary(
  fc.stringMatching(/^[a-z][a-zA-Z0-9_]{0,9}$/).filter((name) => name !== 'le' && name !== 'quantile'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  { maxKeys: 4, noNullPrototype: true },
);
const help = fc.option(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((text) => !/^[ \t]/.test(text)),
  { nil: undefined },
);
const labelSets = fc.uniqueArray(labels, { maxLength: 5, selector: keyOf });
function keyOf(set: object): string {
  return JSON.stringify(Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const plain = fc.constantFrom('counter', 'gauge', 'unknown').chain((type) =>
  fc.record({
    type: fc.constant(type),
    samples: labelSets.chain((sets) =>
      fc.tuple(
        ...sets.map((set) =>
          fc
            .tuple(fc.constant(set), type === 'counter' ? count : number)
            .map(([set, value]) => ({ labels: set, value })),
        ),
      ),
    ),
  }),
);
const summary = fc.record({
  type: fc.constant('summary'),
  samples: fc.tuple(labels, number, number, count).map(([set, quantile, sum, total]) => [
    { labels: { ...set, quantile: '0.5' }, value: quantile },
    { suffix: '_sum', labels: set, value: sum },
    { suffix: '_count', labels: set, value: total },
  ]),
});
const histogram = fc.record({
  type: fc.constant('histogram'),
  samples: fc.tuple(labels, number, count, count).map(([set, sum, first, all]) => [
    { suffix: '_bucket', labels: { ...set, le: '0.25' }, value: first },
    { suffix: '_bucket', labels: { ...set, le: '+Inf' }, value: all },
    { suffix: '_sum', labels: set, value: sum },
    { suffix: '_count', labels: set, value: all },
  ]),
});
interface Family {
  readonly name: string;
  readonly type: string;
  readonly help?: string;
  readonly samples: readonly { readonly suffix?: string; readonly labels: object; readonly value: number }[];
}
const families: fc.Arbitrary<Family[]> = fc
  .array(fc.tuple(fc.oneof(plain, summary, histogram), help), { maxLength: 6 })
  .map((made) =>
    made.map(([family, text], i) => ({ name: `family_${i}x`, ...(text !== undefined && { help: text }), ...family })),
  );

const escapeHelp = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeValue = (text: string) => escapeHelp(text).replaceAll('"', '\\"');

function render({ name, type, help: text, samples }: Family): string {
  const lines = samples.map(({ suffix = '', labels: set, value }) => {
    const pairs = Object.entries(set).map(([label, labelValue]) => `${label}="${escapeValue(String(labelValue))}"`);
    return `${name}${suffix}{${pairs.join(',')}} ${value}\n`;
  });
  const helpLine = text === undefined ? '' : `# HELP ${name} ${escapeHelp(text)}\n`;
  return `${helpLine}# TYPE ${name} ${type === 'unknown' ? 'untyped' : type}\n${lines.join('')}`;
}

test('what is rendered is read as it was', () => {
  fc.assert(
    fc.property(families, (made) => {
      const bytes = Buffer.from(made.map(render).join(''));
      assert.deepEqual(readOrRefuse(bytes), { families: made, leftOut: [], bad: [] });
    }),
    { numRuns: 300 },
  );
});

test('whatever comes is read or refused', () => {
  const word = fc.constantFrom(
    ...'a b_sum le quantile { } = , " \\ # HELP TYPE counter histogram summary 1 -1 NaN +Inf é \0 \r'.split(' '),
    ' ',
    '\n',
    '\t',
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readOrRefuse(bytes)),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 60 }), (words) => void readOrRefuse(Buffer.from(words.join('')))),
    { numRuns: 3_000 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof PrometheusTextError);
      }
    }),
  );
});

test('what ipamd serves, damaged, is read or refused', () => {
  const damage = fc.record({
    fixture: fc.constantFrom(...fixtures),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    taken: fc.nat(40),
    put: fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom('\n', '"', '\\', '{', '}', ' ', '-', 'NaN', '0x').map((text) => Buffer.from(text)),
    ),
  });
  fc.assert(
    fc.property(damage, ({ fixture, at, taken, put }) => {
      const from = Math.floor(at * fixture.length);
      readOrRefuse(Buffer.concat([fixture.subarray(0, from), put, fixture.subarray(from + taken)]));
    }),
    { numRuns: 500 },
  );
});

test('every cut of a text within a line is refused', () => {
  const text = readFileSync(`${FIXTURES}/present.txt`);
  for (let end = 1; end < text.length; end += 7) {
    if (text[end - 1] !== 10) assert.equal(readOrRefuse(text.subarray(0, end)), undefined);
  }
});

const SIZE = 4 * 1024 * 1024;
const fill = (piece: string) => piece.repeat(Math.floor(SIZE / piece.length));

test('hostile texts of the largest size are read or refused', () => {
  const numbered = (line: (i: number) => string) => {
    const lines: string[] = [];
    for (let length = 0; length < SIZE; length += lines.at(-1)?.length ?? SIZE) lines.push(line(lines.length));
    return lines.join('');
  };
  const refused: Record<string, [text: string, reason: RegExp]> = {
    oneName: [`${fill('a')}\n`, /the line has more than 65536 characters/],
    oneValue: [`a ${fill('1')}\n`, /the line has more than/],
    oneLabelValue: [`a{b="${fill('\\\\')}"} 1\n`, /the line has more than/],
    noLineFeed: [fill('a{b="'), /the text was cut/],
    families: [numbered((i) => `f${i} 1\n`), /there are more than 256 metrics to be kept/],
    duplicateLabels: [`a{${'b="",'.repeat(13_000)}} 1\n`, /a label twice/],
    bytes: [fill('\0'), /the text was cut/],
  };
  for (const [what, [text, reason]] of Object.entries(refused)) {
    assert.throws(() => parse(text), { name: 'PrometheusTextError', message: reason }, what);
  }
  const anyFamily = { limits, wanted: () => false };
  assert.throws(
    () =>
      parsePrometheusText(
        numbered((i) => `f${i} 1\n`),
        anyFamily,
      ),
    /there are more than 10000 metrics/,
  );
  assert.deepEqual(parse(fill('\n')), { families: [], leftOut: [], bad: [] });
  assert.deepEqual(parse(fill('# HELP \n')).families, []);
  const reasons = (text: string) => parse(text).bad.map(({ reason }) => reason);
  assert.deepEqual(reasons(numbered((i) => `a{b="${i}"} 1\n`)), ['too_many_samples']);
  assert.deepEqual(reasons(fill('a 1\n')), ['duplicate_series']);
  assert.deepEqual(reasons(fill(`a{b="${'\\n'.repeat(30_000)}"} 1\n`)), ['long_label']);
  const distinct = Array.from({ length: 9_000 }, (_, i) => `b${i}=""`).join(',');
  assert.deepEqual(reasons(fill(`a{${distinct.slice(0, 64_000).replace(/,[^,]*$/, '')}} 1\n`)), ['too_many_labels']);
});
