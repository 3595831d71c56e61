// The apiserver and what agents of role probe report: one report in; metrics, suspects and latencies of many nodes out.
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { Histogram, Registry } from 'prom-client';
import { Exposition } from '../../apiserver/exposition/exposition.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { LATENCY_BOUNDS } from '../../openapi/report-terms.js';
import { createTestServer, type TestServer } from '../support/app.js';
import { HEADER, measure, ratio, row } from './measure.js';
import { probingNode, syntheticProbeReport } from './probe-reports.js';
import { compress, drain } from './server.js';

/** Of which the text of prom-client is made, too. */
const SCRAPED_NODES = 1_000;
const ALL_NODES = 5_000;
/** Two are enough of a rate; a store has more of each. */
const REPORTS = 2;
const INTERVAL_MS = 15_000;
/** Longer than any result is kept. */
const LATER_MS = 1_000;

/** Inflate, check, store and render one report of role probe, through the whole HTTP server. */
export async function benchProbeIngest(): Promise<void> {
  const server = createTestServer();
  const bodies = Array.from({ length: 600 }, (_, i) => compress(syntheticProbeReport(1, ALL_NODES, i + 1)));
  let next = 0;
  const ours = await measure(500, () => {
    server.clock.advance(INTERVAL_MS);
    return push(server, bodies[next++] ?? Buffer.alloc(0));
  });
  const plain = await measure(500, (i) => JSON.parse(gunzipSync(bodies[i] ?? Buffer.alloc(0)).toString()) as unknown);
  const { dials, dns, ntp } = syntheticProbeReport(1, ALL_NODES, 1).probes ?? { dials: [], dns: [], ntp: [] };
  const size = ((bodies[0]?.length ?? 0) / 1_000).toFixed(1);
  console.log(
    `\nIngest of one report of role probe: ${dials.length} dials, ${dns.length} DNS, ${ntp.length} NTP, ${size} kB gzip\n${HEADER}`,
  );
  console.log(row('POST nodereports: check, store, render', ours, shareOfCore(ours.cpuUs)));
  const times = (ours.medianUs / plain.medianUs).toFixed(1);
  console.log(row('gunzip and JSON.parse alone', plain, `ingest is ${times} times that`));
}

function shareOfCore(cpuUs: number): string {
  return `${(cpuUs / INTERVAL_MS).toFixed(3)} mCPU for a node at ${INTERVAL_MS / 1_000} s`;
}

/** What is said of nodes by those that dial them, with many of them; and a scrape. */
export async function benchProbeRead(): Promise<void> {
  const server = await serverOf(ALL_NODES);
  console.log(`\n${ALL_NODES} nodes of role probe\n${HEADER}`);
  await benchSuspects(server);
  await benchLatency(server);
  await server.app.close();
  console.log(`\n${SCRAPED_NODES} nodes of role probe\n${HEADER}`);
  await benchScrape(await serverOf(SCRAPED_NODES));
}

/** @throws {Error} unless all of it is accepted */
async function push(server: TestServer, report: Buffer): Promise<void> {
  const { statusCode, text, body } = await server.pushBody(report);
  if (statusCode !== 200 || body.rejected.length > 0) throw new Error(text);
}

async function serverOf(nodes: number): Promise<TestServer> {
  const server = createTestServer();
  for (let nth = 1; nth <= REPORTS; nth++) {
    server.clock.advance(INTERVAL_MS);
    for (let node = 0; node < nodes; node++) {
      await push(server, compress(syntheticProbeReport(node, nodes, nth)));
    }
  }
  return server;
}

async function benchScrape({ store, pods, clock }: TestServer): Promise<void> {
  const exposition = new Exposition({ nodes: store, pods }, []);
  const nodes = store.nodes();
  for (const node of nodes) exposition.update(node, clock.monotonicMs());
  const render = await measure(500, (i) =>
    nodes.slice(i, i + 1).forEach((node) => exposition.update(node, clock.monotonicMs())),
  );
  console.log(row('the lines of one node, rendered', render));
  const text = () => drain(Readable.from(exposition.gzip('text', clock.monotonicMs()), { objectMode: false }));
  const ours = await measure(10, text);
  const registry = fillPromClient();
  const theirs = await measure(3, () => registry.metrics());
  const bytes = await text();
  const note = `${(bytes / SCRAPED_NODES / 1_000).toFixed(1)} kB a node, ${ratio(ours, theirs)} of prom-client`;
  console.log(row(`/metrics, gzip, ${(bytes / 1e6).toFixed(1)} MB`, ours, note));
  console.log(row('prom-client, the same histograms alone', theirs));
}

