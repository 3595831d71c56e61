// The parser of Prometheus itself, as promtool has it, beside ours.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parsePrometheusText } from '../../../nodeagent/ipam/prometheus-text.js';
import { decodePrometheusText } from '../../../nodeagent/ipam/text-bytes.js';
import { PrometheusTextError } from '../../../nodeagent/ipam/text-error.js';
import { missing } from '../../support/requirements.js';

const FIXTURES = 'test/fixtures/ipamd';

function isTakenByUs(bytes: Buffer): boolean {
  try {
    parsePrometheusText(decodePrometheusText(bytes), {
      limits: { families: 256, samples: 1_000 },
      wanted: () => true,
    });
    return true;
  } catch (error) {
    if (error instanceof PrometheusTextError) return false;
    throw error;
  }
}

function isTakenByPromtool(input: Buffer): boolean {
  const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.notEqual(status, null);
  return !stderr.includes('error while linting');
}

describe('beside the parser of Prometheus', { skip: missing('promtool') }, () => {
  test('fixtures are taken and refused by both', () => {
    for (const name of readdirSync(FIXTURES).filter((file) => file.endsWith('.txt'))) {
      const bytes = readFileSync(`${FIXTURES}/${name}`);
      const isGood = !['fault-cut.txt', 'fault-html.txt'].includes(name);
      assert.deepEqual([isTakenByUs(bytes), isTakenByPromtool(bytes)], [isGood, isGood], name);
    }
  });

  test('both take and refuse the same', () => {
    const taken = [
      '\t a {\tb = "c" ,\td="e",}5 6',
      'a-5',
      'a{}.5e+3',
      'a{b="\\\\\\"\\n}"} nan',
      '#TYPE a GAUGE\na 08',
      'a 1 -5',
    ];
    const refused = [
      ...[
        'a 1\r',
        'a',
        'a{b="c"}',
        'a{b="c" d="e"} 1',
        'a{,} 1',
        'a{b="\\t"} 1',
        'a{b="c",b="d"} 1',
        'a{__name__="b"} 1',
      ],
      ...[
        'a 0x1p-2',
        'a 1_0',
        'a 1e400',
        'a +NaN',
        'a 1 1.5',
        'a 1 2 3',
        '# HELP a \\t',
        '# TYPE a bla',
        '\ufeffa 1',
        '1a 1',
      ],
      ...['# TYPE a gauge\n# TYPE a gauge', 'a 1\n# TYPE a gauge', '# HELP a b\n# HELP a c', '# TYPE met-ric gauge'],
      ...['# TYPE a summary\na{quantile="x"} 1', '# TYPE a histogram\na_bucket{le=""} 1', 'a 1\u00a0'],
    ];
    for (const [isGood, texts] of [
      [true, taken],
      [false, refused],
    ] as const) {
      for (const text of texts) {
        const bytes = Buffer.from(`${text}\n`);
        assert.deepEqual([isTakenByUs(bytes), isTakenByPromtool(bytes)], [isGood, isGood], text);
      }
    }
    const bytes = Buffer.from('a{b="\xff"} 1\n', 'latin1');
    assert.deepEqual([isTakenByUs(bytes), isTakenByPromtool(bytes)], [false, false]);
  });

  test('the format is stricter than it in the order of lines, and laxer at their ends', () => {
    for (const text of [
      'a 1\nb 1\na{c="1"} 1',
      'a 1\n# HELP a b',
      '# TYPE a',
      'a_sum 1\n# TYPE a summary\na_count 1',
    ]) {
      const bytes = Buffer.from(`${text}\n`);
      assert.deepEqual([isTakenByUs(bytes), isTakenByPromtool(bytes)], [false, true], text);
    }
    for (const text of ['a 1 ', 'a 1 5\t', '# TYPE a gauge ']) {
      const bytes = Buffer.from(`${text}\n`);
      assert.deepEqual([isTakenByUs(bytes), isTakenByPromtool(bytes)], [true, false], text);
    }
  });
});
