import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { EXTRA } from '../../../apiserver/auth/agent-identity.js';
import { QUEUE_LIMITS } from '../../../apiserver/ingest/ingest-queue.js';
import { NODE_REPORTS_PATH } from '../../../openapi/report-terms.js';
import { createTestServer, metricPath } from '../../support/app.js';
import { connectOverHttp2 } from '../../support/connections.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

/** A body of which each node sends one. */
const bodyOf = (node: number, atMs: number): Buffer =>
  gzipSync(JSON.stringify(nodeReport(atMs, { node: `n${node}`, bootId: `boot-${node}`, pods: [] })));

test('reports that are too many are refused with a Retry-After, and what is asked for is answered meanwhile', async () => {
  const server = createTestServer();
  for (const atMs of [1_000, 2_000]) {
    await server.push(
      nodeReport(atMs, { pods: [podReport({ interfaces: [interfaceReport({ readings: [readingOf(atMs)] })] })] }),
    );
    await nextTurn(); // so that the step is no part of what a report takes
    server.clock.advance(1_000);
  }
  const bodies = Array.from({ length: QUEUE_LIMITS.reports + 100 }, (_, node) => bodyOf(node, 1_000));
  let worked = 0;
  const pushes = bodies.map(async (body) => {
    const answer = await server.pushBody(body);
    worked++;
    return answer;
  });
  const { statusCode, headers } = await server.get(metricPath('web-0', 'network_receive_bytes_per_second'));
  assert.deepEqual([statusCode, headers['retry-after']], [200, undefined]);
  assert.ok(worked < QUEUE_LIMITS.reports, `${worked} reports went before the query`);
  const answers = await Promise.all(pushes);
  const refused = answers.filter((answer) => answer.statusCode !== 200);
  assert.ok(refused.length > 0 && refused.length <= 100, `${refused.length} were refused`);
  for (const [i, answer] of refused.entries()) {
    const seconds = 1 + (i % 15);
    assert.deepEqual([answer.statusCode, answer.headers['retry-after']], [429, `${seconds}`]);
    assert.deepEqual([answer.body.reason, answer.body.details], ['TooManyRequests', { retryAfterSeconds: seconds }]);
  }
  const { text } = await server.get('/metrics');
  const counted = /^podnet_apiserver_reports_total\{result="refused",reason="TooManyRequests"\} (\d+)$/m.exec(
    text,
  )?.[1];
  assert.equal(Number(counted), refused.length);
  assert.match(text, /^podnet_apiserver_ingest_queue_reports 0$/m);
  assert.match(text, /^podnet_apiserver_ingest_queue_bytes 0$/m);
});

test('a report that waited is as old as it is', async () => {
  const server = createTestServer();
  let answered = 0;
  // The clock goes on while most of them wait: their time of receipt is that of their arrival.
  const waiting = Array.from({ length: 15 }, async (_, node) => {
    await server.pushBody(bodyOf(node, 1_000));
    answered++;
  });
  while (answered === 0) await nextTurn();
  assert.ok(answered < 8, `${answered} did not wait`);
  server.clock.advance(3_000);
  await Promise.all(waiting);
  const { text } = await server.get('/readyz?verbose');
  assert.match(text, /the newest report came 3\.0 s ago/);
});

test('a report that waited for its authentication is as old as it is', async () => {
  const user = { name: 'agent', groups: [], extra: { [EXTRA.nodeName]: ['node-a'] } };
  const server = createTestServer({
    auth: {
      guard: (app) => {
        app.decorateRequest('user');
        app.addHook('onRequest', async (request) => {
          request.user = user;
          await nextTurn();
          if (request.method === 'POST') server.clock.advance(3_000); // a TokenReview
        });
      },
    },
  });
  assert.equal((await server.push(nodeReport(1_000))).statusCode, 200);
  const { text } = await server.get('/readyz?verbose');
  assert.match(text, /the newest report came 3\.0 s ago/);
  const [node] = server.store.nodes();
  assert.equal(node?.ageMs(0, server.clock.monotonicMs()), 3_000);
});

test('agents behind one connection of HTTP/2 do not supersede each other', async () => {
  const server = createTestServer();
  const { url, ca, close } = await server.listen();
  const connection = connectOverHttp2({ url, ca });
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  try {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, node) =>
        connection.ask(NODE_REPORTS_PATH, { method: 'POST', headers, payload: bodyOf(node, 1_000) }),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ statusCode }) => statusCode))], [200]);
  } finally {
    connection.close();
    await close();
  }
});

test('a history is worked off in several turns, and the same comes of it', async () => {
  const samples = Array.from({ length: 20 }, (_, i) => ({ sequence: i + 1, takenAt: (i + 1) * 1_000 }));
  const pods = Array.from({ length: 100 }, (_, i) =>
    podReport({
      name: `web-${i}`,
      uid: `uid-web-${i}`,
      interfaces: [interfaceReport({ readings: samples.map(({ takenAt }) => readingOf(takenAt * (i + 1))) })],
    }),
  );
  const server = createTestServer();
  const history = nodeReport(20_000, { sequence: 20, samples, pods });
  assert.ok(JSON.stringify(history).length > 64 * 1024);
  assert.equal((await server.push(history)).body.lastSequence, 20);
  const { body } = await server.get(metricPath('*', 'network_receive_bytes_per_second'));
  assert.deepEqual(body.items.map(({ value }) => value).sort(), pods.map((_, i) => `${i + 1}k`).sort());
  const { text } = await server.get('/metrics?family=podnet_interface_receive_bytes_total');
  assert.equal(text.match(/^podnet_interface_receive_bytes_total\{/gm)?.length, 100);
});