/** The same histograms in the usual library; without counters of errors. */
function fillPromClient(): Registry {
  const registry = new Registry();
  const histogram = (name: string, labelNames: readonly string[]) =>
    new Histogram({ name, help: name, labelNames, buckets: [...LATENCY_BOUNDS], registers: [registry] });
  const dial = histogram('podnet_dial_latency_seconds', [
    'node',
    'peer_node',
    'peer_zone',
    'network',
    'family',
    'host',
  ]);
  const dns = histogram('podnet_dns_latency_seconds', ['node', 'server', 'protocol', 'host']);
  const ntp = histogram('podnet_ntp_latency_seconds', ['node', 'server']);
  for (let number = 0; number < SCRAPED_NODES; number++) {
    const { node, probes } = syntheticProbeReport(number, SCRAPED_NODES, 1);
    for (const { peer, host, network, family } of probes?.dials ?? []) {
      const to = peer === undefined ? { host } : { peer_node: peer.node, peer_zone: peer.zone };
      dial.observe({ node, ...to, network, family }, 0.000_3);
    }
    for (const { server, protocol, host } of probes?.dns ?? []) dns.observe({ node, server, protocol, host }, 0.002);
    for (const { server } of probes?.ntp ?? []) ntp.observe({ node, server }, 0.01);
  }
  return registry;
}

async function benchSuspects(server: TestServer): Promise<void> {
  const path = '/metrics?family=podnet_node_suspect_ratio';
  const get = async (): Promise<string> => {
    const { statusCode, text } = await server.get(path);
    if (statusCode !== 200) throw new Error(text);
    return text;
  };
  const anew = await measure(20, () => {
    server.clock.advance(LATER_MS);
    return get();
  });
  const kept = await measure(20, get);
  const reports = Array.from({ length: ALL_NODES }, (_, node) => syntheticProbeReport(node, ALL_NODES, REPORTS));
  const pass = await measure(20, () => countFailing(reports));
  const lines = (await get()).split('\n').filter((line) => line.startsWith('podnet_')).length;
  console.log(row(`suspects of ${lines} nodes, as /metrics has them`, anew, `${times(anew, pass)} the pass below`));
  console.log(row('  again within half a second', kept));
  console.log(row('  how many see each failing, one pass, a Map', pass));
}

/** The least that there is to do. */
function countFailing(reports: readonly NodeReport[]): ReadonlyMap<string, number> {
  const seeing = new Map<string, number>();
  for (const { probes } of reports) {
    for (const { peer, recent } of probes?.dials ?? []) {
      if (peer === undefined || recent === undefined) continue;
      const isFailing = recent.lastFailed || recent.failures * 2 >= recent.attempts;
      seeing.set(peer.node, (seeing.get(peer.node) ?? 0) + (isFailing ? 1 : 0));
    }
  }
  return seeing;
}

async function benchLatency(server: TestServer): Promise<void> {
  const path = (node: string): string =>
    `/apis/custom.metrics.k8s.io/v1beta2/nodes/${encodeURIComponent(node)}/network_dial_latency_seconds?metricLabelSelector=quantile%3Dp99`;
  const get = async (node: string): Promise<number> => {
    const { statusCode, text, body } = await server.get(path(node));
    if (statusCode !== 200) throw new Error(text);
    return body.items.length;
  };
  // an even number is none of those that fail; the clock stands, so that every report is fresh
  const one = await measure(100, (i) => get(probingNode(i * 38)));
  const all = await measure(5, () => get('*'));
  const found = await get('*');
  console.log(row('HPA query: p99 of one node, of its 4 probers', one));
  console.log(row(`HPA query: p99 of ${found} nodes`, all, `${times(all, one)} that of one`));
}

function times(one: { readonly medianUs: number }, other: { readonly medianUs: number }): string {
  return `${(one.medianUs / other.medianUs).toFixed(1)} times`;
}
