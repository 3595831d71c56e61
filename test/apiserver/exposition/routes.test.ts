import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Registry } from 'prom-client';
import { Exposition } from '../../../apiserver/exposition/exposition.js';
import { expositionRoutes } from '../../../apiserver/exposition/routes.js';
import { createShell } from '../../../apiserver/http/shell.js';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { createLogger } from '../../../runtime/logger.js';
import { syntheticReport } from '../../bench/reports.js';
import { createTestServer, type TestServer } from '../../support/app.js';

const NODES = 40;
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';
const tls = await createSelfSignedCertificate(['127.0.0.1'], Date.now());

async function serverWithNodes(): Promise<TestServer> {
  const server = createTestServer();
  for (let node = 0; node < NODES; node++) await server.push(syntheticReport(node, { pods: 2, interfaces: 2 }, 1));
  return server;
}

/** The same nodes on a replica that has others beside it. */
async function replica(exposer: { isExposing(): boolean }) {
  const { store, pods, clock } = await serverWithNodes();
  const log = createLogger('test', { level: 'debug', format: 'text', write: () => undefined });
  const { app } = createShell({ tls, log });
  expositionRoutes(app, {
    ...{ exposition: new Exposition({ nodes: store, pods }, []), registry: new Registry(), clock, exposer },
  });
  return async (query: string, accept = 'text/plain') => {
    const { statusCode, body } = await app.inject({ url: `/metrics?${query}`, headers: { accept } });
    return { statusCode, body };
  };
}

function samples(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** What the server says of itself is another from scrape to scrape. */
function isOwn(line: string): boolean {
  return line.startsWith('podnet_apiserver_');
}

function ofNodes(text: string): string[] {
  return samples(text).filter((line) => !isOwn(line));
}

test('with exposer=only the series are there on the replica that shows them, and its own on none', async () => {
  let isExposing = true;
  const get = await replica({ isExposing: () => isExposing });
  const whole = (await get('')).body;
  const shown = (await get('exposer=only')).body;
  assert.ok(whole.includes('podnet_apiserver_scrapes_under_way 1\n'));
  assert.deepEqual(samples(shown), ofNodes(whole));
  isExposing = false;
  for (const query of ['exposer=only', 'exposer=only&shard=0/2', 'exposer=only&namespace=team-0']) {
    assert.deepEqual(await get(query), { statusCode: 200, body: '' });
    assert.deepEqual(await get(query, OPENMETRICS), { statusCode: 200, body: '# EOF\n' });
  }
  assert.ok((await get('')).body.includes('podnet_pod_info'), 'people are shown everything everywhere');
});

test('what is begun while the replica shows the series is finished', async () => {
  // It is asked when a scrape comes, and again when its lines are there.
  let asked = 0;
  const get = await replica({ isExposing: () => ++asked <= 2 });
  const { body } = await get('exposer=only');
  assert.equal(new Set(body.match(/^podnet_pod_info\{node="[^"]+/gm)).size, NODES);
  assert.equal((await get('exposer=only')).body, '');
});

test('own=only is what the server says of itself alone, whoever shows the series', async () => {
  const get = await replica({ isExposing: () => false });
  const { statusCode, body } = await get('own=only', OPENMETRICS);
  assert.equal(statusCode, 200);
  assert.ok(body.endsWith('# EOF\n'));
  assert.ok(body.includes('podnet_apiserver_scrapes_total{result="refused"} 0'));
  assert.ok(samples(body).every(isOwn));
});

/** CRC-32 of the name: replicas of two versions have to agree. */
function isOfThird(node: string, index: number): boolean {
  return crc32(`${node}.eu-central-1.compute.internal`) % 3 === index;
}

for (const count of [1, 2, 50]) {
  test(`of ${count} shards each series is in one, and all of them in some`, async () => {
    const server = await serverWithNodes();
    const whole = (await server.get('/metrics')).text;
    const parts: string[] = [];
    const withOwn: number[] = [];
    for (let i = 0; i < count; i++) {
      const { statusCode, text } = await server.get(`/metrics?shard=${i}/${count}`);
      assert.equal(statusCode, 200, text);
      parts.push(...ofNodes(text));
      if (samples(text).some(isOwn)) withOwn.push(i);
    }
    assert.ok(parts.sort().join('\n') === ofNodes(whole).sort().join('\n'));
    assert.deepEqual(withOwn, [0]);
    assert.ok(parts.some((line) => line.startsWith('podnet_node_last_report_timestamp_seconds')));
  });
}

test('nodes are in their shards for ever, and about as many in each', async () => {
  const server = await serverWithNodes();
  const nodes = async (query: string) =>
    new Set((await server.get(`/metrics?family=podnet_pod_info&${query}`)).text.match(/ip-10-0-0-\d+/g));
  const halves = [await nodes('shard=0/2'), await nodes('shard=1/2')];
  assert.ok(halves.every(({ size }) => size > NODES / 4));
  assert.deepEqual(await nodes('shard=1/3'), new Set([...(await nodes(''))].filter((node) => isOfThird(node, 1))));
  const [inSecond] = [...(halves[1] ?? [])];
  const name = `${inSecond}.eu-central-1.compute.internal`;
  assert.equal((await nodes(`shard=1/2&node=${name}`)).size, 1);
  assert.equal((await nodes(`shard=0/2&node=${name}`)).size, 0);
  assert.deepEqual(await nodes('shard=1/2&namespace=team-0'), halves[1]);
  assert.equal((await server.get('/metrics?shard=999/1000')).statusCode, 200);
});

test('what cannot be meant is a 400 that says what is wanted', async () => {
  const server = await serverWithNodes();
  for (const [query, message] of [
    ['exposer=yes', 'exposer: must be "only", not "yes"'],
    ['exposer=', 'exposer: must be "only", not ""'],
    ['own=true', 'own: must be "only", not "true"'],
    ['own=only&exposer=only', 'own: does not go with exposer'],
    ['own=only&node=a', 'own: does not go with node'],
    ...['', '1', '2/2', '0/0', '-1/2', '0/1001', '1e0/2', '0/2/3', ' 0/2', '0.0/2'].map((shard) => [
      `shard=${encodeURIComponent(shard)}`,
      `shard: must be i/n with n from 1 to 1000 and i from 0 to n-1, not "${shard}"`,
    ]),
  ] as [string, string][]) {
    const { statusCode, body } = await server.get(`/metrics?${query}`);
    assert.equal(statusCode, 400, query);
    assert.deepEqual([body.reason, body.message], ['BadRequest', message]);
  }
});
