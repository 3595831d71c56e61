// The metrics text of ipamd: parsed by the agent, beside a parser from npm, which checks less.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { readAwscni } from '../../nodeagent/ipam/awscni-text.js';
import { parsePrometheusText } from '../../nodeagent/ipam/prometheus-text.js';
import { HEADER, measure, ratio, row } from './measure.js';

const FIXTURE = 'test/fixtures/ipamd/present.txt';
const LARGE_BYTES = 1024 * 1024;
const KEEP_ALL = { limits: { families: 10_000, samples: 1_000_000 }, wanted: () => true };

/** It has no types of its own. */
type ParseText = (text: string) => readonly { readonly name: string }[];
const require = createRequire(import.meta.url);
const theirs = require('parse-prometheus-text-format') as ParseText;

export async function benchPrometheusText(): Promise<void> {
  const text = await readFile(FIXTURE, 'utf8');
  console.log(`\nMetrics text of ipamd\n${HEADER}`);
  await benchText(`${(text.length / 1_000).toFixed(1)} kB`, text, 1_000, () => readAwscni(text));
  const large = largeText();
  await benchText('1 MiB, 1,000 series a family', large, 30, () => parsePrometheusText(large, KEEP_ALL));
}

async function benchText(what: string, text: string, calls: number, work: () => unknown): Promise<void> {
  const ours = await measure(calls, work);
  const other = await measure(calls, () => theirs(text));
  console.log(row(`${what}: checked, as it is reported`, ours, ratio(ours, other)));
  console.log(row('  parse-prometheus-text-format', other));
}

/** Counters, gauges and histograms, as a program with many series has them. */
function largeText(): string {
  const parts: string[] = [];
  for (let family = 0, length = 0; length < LARGE_BYTES; family++) {
    const name = `awscni_large_${family}`;
    const type = family % 2 === 0 ? 'counter' : 'gauge';
    const lines = Array.from(
      { length: 1_000 },
      (_, i) => `${name}{cidr="10.0.${i >> 8}.${i & 255}/32",eni="eni-0a1b2c3d4e5f6071${i % 8}"} ${i * 7.5}\n`,
    );
    parts.push(`# HELP ${name} A family of a large text.\n# TYPE ${name} ${type}\n`, ...lines);
    length += lines.join('').length;
  }
  return parts.join('');
}
