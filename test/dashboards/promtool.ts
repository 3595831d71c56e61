import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { stringify } from 'yaml';

export const RULES = 'manifests/alerts/podnet.rules.yaml';

export interface Outcome {
  readonly status: number | null;
  readonly text: string;
}

export function promtool(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

/** A series as promtool writes it: name and labels, and its values minute by minute. */
export type Series = readonly [series: string, values: string];

export interface Expectation {
  readonly expr: string;
  readonly minute: number;
  /** Values by the labels of their series; without any nothing is to be there. */
  readonly samples: Readonly<Record<string, number>>;
}

export interface RuleTest {
  readonly name: string;
  /** Between two values of a series: a minute where it is not said. */
  readonly interval?: string;
  readonly series: readonly Series[];
  readonly expected: readonly Expectation[];
}

/** Has promtool evaluate the shipped rules over made-up series. */
export async function testRules(tests: readonly RuleTest[]): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-rules-'));
  try {
    const file = join(directory, 'tests.yaml');
    const document = {
      rule_files: [join(process.cwd(), RULES)],
      evaluation_interval: '1m',
      tests: tests.map(({ name, interval = '1m', series, expected }) => ({
        name,
        interval,
        input_series: series.map(([one, values]) => ({ series: one, values })),
        promql_expr_test: expected.map(({ expr, minute, samples }) => ({
          expr,
          eval_time: `${minute}m`,
          exp_samples: Object.entries(samples).map(([labels, value]) => ({ labels, value })),
        })),
      })),
    };
    await writeFile(file, stringify(document));
    return promtool('test', 'rules', file);
  } finally {
    await rm(directory, { recursive: true });
  }
}
