import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiserverProgram } from '../../apiserver/options.js';
import { startApiserver, type Apiserver, type ApiserverDeps } from '../../apiserver/start.js';
import { servingHosts } from '../../apiserver/tls/leaf.js';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import { nodeagentProgram } from '../../nodeagent/options.js';
import { startNodeagent, type Nodeagent, type NodeagentDeps } from '../../nodeagent/start.js';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { systemClock, type Clock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/logger.js';
import { parseOptions } from '../../runtime/options/parse.js';

/** A clock that a test can move ahead of the machine's. */
export interface ShiftedClock extends Clock {
  shiftMs: number;
}

export function createShiftedClock(): ShiftedClock {
  return {
    shiftMs: 0,
    monotonicMs() {
      return systemClock.monotonicMs() + this.shiftMs;
    },
    wallMs() {
      return systemClock.wallMs() + this.shiftMs;
    },
  };
}

const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });

/** As the manifests have it. */
const SERVICE = { namespace: 'podnet-system', name: 'podnet-apiserver' };

/** A certificate in files, so that a restarted server has the same. */
export async function createCertificateFiles(): Promise<{ ca: string; flags: string[]; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-tls-'));
  const { cert, key } = await createSelfSignedCertificate(servingHosts(SERVICE), Date.now());
  await writeFile(join(directory, 'tls.crt'), cert);
  await writeFile(join(directory, 'tls.key'), key);
  const flags = ['--tls-cert-file', join(directory, 'tls.crt'), '--tls-private-key-file', join(directory, 'tls.key')];
  return { ca: cert, flags, remove: () => rm(directory, { recursive: true }) };
}

/** Starts an apiserver on a free port, unless the flags say another. */
export async function runApiserver(
  flags: readonly string[] = [],
  overrides: Partial<ApiserverDeps> = {},
): Promise<Apiserver> {
  const argv = ['--standalone', ...(flags.includes('--secure-port') ? [] : ['--secure-port', '0']), ...flags];
  const invocation = parseOptions(apiserverProgram('0.0.0'), argv, {});
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  return startApiserver(invocation.options, { clock: systemClock, version: '0.0.0', log, env: {}, ...overrides });
}

/** Starts an agent that pushes to a server, five times a second, unless the flags say otherwise. */
export async function runNodeagent(
  server: Pick<Apiserver, 'url' | 'ca'>,
  flags: readonly string[] = [],
  overrides: Partial<NodeagentDeps> = {},
): Promise<Nodeagent> {
  const argv = [
    '--server',
    server.url,
    '--listen-address',
    '127.0.0.1:0',
    // Tests look twenty times a second.
    ...(flags.includes('--listen-rate-limit') ? [] : ['--listen-rate-limit', '1000', '--listen-rate-burst', '1000']),
    ...(flags.includes('--interval') ? [] : ['--interval', '200ms']),
    ...(flags.includes('--pod-source') ? [] : ['--pod-source', 'netns']),
    ...flags,
  ];
  const invocation = parseOptions(nodeagentProgram('0.0.0', 'test-node'), argv, {});
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  return startNodeagent(invocation.options, {
    clock: systemClock,
    version: '0.0.0',
    log,
    env: {},
    serverCa: server.ca,
    ...overrides,
  });
}

export async function fetchText(
  { url, ca }: Pick<Apiserver, 'url' | 'ca'>,
  path: string,
): Promise<{ statusCode: number; text: string }> {
  return new Promise((resolve, reject) => {
    get(`${url}${path}`, { ca }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ statusCode: response.statusCode ?? 0, text }));
      response.on('error', reject);
    }).on('error', reject);
  });
}

/** Values by pod, as the HPA reads them. */
export async function fetchRates(
  server: Pick<Apiserver, 'url' | 'ca'>,
  metric: string,
  selector = '',
): Promise<Map<string, string>> {
  const query = selector === '' ? '' : `?metricLabelSelector=${encodeURIComponent(selector)}`;
  const { statusCode, text } = await fetchText(
    server,
    `/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/${metric}${query}`,
  );
  if (statusCode !== 200) throw new Error(text);
  const { items } = JSON.parse(text) as MetricValueListV1Beta2;
  return new Map(items.map(({ describedObject, value }) => [describedObject.name, value]));
}

/** Samples of one family, by their labels. */
export async function fetchSamples(
  server: Pick<Apiserver, 'url' | 'ca'>,
  family: string,
): Promise<{ labels: Record<string, string>; value: number }[]> {
  const { text } = await fetchText(server, `/metrics?family=${family}`);
  return [...text.matchAll(/^\w+\{(.*)\} (\S+)$/gm)].map(([, pairs = '', value]) => ({
    labels: Object.fromEntries(
      [...pairs.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', text_ = '']) => [name, text_]),
    ),
    value: Number(value),
  }));
}

/** Waits for what a test expects to come true, and fails with what was last seen. */
export async function eventually<T>(
  look: () => Promise<T> | T,
  isThere: (seen: T) => boolean,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (isThere(seen)) return seen;
    if (Date.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${JSON.stringify(seen instanceof Map ? [...seen] : seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
