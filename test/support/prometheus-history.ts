// Series with a past for a real Prometheus: as if it had scraped them for an hour.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './bundle.js';
import { startPrometheus, type Prometheus } from './prometheus.js';

/** What was exposed at a time. */
export interface Scrape {
  readonly atSeconds: number;
  /** Text 0.0.4 or OpenMetrics, without times. */
  readonly text: string;
}

/** Starts a Prometheus that has these scrapes behind it, and scrapes nothing. */
export async function startPrometheusWith(scrapes: readonly Scrape[]): Promise<Prometheus> {
  const config = 'global: {}\nscrape_configs: []\n';
  return startPrometheus(config, {}, async (directory) => {
    const file = join(directory, 'history.om');
    await writeFile(file, openMetrics(scrapes));
    const backfill = run('promtool', [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      '-q',
      file,
      join(directory, 'data'),
    ]);
    assert.equal(await backfill.ended, 0, backfill.error());
  });
}

/** All samples of a series one after the other, as promtool takes them. */
function openMetrics(scrapes: readonly Scrape[]): string {
  const series = new Map<string, string[]>();
  for (const { atSeconds, text } of scrapes) {
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const name = line.slice(0, line.lastIndexOf(' '));
      const samples = series.get(name) ?? [];
      samples.push(`${line} ${atSeconds}\n`);
      series.set(name, samples);
    }
  }
  return `${[...series.values()].flat().join('')}# EOF\n`;
}
