// The apiserver: one report in, a scrape and an HPA query out.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, get } from 'node:https';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { constants, createGunzip, createGzip, gunzipSync, gzipSync } from 'node:zlib';
import { Counter, Registry } from 'prom-client';
import { Exposition } from '../../apiserver/exposition/exposition.js';
import { INTERFACE_COUNTER_FAMILIES } from '../../metrics/catalogue.js';
import { INTERFACE_LABELS } from '../../metrics/labels.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { createTestServer, type TestServer } from '../support/app.js';
import { HEADER, measure, ratio, row } from './measure.js';
import { syntheticReport, type NodeSize } from './reports.js';

const REPORTS: readonly NodeSize[] = [
  { pods: 30, interfaces: 2 },
  { pods: 110, interfaces: 3 },
];
const NODE: NodeSize = { pods: 30, interfaces: 2 };
const HPA_PATH =
  '/apis/custom.metrics.k8s.io/v1beta2/namespaces/team-3/pods/*/network_receive_bytes_per_second?labelSelector=app%3Dcheckout-service&metricLabelSelector=network%3Dn3';

export const compress = (report: NodeReport) => gzipSync(JSON.stringify(report), { level: constants.Z_BEST_SPEED });

/** Inflate, check, store and render one report, through the whole HTTP server. */
export async function benchIngest(): Promise<void> {
  for (const size of REPORTS) await benchReport(size);
}

async function benchReport(size: NodeSize): Promise<void> {
  const server = createTestServer();
  const bodies = Array.from({ length: 300 }, (_, i) => compress(syntheticReport(1, size, i + 1)));
  let next = 0;
  const ours = await measure(200, () => {
    server.clock.advance(15_000);
    return server.pushBody(bodies[next++] ?? Buffer.alloc(0));
  });
  // As one would without a store: the newest objects are kept, those before are garbage.
  const kept = new Map<number, unknown>();
  const plain = await measure(200, (i) =>
    kept.set(i % 10, JSON.parse(gunzipSync(bodies[i] ?? Buffer.alloc(0)).toString())),
  );
  const handed = await busyHandingOver(bodies);
  const kilobytes = ((bodies[0]?.length ?? 0) / 1_000).toFixed(1);
  console.log(
    `\nIngest of one report: ${size.pods} pods × ${size.interfaces} interfaces × 8 counters, ${kilobytes} kB gzip\n${HEADER}`,
  );
  console.log(row('POST nodereports: check, store, render', ours));
  console.log(
    row(
      'gunzip and JSON.parse into objects',
      plain,
      `ingest is ${(ours.medianUs / plain.medianUs).toFixed(1)} times that`,
    ),
  );
  const share = (handed / plain.medianUs).toFixed(1);
  console.log(
    `  done by a worker thread it keeps the main thread busy for ${handed.toFixed(0)} µs, ${share} times that`,
  );
}

/** Of a report that a worker thread inflates and parses, microseconds of the main thread: to hand it over, and to take the objects back. */
async function busyHandingOver(bodies: readonly Buffer[]): Promise<number> {
  const worker = new Worker(new URL('./parse-worker.js', import.meta.url));
  const handOver = async (body: Buffer): Promise<void> => {
    const parsed = once(worker, 'message');
    worker.postMessage(body);
    await parsed;
  };
  for (const body of bodies) await handOver(body);
  const before = performance.eventLoopUtilization();
  for (const body of bodies) await handOver(body);
  const { active } = performance.eventLoopUtilization(before);
  await worker.terminate();
  return (active * 1_000) / bodies.length;
}

