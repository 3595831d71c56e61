import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { test, type TestContext } from 'node:test';
import { Exposition } from '../../../apiserver/exposition/exposition.js';
import type { NodeLines } from '../../../apiserver/exposition/pieces.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { nodeReport, podReport } from '../../support/reports.js';
import { missing } from '../../support/requirements.js';
import { syntheticReport } from '../../bench/reports.js';

const NODES = 60;
const FORMATS = { text: 'text/plain', openmetrics: 'application/openmetrics-text; version=1.0.0' };

async function serverWithNodes(): Promise<TestServer> {
  const server = createTestServer({ compat: ['net-exporter'] });
  for (let node = 0; node < NODES; node++) {
    const { statusCode, text } = await server.push(syntheticReport(node, { pods: 20, interfaces: 2 }, 1));
    assert.equal(statusCode, 200, text);
  }
  return server;
}

/** What the server says of itself changes from request to request. */
function ofNodes(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.includes('podnet_apiserver_'))
    .join('\n');
}

for (const [format, accept] of Object.entries(FORMATS)) {
  for (const query of [
    '',
    'node=no-such',
    'namespace=team-1',
    'namespace=none',
    'family=podnet_pod_info',
    'family=no',
  ]) {
    test(`gzip is the text byte for byte: ${format} ${query}`, async () => {
      const server = await serverWithNodes();
      const plain = await server.raw(`/metrics?${query}`, { accept });
      const zipped = await server.raw(`/metrics?${query}`, { accept, 'accept-encoding': 'gzip' });
      assert.equal(plain.headers['content-encoding'], undefined);
      assert.equal(zipped.headers['content-encoding'], 'gzip');
      assert.equal(plain.headers['content-type'], zipped.headers['content-type']);
      const inflated = gunzipSync(zipped.raw);
      if (query !== '') assert.ok(inflated.equals(plain.raw));
      assert.ok(ofNodes(inflated.toString()) === ofNodes(plain.raw.toString()));
    });
  }
}

test('curl takes all of it', { skip: missing('curl') }, async (t) => {
  const { url, caFile } = await listening(t, await serverWithNodes());
  const curl = async (...options: string[]) =>
    (
      await promisify(execFile)('curl', ['-sS', '--fail', '--cacert', caFile, ...options, `${url}/metrics`], {
        maxBuffer: 64 * 1024 * 1024,
      })
    ).stdout;
  const plain = ofNodes(await curl());
  assert.ok(plain.includes(`ip-10-0-0-${NODES - 1}.`));
  assert.ok(ofNodes(await curl('--compressed')) === plain);
  assert.ok(ofNodes(await curl('--compressed', '--http1.1')) === plain);
});

test('a scrape shows what was when it began, whatever comes during it', async () => {
  const server = await serverWithNodes();
  const { store, pods, clock } = server;
  const exposition = new Exposition({ nodes: store, pods }, []);
  const scrape = () => exposition.gzip('text', clock.monotonicMs());
  const before = gunzipSync(Buffer.concat([...scrape()]));
  const under = scrape();
  const first = under.next().value as Uint8Array;
  await server.push(syntheticReport(NODES - 1, { pods: 20, interfaces: 2 }, 2));
  for (const node of store.nodes()) exposition.update(node, clock.monotonicMs());
  assert.ok(gunzipSync(Buffer.concat([first, ...under])).equals(before));
  assert.ok(!gunzipSync(Buffer.concat([...scrape()])).equals(before));
});

test('lines that somebody looks at stay what they are until he lets them go; then their memory is taken over', async () => {
  const server = await serverWithNodes();
  const { store, pods, clock } = server;
  const exposition = new Exposition({ nodes: store, pods }, []);
  const bytesOf = (lines: readonly NodeLines[]): Uint8Array[] =>
    lines.flatMap(({ blocks }) => blocks.filled.flatMap((i) => blocks.at(i)?.bytes.slice() ?? []));
  const push = async (second: number): Promise<void> => {
    await server.push(syntheticReport(NODES - 1, { pods: 20, interfaces: 2 }, second));
    for (const node of store.nodes()) exposition.update(node, clock.monotonicMs());
  };
  const look = exposition.look(clock.monotonicMs(), undefined);
  const lines = await look.lines;
  const before = bytesOf(lines);
  for (const second of [2, 3, 4]) await push(second);
  assert.deepEqual(bytesOf(lines), before);
  look.release();
  const next = exposition.look(clock.monotonicMs(), undefined);
  const current = await next.lines;
  next.release();
  await push(5);
  assert.deepEqual(bytesOf(current), []);
  const last = await exposition.look(clock.monotonicMs(), undefined).lines;
  assert.equal(bytesOf(last).length, before.length);
});

test('a node that fell silent is in none of the forms', async () => {
  const server = await serverWithNodes();
  server.clock.advance(200_000);
  const report = nodeReport(1_000, { node: 'late', bootId: 'late', pods: [podReport({ uid: 'late' })] });
  await server.push(report);
  for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
    const { raw } = await server.raw('/metrics', headers);
    const text = ('accept-encoding' in headers ? gunzipSync(raw) : raw).toString();
    const named = new Set([...text.matchAll(/^podnet_pod_info\{node="([^"]+)"/gm)].map(([, node]) => node));
    assert.deepEqual([...named], ['late']);
  }
});

test('a scrape that is broken off, plain or not, costs nothing later', async (t) => {
  const server = await serverWithNodes();
  const { url, ca } = await listening(t, server);
  for (const encoding of ['gzip', 'identity']) {
    for (let i = 0; i < 5; i++) {
      const request = get(`${url}/metrics`, { ca, headers: { 'accept-encoding': encoding } });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await once(response, 'readable');
      response.destroy();
    }
  }
  const { raw } = await server.raw('/metrics', { 'accept-encoding': 'gzip' });
  assert.ok(gunzipSync(raw).includes('podnet_pod_info'));
  assert.deepEqual(
    server.logged.filter((line) => /error/i.test(line)),
    [],
  );
});

async function listening(t: TestContext, server: TestServer): Promise<{ url: string; ca: string; caFile: string }> {
  const { url, ca, close } = await server.listen();
  const directory = await mkdtemp(join(tmpdir(), 'podnet-scrape-'));
  t.after(async () => {
    await close();
    await rm(directory, { recursive: true });
  });
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, ca);
  return { url, ca, caFile };
}
