// A pusher against a real HTTPS server on loopback.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { Backoff } from '../../../runtime/backoff.js';
import { HttpsClient } from '../../../nodeagent/push/https-client.js';
import { Pusher } from '../../../nodeagent/push/pusher.js';
import type { NodeReport, NodeReportAnswer } from '../../../openapi/node-report.js';
import { createLogger } from '../../../runtime/logger.js';
import { nodeReport } from '../../support/reports.js';

const tls = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
const HISTORY = 5;

/** A refusal that says when to come back. */
interface Busy {
  readonly statusCode: number;
  readonly retryAfter: string;
}

/** What the server does with a report: an answer, a status, or nothing at all. */
type Behaviour = (report: NodeReport) => Partial<NodeReportAnswer> | Busy | number | 'silence';

interface Pushed {
  readonly sequences: readonly number[];
  readonly connection: number;
  readonly atMs: number;
}

class Harness {
  readonly pushed: Pushed[] = [];
  readonly logged: string[] = [];
  readonly results: string[] = [];
  /** Reports made. */
  built = 0;
  #server: Server;
  #connections = 0;
  #port = 0;
  #newest = HISTORY;
  readonly limits = { inflatedBytes: 1_000_000, compressedBytes: 1_000_000 };
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  pusher!: Pusher;

  constructor(private behaviour: Behaviour = () => ({})) {
    this.#server = this.#createServer();
  }

