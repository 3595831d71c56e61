// PromQL in the documents can be parsed, and whatever they name of podnet's families is in the catalogue.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { at, listAt, textAt } from '../cluster/json.js';
import { blocksOf, documents } from '../support/markdown.js';

interface Expression {
  readonly place: string;
  readonly text: string;
}

/** Blocks of their own, and those of rules. */
function expressionsOf(file: string): Expression[] {
  return blocksOf(file).flatMap(({ line, language, lines }) => {
    const place = `${file}:${line}`;
    const text = lines.join('\n');
    // One expression, or one on each line.
    if (language === 'promql' && errorsIn(text).length > 0 && !text.includes('(\n')) {
      return lines.map((one, i) => ({ place: `${file}:${line + i}`, text: one }));
    }
    if (language === 'promql') return [{ place, text }];
    if (language !== 'yaml' || !/^\s*(- )?expr:/m.test(text)) return [];
    return rulesIn(parse(text)).map((rule) => ({ place, text: textAt(rule, 'expr') }));
  });
}

/** Rules as they stand in a list, a group, a file of groups, or a PrometheusRule. */
function rulesIn(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(rulesIn);
  if (textAt(value, 'expr') !== '') return [value];
  return [...listAt(value, 'rules'), ...listAt(value, 'groups'), at(value, 'spec')].flatMap((one) =>
    one === undefined ? [] : rulesIn(one),
  );
}

function errorsIn(text: string): string[] {
  const errors: string[] = [];
  parser.parse(text).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) errors.push(`at ${from}: ${JSON.stringify(text.slice(from, Math.max(to, from + 20)))}`);
    },
  });
  return errors;
}

/** Families of docs/metrics.md, which is generated; a histogram's series have suffixes. */
function knownNames(): Set<string> {
  const rows = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(podnet_\w+)` \| (\w+) /gm)];
  return new Set(
    rows.flatMap(([, name = '', type]) =>
      ['histogram', 'summary'].includes(type ?? '') ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

describe('what the documents say to Prometheus', () => {
  const known = knownNames();

  test('the parser knows an error when it sees one', () => {
    assert.deepEqual(errorsIn('sum by (a) (rate(b[5m]))'), []);
    assert.notDeepEqual(errorsIn('sum by (a (rate(b[5m]))'), []);
    assert.ok(known.has('podnet_interface_receive_bytes_total') && known.size > 100);
  });

  for (const file of documents()) {
    const expressions = expressionsOf(file);
    if (expressions.length > 0) {
      test(`every expression of ${file} can be parsed`, () => {
        const wrong = expressions.flatMap(({ place, text }) => errorsIn(text).map((error) => `${place}: ${error}`));
        assert.deepEqual(wrong, []);
      });
    }

    test(`every family that ${file} names is there`, () => {
      const names = [...readFileSync(file, 'utf8').matchAll(/\bpodnet_[a-z0-9_]+(?![a-z0-9_]|…|\*|\{[a-z_]+,)/g)];
      // What ends in "_" is the beginning of several.
      const unknown = names.flatMap(([name]) => (name.endsWith('_') || known.has(name) ? [] : [name]));
      assert.deepEqual([...new Set(unknown)], []);
    });
  }
});
