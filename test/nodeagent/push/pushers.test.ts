// Many agents' pushers in one process, against real apiservers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Apiserver } from '../../../apiserver/start.js';
import { intervalShare } from '../../../nodeagent/interval-share.js';
import { HttpsClient } from '../../../nodeagent/push/https-client.js';
import { Pusher } from '../../../nodeagent/push/pusher.js';
import { Pushers } from '../../../nodeagent/push/pushers.js';
import { runSchedule } from '../../../nodeagent/schedule.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { Backoff } from '../../../runtime/backoff.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { sleep } from '../../../runtime/sleep.js';
import { createCertificateFiles, eventually, runApiserver } from '../../support/programs.js';
import { nodeReport } from '../../support/reports.js';

const PATIENCE_MS = 60_000;
const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });
const files = await createCertificateFiles();

async function apiserver(t: TestContext, port = 0): Promise<Apiserver> {
  const server = await runApiserver([...files.flags, '--secure-port', String(port)]);
  t.after(() => server.close());
  return server;
}

/** A push that a server took. */
interface Taken {
  readonly node: string;
  readonly server: string;
  readonly samples: number;
  readonly newest: number;
  readonly atMs: number;
}

/** An agent without a node: it takes samples of nothing, and pushes them as any agent. */
class Agent {
  readonly pushers: Pushers;
  /** Reports made, by server. */
  readonly built = new Map<string, number>();
  sequence = 0;
  readonly #startedMs = systemClock.monotonicMs();

  constructor(
    readonly node: string,
    taken: (push: Taken) => void,
    timeoutMs = 10_000,
  ) {
    this.pushers = new Pushers({
      ...{ log, mayChange: true, hasSamples: () => this.sequence > 0, onGone: () => undefined },
      create: ({ server }) => {
        const sent = { samples: 0, newest: 0 };
        return new Pusher({
          ...{ server, userAgent: 'test', log, limits: REPORT_LIMITS, monotonicMs: () => systemClock.monotonicMs() },
          client: new HttpsClient(new URL(server), { ca: () => Promise.resolve(files.ca), timeoutMs }),
          credentials: { token: () => Promise.resolve(undefined), doubtToken: () => undefined },
          backoff: new Backoff({ firstMs: 100, maxMs: 1_000, random: Math.random }),
          build: (after) => {
            this.built.set(server, (this.built.get(server) ?? 0) + 1);
            const report = this.#report(after);
            Object.assign(sent, { samples: report.samples.length, newest: this.sequence });
            return { samples: report.samples.length, pieces: [JSON.stringify(report)] };
          },
          metrics: {
            pushed: (result) => {
              if (result === 'ok') taken({ node, server, ...sent, atMs: systemClock.monotonicMs() });
            },
            refused: () => undefined,
          },
        });
      },
    });
  }

  sample(): Promise<void> {
    this.sequence++;
    this.pushers.notify();
    return Promise.resolve();
  }

  /** Samples are a second apart, and the newest is of now. */
  #report(after: number) {
    const sentAt = systemClock.monotonicMs();
    const from = Math.max(after, this.sequence - 5) + 1;
    const samples = Array.from({ length: this.sequence - from + 1 }, (_, i) => ({
      sequence: from + i,
      takenAt: sentAt - 1 - 10 * (this.sequence - from - i),
    }));
    const instance = { id: `instance-${this.node}`, startedAt: this.#startedMs };
    return nodeReport(sentAt, {
      node: this.node,
      bootId: `boot-${this.node}`,
      instance,
      sequence: this.sequence,
      samples,
      pods: [],
    });
  }
}

const AGENTS = 40;
const INTERVAL_MS = 3_000;

