// The aggregated API as the aggregator and the HPA see it: over TLS, judged, from another process; beside a bare route of the same
// framework that answers as many bytes.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import Fastify from 'fastify';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import { createPodDecoder } from '../../apiserver/pods/decode-pod.js';
import { CUSTOM, METRIC, createDemo, deployDemo } from '../support/demo-data.js';
import { HPA, remoteHeaders, startDeployment, type Deployment, type Sender } from '../support/deployment.js';
import type { LoadPlan, LoadResult } from './load.js';

const PODS = 1_000;
/** One after the other, as a controller's worker asks: what a request costs, and not how long it waits for others. */
const CONNECTIONS = 1;
const DURATION_MS = 4_000;
const AGGREGATOR: Sender = { user: 'system:kube-aggregator', groups: ['system:masters'] };
const HPA_SENDER: Sender = { user: HPA, groups: ['system:serviceaccounts', 'system:authenticated'] };
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export async function benchApi(): Promise<void> {
  const deployment = await startDeployment();
  await deployDemo(deployment);
  deployment.rules.push(({ user }) => user === HPA);
  for (let i = 0; i < PODS; i++) deployment.addPod('big', `pod-${i}`, { labels: { app: 'big' } });
  await createDemo(deployment).pushMany('big', PODS, 50);
  const query = `${CUSTOM}/namespaces/big/pods/*/${METRIC}?labelSelector=app%3Dbig&metricLabelSelector=network%3Ddefault`;
  const tag = String(
    (await deployment.viaProxy('/apis', AGGREGATOR, { headers: { accept: AGGREGATED } })).headers['etag'],
  );
  console.log(
    `\nAggregated API: one connection of HTTP/1.1 over TLS from another process, ${DURATION_MS / 1_000} s each; authorization cached\n${HEADER}`,
  );
  const plans: readonly (readonly [string, string, Sender, Record<string, string>])[] = [
    [`HPA query: ${PODS} pods of a namespace, selectors`, query, HPA_SENDER, {}],
    ['discovery of a group version', CUSTOM, AGGREGATOR, {}],
    ['aggregated discovery, 304', '/apis', AGGREGATOR, { accept: AGGREGATED, 'if-none-match': tag }],
  ];
  for (const [what, path, sender, headers] of plans) {
    const ours = await load(planOf(deployment, path, sender, headers));
    const bare = await benchBare(ours.bytes);
    console.log(row(what, ours, `${(bare.perSecond / ours.perSecond).toFixed(2)} times the time of the bare route`));
    console.log(row(`  a bare fastify route, ${ours.bytes} bytes`, bare));
  }
  await deployment.close();
  benchPods();
}

function planOf(
  { server, authorities }: Deployment,
  path: string,
  sender: Sender,
  headers: Record<string, string>,
): LoadPlan {
  return {
    url: server.url + path,
    ca: server.ca,
    cert: authorities.proxy.chain,
    key: authorities.proxy.key,
    headers: { ...remoteHeaders(sender), ...headers },
    connections: CONNECTIONS,
    durationMs: DURATION_MS,
  };
}

/** The same framework and protocol with a constant for an answer. */
async function benchBare(bytes: number): Promise<LoadResult> {
  const { cert, key } = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
  const app = Fastify({ http2: true, https: { cert, key, allowHTTP1: true } });
  const constant = 'x'.repeat(bytes);
  app.get('/', (_request, reply) => reply.type('application/json').send(constant));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const result = await load({ url, ca: cert, headers: {}, connections: CONNECTIONS, durationMs: DURATION_MS });
  await app.close();
  return result;
}

async function load(plan: LoadPlan): Promise<LoadResult> {
  const client = spawn(process.execPath, [fileURLToPath(new URL('load.js', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  client.stdin.end(JSON.stringify(plan));
  const result = JSON.parse(await text(client.stdout)) as LoadResult;
  const failed = Object.keys(result.codes).filter((code) => !['200', '304'].includes(code));
  if (failed.length > 0) throw new Error(`${plan.url}: ${JSON.stringify(result.codes)}`);
  return result;
}

/** What is kept of the pods that the API server lists. */
function benchPods(): void {
  const count = 50_000;
  const decode = createPodDecoder();
  const before = heapBytes();
  const kept = Array.from({ length: count }, (_, i) => decode(listedPod(i)));
  const perPod = (heapBytes() - before) / kept.length;
  console.log(
    `\nPods of the API server: ${perPod.toFixed(0)} bytes kept of each of ${count}, 6 labels and 2 networks, 50 to a Deployment`,
  );
}

function listedPod(i: number): object {
  const deployment = `app-${Math.floor(i / 50)}`;
  const hash = '5b8dd9f89';
  const status = [
    { name: 'cbr0', default: true },
    { name: 'telco/sriov', interface: 'net1' },
  ];
  return {
    metadata: {
      name: `${deployment}-${hash}-${i}`,
      namespace: `team-${i % 40}`,
      uid: `97a66741-82a4-478a-9cf3-${i}`,
      creationTimestamp: '2026-11-20T21:49:45Z',
      labels: {
        app: deployment,
        tier: 'front',
        team: `team-${i % 40}`,
        'pod-template-hash': hash,
        env: 'prod',
        version: 'v1',
      },
      annotations: { 'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status) },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${deployment}-${hash}`, controller: true }],
    },
  };
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const HEADER = ['what'.padEnd(46), 'requests/s'.padStart(10), 'median'.padStart(10), 'p99'.padStart(10)].join('  ');

function row(what: string, { perSecond, p50Ms, p99Ms }: LoadResult, note = ''): string {
  const cells = [perSecond.toFixed(0), `${p50Ms.toFixed(2)} ms`, `${p99Ms.toFixed(2)} ms`];
  return `${[what.padEnd(46), ...cells.map((cell) => cell.padStart(10))].join('  ')}  ${note}`.trimEnd();
}