/** A scrape, and the HPA's query, with many nodes loaded. */
export async function benchRead(nodes: number): Promise<void> {
  const memoryBefore = residentMiB();
  const usedBefore = usedMiB();
  const server = createTestServer();
  for (let second = 1; second <= 5; second++) {
    for (let node = 0; node < nodes; node++) {
      const { statusCode, text } = await server.pushBody(compress(syntheticReport(node, NODE, second)));
      if (statusCode !== 200) throw new Error(text);
    }
    server.clock.advance(15_000);
  }
  const memory = residentMiB() - memoryBefore;
  const used = usedMiB() - usedBefore;
  const series = nodes * NODE.pods * NODE.interfaces * 8;
  console.log(
    `\n${nodes} nodes × ${NODE.pods} pods × ${NODE.interfaces} interfaces: ${series} counter series, ${memory.toFixed(0)} MiB resident (${(memory / nodes).toFixed(3)} a node, 5 samples of each), ${used.toFixed(0)} MiB in use\n${HEADER}`,
  );
  const found = (await server.get(HPA_PATH)).body.items.length;
  const { url, ca, close } = await server.listen();
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
  const query = await measure(500, () => drainUrl(`${url}${HPA_PATH}`, agent));
  agent.destroy();
  console.log(
    row(`HPA query: ${found} pods of a namespace, selectors`, query, 'over HTTPS, the client in the same process'),
  );
  await benchScrape(server, nodes, used);
  await close();
}

async function drainUrl(url: string, agent: Agent): Promise<number> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  return drain(response);
}

/** What a scrape has to do before the socket: the same blocks, plain and through gzip. */
async function benchScrape({ store, pods, clock }: TestServer, nodes: number, usedOurs: number): Promise<void> {
  const exposition = new Exposition({ nodes: store, pods }, []);
  for (const node of store.nodes()) exposition.update(node, clock.monotonicMs());
  const scrape = () => Readable.from(exposition.gzip('text', clock.monotonicMs()), { objectMode: false });
  const zip = () => drain(scrape());
  const plain = () => drain(scrape().pipe(createGunzip({ chunkSize: 65_536 })));
  const zipped = await measure(10, zip);
  const inflated = await measure(5, plain);
  const again = await measure(3, () =>
    drain(
      scrape()
        .pipe(createGunzip({ chunkSize: 65_536 }))
        .pipe(createGzip({ level: constants.Z_BEST_SPEED })),
    ),
  );
  const usedBefore = usedMiB();
  const registry = fillPromClient(nodes);
  const usedTheirs = usedMiB() - usedBefore;
  const theirs = await measure(3, () => registry.metrics());
  const [bytes, gzipBytes] = [await plain(), await zip()];
  const text = Buffer.from(await registry.metrics());
  const gzipTheirs = gzipSync(text, { level: constants.Z_BEST_SPEED }).length;
  console.log(
    row(`/metrics, gzip, ${(gzipBytes / 1e6).toFixed(1)} MB`, zipped, `${ratio(zipped, theirs)} of prom-client`),
  );
  console.log(
    row(`/metrics, ${(bytes / 1e6).toFixed(0)} MB, inflated`, inflated, `${ratio(inflated, theirs)} of prom-client`),
  );
  console.log(row('  that text through createGzip', again));
  console.log(row(`prom-client, ${(text.length / 1e6).toFixed(0)} MB (${(gzipTheirs / 1e6).toFixed(1)} gzip)`, theirs));
  console.log(
    `In use: ${usedOurs.toFixed(0)} MiB with history and lines, prom-client ${usedTheirs.toFixed(0)} MiB without a history: ${(usedOurs / usedTheirs).toFixed(2)} of it`,
  );
}

/** Reads a stream to its end. @returns its bytes */
export async function drain(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

/** The same counters in the usual library. */
function fillPromClient(nodes: number): Registry {
  const registry = new Registry();
  const counters = INTERFACE_COUNTER_FAMILIES.map(
    ({ name, help }) => new Counter({ name, help, labelNames: INTERFACE_LABELS, registers: [registry] }),
  );
  for (let node = 0; node < nodes; node++) {
    const report = syntheticReport(node, NODE, 5);
    for (const pod of report.pods) {
      for (const { name, network, nadNamespace, primary, readings } of pod.interfaces ?? []) {
        const labels = {
          node: report.node,
          namespace: pod.namespace,
          pod: pod.name,
          interface: name,
          network,
          nad_namespace: nadNamespace,
          primary: String(primary),
        };
        counters.forEach((counter, column) => counter.inc(labels, readings[0]?.[column] ?? 0));
      }
    }
  }
  return registry;
}

/** What is not garbage, in V8's heap and outside of it. */
function usedMiB(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.(); // what a finalizer lets go is garbage of the next
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024 / 1024;
}

function residentMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 1024 / 1024;
}
