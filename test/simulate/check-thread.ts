// Checks beside the thread that measures: what it takes must not look like the server's time.
import { parentPort, workerData } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { checkAnswer, type AskedFor } from './check-answer.js';
import { MetricsCheck } from './check-metrics.js';
import { howeverLate, type AskedWithin, type CheckOptions } from './expected.js';
import { worldOptionsOf, type CheckResult, type LoadOrder } from './messages.js';
import { CHECKS_NICE, setNice } from './nice.js';
import { Problems } from './problems.js';
import { World } from './world.js';

export type CheckWork =
  | { readonly kind: 'answer'; readonly server: number; readonly body: Uint8Array; readonly asked: AskedFor }
  | { readonly kind: 'scrape'; readonly server: number; readonly body: Uint8Array; readonly asked: AskedWithin }
  | { readonly kind: 'result' };

/** Of a scrape; of a larger one only a part of the lines is looked at, the same each time. */
const MAX_LINES_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

const order = workerData as LoadOrder;
const world = new World(worldOptionsOf(order.world));
const options: CheckOptions = {
  ...{ world, intervalMs: order.intervalMs, slackMs: order.slackMs, sinceMs: order.world.startMs },
  isCluster: order.identity !== undefined,
};
const metrics = order.targets.map(() => new MetricsCheck(options));
const found = { answers: 0, items: 0, plainBytes: 0 };
const problems = new Problems();

setNice(0, CHECKS_NICE);
let last = Promise.resolve();
parentPort?.on('message', (work: CheckWork) => {
  last = last.then(() => take(work)); // a scrape is looked at in pieces, and the next one must not come between them
});

async function take(work: CheckWork): Promise<void> {
  if (work.kind === 'result') {
    const series = metrics.reduce((sum, check) => sum + check.series, 0);
    const result: CheckResult = { ...found, series, skipped: 0, wrong: problems.wrong, late: problems.late };
    parentPort?.postMessage(result);
    return;
  }
  if (work.kind === 'answer') checkJson(work.body, work.asked);
  else await checkScrape(work.body, work.server, work.asked);
  parentPort?.postMessage('done');
}

function checkJson(json: Uint8Array, asked: AskedFor): void {
  const answer = JSON.parse(Buffer.from(json).toString('utf8')) as MetricValueListV1Beta2;
  found.answers++;
  found.items += answer.items.length;
  const strictly = checkAnswer(options, answer, asked);
  if (strictly.length === 0) return;
  const wrong = checkAnswer(howeverLate(options), answer, asked);
  for (const problem of wrong) problems.addWrong(problem);
  const isWrong = new Set(wrong);
  for (const problem of strictly) if (!isWrong.has(problem)) problems.addLate(problem);
}

async function checkScrape(gzip: Uint8Array, server: number, asked: AskedWithin): Promise<void> {
  const check = metrics[server];
  if (check === undefined) throw new RangeError(`there is no server ${server}`);
  check.begin(asked);
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  gunzip.end(gzip);
  let bytes = 0;
  const every = Math.max(1, Math.ceil(found.plainBytes / MAX_LINES_BYTES));
  let chunks = 0;
  let rest = '';
  for await (const chunk of gunzip as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    const isWanted = chunks++ % every === 0;
    if (!isWanted) continue;
    const text = rest + chunk.toString('utf8');
    const begin = every > 1 ? text.indexOf('\n') + 1 : 0;
    const end = text.lastIndexOf('\n') + 1;
    check.add(text.slice(begin, end));
    rest = every > 1 ? '' : text.slice(end);
  }
  found.plainBytes = bytes;
  problems.addAll(check.end(every === 1));
}