/** The agents of a cluster whose nodes were all booted in the same moment. */
function startFleet(t: TestContext) {
  const taken: Taken[] = [];
  const stops = Array.from({ length: AGENTS }, () => new AbortController());
  const agents = Array.from({ length: AGENTS }, (_, i) => new Agent(`node-${i}`, (push) => taken.push(push)));
  const running = agents.map((agent, i) =>
    runSchedule(() => agent.sample(), {
      ...{ intervalMs: INTERVAL_MS, share: intervalShare(agent.node, 'node'), clock: systemClock, sleep },
      ...{ signal: (stops[i] ?? assert.fail()).signal, onMissed: () => undefined },
    }),
  );
  t.after(async () => {
    for (const stop of stops) stop.abort();
    await Promise.all([...running, ...agents.map(({ pushers }) => pushers.close())]);
  });
  /** The first push of each agent that a server took since then. */
  const firstTaken = (server: string, sinceMs: number): Promise<Taken[]> =>
    eventually(
      () => {
        const since = taken.filter((push) => push.server === server && push.atMs > sinceMs);
        return [...new Map(since.toReversed().map((push) => [push.node, push])).values()];
      },
      (first) => first.length === AGENTS,
      PATIENCE_MS,
    );
  return { agents, firstTaken };
}

/** The time, in intervals, in which the middle half came: half an interval where they are spread, next to nothing where they stampede. */
function middleHalf(pushes: readonly Taken[]): number {
  const times = pushes.map(({ atMs }) => atMs).sort((a, b) => a - b);
  const [from = NaN, to = NaN] = [0.25, 0.75].map((share) => times[Math.floor(share * times.length)]);
  return (to - from) / INTERVAL_MS;
}

test('a new replica, and one that was started again, gets the history of all agents spread over the interval', async (t) => {
  const first = await apiserver(t);
  const { agents, firstTaken } = startFleet(t);
  for (const { pushers } of agents) pushers.set([{ server: first.url }]);
  await firstTaken(first.url, 0);
  await eventually(
    () => Math.min(...agents.map(({ sequence }) => sequence)),
    (least) => least >= 3,
    PATIENCE_MS,
  );

  const second = await apiserver(t);
  const knownMs = systemClock.monotonicMs();
  for (const { pushers } of agents) pushers.set([{ server: first.url }, { server: second.url }]);
  const told = await firstTaken(second.url, knownMs);
  assert.ok(told.every(({ samples }) => samples >= 3));
  t.diagnostic(`new replica: the middle half came in ${middleHalf(told).toFixed(2)} intervals`);
  assert.ok(middleHalf(told) > 0.25, `${middleHalf(told)}`);

  await first.close();
  const again = await apiserver(t, Number(new URL(first.url).port));
  const restartedMs = systemClock.monotonicMs();
  const retold = await firstTaken(again.url, restartedMs);
  assert.ok(retold.every(({ samples }) => samples >= 3));
  t.diagnostic(`restarted: the middle half came in ${middleHalf(retold).toFixed(2)} intervals`);
  assert.ok(middleHalf(retold) > 0.25, `${middleHalf(retold)}`);
});

/** Accepts connections and says nothing, not even in TLS. */
async function startSilent(t: TestContext): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a replica that says nothing, and one that refuses, cost the third nothing', async (t) => {
  const fine = await apiserver(t);
  const silent = await startSilent(t);
  const refusing = 'https://127.0.0.1:1';
  const taken: Taken[] = [];
  const agent = new Agent('node-a', (push) => taken.push(push), 600);
  t.after(() => agent.pushers.close());
  agent.pushers.set([silent, refusing, fine.url].map((server) => ({ server })));
  for (let sequence = 1; sequence <= 40; sequence++) {
    await agent.sample();
    await eventually(
      () => taken.at(-1)?.newest,
      (newest) => newest === sequence,
      PATIENCE_MS,
    );
  }
  assert.deepEqual(
    taken.map(({ server, samples }) => [server, samples]),
    taken.map(() => [fine.url, 1]),
  );
  // no report is made for who cannot take one
  assert.deepEqual([...agent.built.keys()], [fine.url]);
});

test('what is being pushed when an agent is stopped arrives, whatever the other servers do', async (t) => {
  const fine = await apiserver(t);
  const silent = await startSilent(t);
  const taken: Taken[] = [];
  const agent = new Agent('node-a', (push) => taken.push(push));
  agent.pushers.set([{ server: silent }, { server: fine.url }]);
  await agent.sample();
  await setImmediate();
  await agent.pushers.close();
  assert.deepEqual(
    taken.map(({ server, newest }) => [server, newest]),
    [[fine.url, 1]],
  );
});