  #createServer(): Server {
    return createServer(tls, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const report = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()) as NodeReport;
        const sequences = report.samples.map(({ sequence }) => sequence);
        this.pushed.push({ sequences, connection: this.#connections, atMs: performance.now() });
        const answer = this.behaviour(report);
        if (answer === 'silence') return;
        const body = {
          apiVersion: 'podnet.dev/v1alpha1',
          kind: 'NodeReportAnswer',
          lastSequence: report.sequence,
          historyMs: 60_000,
          rejected: [],
          rejectedCount: 0,
        };
        const isBusy = typeof answer === 'object' && 'retryAfter' in answer;
        if (isBusy) response.setHeader('retry-after', answer.retryAfter);
        response.statusCode = isBusy ? answer.statusCode : typeof answer === 'number' ? answer : 200;
        const isRefusal = isBusy || typeof answer === 'number';
        response.end(JSON.stringify(isRefusal ? { message: 'said no' } : { ...body, ...answer }));
      });
    }).on('secureConnection', () => this.#connections++);
  }

  async start(timeoutMs = 5_000): Promise<this> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    this.pusher = new Pusher({
      server: 'test',
      userAgent: 'test',
      limits: this.limits,
      client: new HttpsClient(new URL(`https://127.0.0.1:${this.#port}`), {
        ca: () => Promise.resolve(tls.cert),
        timeoutMs,
      }),
      backoff: new Backoff({ firstMs: 5, maxMs: 20, random: () => 0 }),
      build: (after, maxSamples) => {
        this.built++;
        const all = Array.from({ length: HISTORY }, (_, i) => this.#newest - HISTORY + 1 + i).filter(
          (sequence) => sequence > after,
        );
        const samples = all.slice(-maxSamples).map((sequence) => ({ sequence, takenAt: sequence * 1_000 }));
        const report = nodeReport(this.#newest * 1_000, { sequence: this.#newest, samples, pods: [] });
        return { samples: samples.length, pieces: [JSON.stringify(report)] };
      },
      monotonicMs: () => performance.now(),
      credentials: { token: () => Promise.resolve(undefined), doubtToken: () => undefined },
      metrics: { pushed: (result) => this.results.push(result), refused: () => undefined },
      log: createLogger('test', { level: 'info', format: 'text', write: (line) => this.logged.push(line) }),
    });
    this.#running = this.pusher.run(this.#stop.signal);
    return this;
  }

  takeSample(): void {
    this.#newest++;
    this.pusher.notify();
  }

  /** A new sample; returns when the next push has been answered, well or not. */
  async sample(): Promise<void> {
    const before = this.results.length;
    this.takeSample();
    await this.until(() => this.results.length > before);
  }

  async until(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 2_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(condition(), 'it did not happen within 10 s');
  }

  behave(behaviour: Behaviour): void {
    this.behaviour = behaviour;
  }

  /** As a process that is killed and started again: every connection breaks. */
  async restart(): Promise<void> {
    await this.down();
    this.#server = this.#createServer();
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async down(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (this.#server.listening) await this.down();
  }

  sent(index: number): readonly number[] {
    return this.pushed.at(index)?.sequences ?? [];
  }
}

async function withHarness(
  behaviour: Behaviour | undefined,
  use: (harness: Harness) => Promise<void>,
  timeoutMs?: number,
): Promise<void> {
  const harness = await new Harness(behaviour).start(timeoutMs);
  try {
    await use(harness);
  } finally {
    await harness.stop();
  }
}

test('the first push brings the whole history, the next ones on the same connection what is new', async () => {
  await withHarness(undefined, async (harness) => {
    for (let i = 0; i < 3; i++) await harness.sample();
    assert.deepEqual(
      harness.pushed.map(({ sequences, connection }) => [connection, ...sequences]),
      [
        [1, 2, 3, 4, 5, 6],
        [1, 7],
        [1, 8],
      ],
    );
    assert.equal(harness.pusher.historyMs, 60_000);
  });
});

test('after a restart of the server one push brings the whole history again', async () => {
  await withHarness(undefined, async (harness) => {
    await harness.sample();
    await harness.restart();
    await harness.sample();
    assert.deepEqual(harness.sent(-1), [3, 4, 5, 6, 7]);
    assert.equal(harness.results.at(-1), 'ok');
  });
});

test('what a server says it lacks is sent again', async () => {
  await withHarness(undefined, async (harness) => {
    await harness.sample();
    harness.behave(() => ({ lastSequence: 4 }));
    await harness.sample();
    await harness.sample();
    assert.deepEqual(harness.sent(-1), [5, 6, 7, 8]);
  });
});

test('while a server is away pushes are tried again, and then nothing is missing', async () => {
  await withHarness(undefined, async (harness) => {
    await harness.sample();
    await harness.down();
    await harness.sample();
    await harness.until(() => harness.results.filter((result) => result === 'failed').length >= 3);
    await harness.restart().catch(() => undefined);
    await harness.until(() => harness.results.at(-1) === 'ok');
    assert.deepEqual(harness.sent(-1), [3, 4, 5, 6, 7]);
    assert.equal(
      harness.logged.filter((line) => line.includes('a push did not go well')).length,
      1,
      'one line per change of state',
    );
  });
});

test('a server that says nothing is given up after the timeout', async () => {
  await withHarness(
    () => 'silence',
    async (harness) => {
      await harness.sample();
      assert.equal(harness.results[0], 'failed');
      assert.match(harness.logged[0] ?? '', /no answer within 100 ms/);
    },
    100,
  );
});

test('a server that takes a report and says nothing holds that one, however many samples there are by then', async () => {
  await withHarness(
    () => 'silence',
    async (harness) => {
      harness.takeSample();
      await harness.until(() => harness.pushed.length > 0);
      for (let i = 0; i < 20; i++) {
        harness.takeSample();
        await setImmediate();
      }
      assert.deepEqual([harness.pushed.length, harness.built], [1, 1]);
    },
    60_000,
  );
});

test('a refusal is told with its reason, and tried again', async () => {
  await withHarness(
    () => 409,
    async (harness) => {
      await harness.sample();
      await harness.until(() => harness.results.length >= 2);
      assert.deepEqual([...new Set(harness.results)], ['refused']);
      assert.match(harness.logged[0] ?? '', /HTTP 409: said no/);
    },
  );
});

test('a restarted server that refuses at first gets the whole history all the same', async () => {
  await withHarness(undefined, async (harness) => {
    await harness.sample();
    await harness.sample();
    assert.equal(harness.sent(-1).length, 1);
    let refusals = 0;
    harness.behave(() => (refusals++ < 2 ? 429 : {}));
    await harness.restart();
    await harness.sample();
    await harness.until(() => harness.results.at(-1) === 'ok');
    assert.equal(harness.sent(-1).length, HISTORY);
  });
});

for (const statusCode of [429, 503]) {
  test(`a server that answers ${statusCode} gets the time it asks for, and then all that it lacks`, async () => {
    await withHarness(undefined, async (harness) => {
      await harness.sample();
      harness.behave(() => ({ statusCode, retryAfter: '1' }));
      await harness.sample();
      harness.behave(() => ({}));
      harness.takeSample();
      harness.takeSample();
      await harness.until(() => harness.results.at(-1) === 'ok');
      const [, refused, taken] = harness.pushed;
      assert.ok(refused !== undefined && taken !== undefined);
      // a timer counts whole milliseconds
      assert.ok(taken.atMs - refused.atMs >= 999, `${taken.atMs - refused.atMs} ms`);
      assert.deepEqual([refused.sequences, taken.sequences], [[7], [7, 8, 9]]);
      assert.equal(taken.connection, refused.connection);
    });
  });
}

test('what is no number of seconds, and what another status says, makes nobody wait', async () => {
  const refusals = [
    { statusCode: 429, retryAfter: 'Wed, 21 Oct 2099 07:28:00 GMT' },
    { statusCode: 503, retryAfter: '-1' },
    { statusCode: 429, retryAfter: '1e9' },
    { statusCode: 409, retryAfter: '3600' },
  ];
  await withHarness(
    () => refusals.shift() ?? {},
    async (harness) => {
      await harness.sample();
      await harness.until(() => harness.results.at(-1) === 'ok');
      assert.equal(harness.results.length, 5);
    },
  );
});

test('a push that is due or under way is waited for, and one that fails is not tried again', async () => {
  await withHarness(undefined, async (harness) => {
    await harness.pusher.drain();
    harness.takeSample();
    harness.takeSample();
    await harness.pusher.drain();
    assert.deepEqual(harness.results, ['ok']);
    harness.behave(() => ({ statusCode: 503, retryAfter: '60' }));
    harness.takeSample();
    await setImmediate();
    await harness.pusher.drain();
    assert.deepEqual(harness.results, ['ok', 'refused']);
  });
});

test('a report that is too large is halved until it fits', async () => {
  await withHarness(
    ({ samples }) => (samples.length > 1 ? 413 : {}),
    async (harness) => {
      await harness.sample();
      await harness.until(() => harness.results.at(-1) === 'ok');
      assert.deepEqual(
        harness.pushed.map(({ sequences }) => sequences.length),
        [5, 2, 1],
      );
    },
  );
});

/** Of the harness' report with so many samples, give or take what other numbers compress to. */
function sizeOf(count: number) {
  const samples = Array.from({ length: count }, (_, i) => ({ sequence: i + 1, takenAt: (i + 1) * 1_000 }));
  const json = JSON.stringify(nodeReport(6_000, { sequence: 6, samples, pods: [] }));
  return { inflatedBytes: json.length, compressedBytes: gzipSync(json, { level: 1 }).length + 4 };
}

test('one refusal as too large does not cut the history for good', async () => {
  await withHarness(undefined, async (harness) => {
    await harness.sample();
    harness.behave(() => 413);
    await harness.sample();
    harness.behave(() => ({}));
    await harness.until(() => harness.results.at(-1) === 'ok');
    await harness.restart();
    await harness.sample();
    assert.deepEqual(harness.sent(-1), [4, 5, 6, 7, 8]);
  });
});

for (const limit of ['inflatedBytes', 'compressedBytes'] as const) {
  test(`no more is sent than a server takes, by ${limit}`, async () => {
    await withHarness(undefined, async (harness) => {
      harness.limits[limit] = sizeOf(2)[limit];
      await harness.sample();
      assert.deepEqual(harness.sent(0), [5, 6]);
      assert.deepEqual(harness.results, ['ok']);
    });
  });
}

test('what the server left out is logged once', async () => {
  const rejected = [{ entry: 'pods[0]', reason: 'bad_pod', message: 'name: no' }];
  await withHarness(
    () => ({ rejected, rejectedCount: 3 }),
    async (harness) => {
      await harness.sample();
      await harness.sample();
      assert.equal(harness.logged.length, 1);
      assert.match(harness.logged[0] ?? '', /3 entries left out, first pods\[0\]: name: no/);
    },
  );
});

test('an answer that is none is a refusal', async () => {
  await withHarness(
    () => ({ lastSequence: -1 }),
    async (harness) => {
      await harness.sample();
      assert.equal(harness.results[0], 'refused');
    },
  );
});
