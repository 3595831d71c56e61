// What breaks in a cluster, done to real processes under load, while every answer is held against what the agents counted.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { MetricValueListV1Beta2 } from '../../openapi/metric-values.js';
import { eventually, fetchText } from '../support/programs.js';
import { missing } from '../support/requirements.js';
import { FaultBed, METRIC, NAMESPACE } from './fault-bed.js';
import type { ServerProcess } from './server-process.js';

/** A pusher that found a server away waits for four intervals at most, and a busy machine takes its time. */
const RECOVERY_MS = 40_000;

describe('faults', { timeout: 400_000 }, () => {
  let bed: FaultBed;

  before(async () => {
    bed = await FaultBed.start({ servers: 2 });
    await Promise.all(bed.watchers.map((watcher) => watcher.whole(RECOVERY_MS)));
  });
  after(() => bed?.close());

  const recovered = async (t: TestContext, what: string): Promise<void> => {
    const times = await Promise.all(bed.watchers.map((watcher) => watcher.whole(RECOVERY_MS)));
    t.diagnostic(`${what}: whole again after ${times.map((ms) => `${Math.round(ms)} ms`).join(' and ')}`);
    assertNothingWrong(bed);
  };

  test('an apiserver is killed during a push, again and again: the window is there again after one push of each agent', async (t) => {
    const [server, other] = bed.servers;
    assert.ok(server !== undefined && other !== undefined);
    await delay(5_000);
    for (const afterMs of [0, 130, 370]) {
      await delay(afterMs);
      const failures = bed.watchers[1]?.stats().failures;
      await server.end('SIGKILL');
      await server.start();
      await recovered(t, 'killed');
      assert.equal(bed.watchers[1]?.stats().failures, failures, 'the other replica noticed');
    }
    // what was counted before the kill is in the window still: nothing was lost
    const [restarted, kept] = await Promise.all([spansOf(server), spansOf(other)]);
    for (const [name, span] of restarted) assert.ok(span >= (kept.get(name) ?? span) - 2, `${name}: ${span} s`);
    assert.ok([...restarted.values()].some((span) => span >= 8));
  });

  test('agents are killed in the midst of what they do', async (t) => {
    for (let node = 0; node < 10; node++) {
      await delay(37);
      bed.fleet.killAgent(node);
    }
    await recovered(t, 'ten agents killed');
  });

  test('both replicas are killed, one after the other: one of them answers at any time', async (t) => {
    const [first, second] = bed.servers;
    const [ofFirst, ofSecond] = bed.watchers;
    assert.ok(first && second && ofFirst && ofSecond);
    const failures = ofSecond.stats().failures;
    await first.end('SIGKILL');
    await delay(1_000);
    await first.start();
    t.diagnostic(`the first: whole again after ${Math.round(await ofFirst.whole(RECOVERY_MS))} ms`);
    assert.equal(ofSecond.stats().failures, failures);
    const failuresOfFirst = ofFirst.stats().failures;
    await second.end('SIGKILL');
    await delay(1_000);
    await second.start();
    await recovered(t, 'the second');
    assert.equal(ofFirst.stats().failures, failuresOfFirst);
  });

  test("a node's clock is stepped back an hour, as by a snapshot, and another's forward", async (t) => {
    // uptimes of the simulated nodes go to days
    const old = [...Array(20).keys()].filter((node) => bed.world.nodeMs(node, bed.world.options.startMs) > 10_000_000);
    const [back, both, forward] = old;
    assert.ok(back !== undefined && both !== undefined && forward !== undefined);
    bed.fleet.stepClock(back, -3_600_000);
    bed.fleet.killAgent(back);
    bed.fleet.stepClock(forward, 3_600_000);
    bed.fleet.stepClock(both, -3_600_000);
    await delay(2_500);
    bed.fleet.stepClock(both, 3_600_000);
    await recovered(t, 'clocks stepped');
  });

  test('200 clients that send half a request, and scrapers that read a byte a second', async (t) => {
    const [server] = bed.servers;
    assert.ok(server);
    const { port } = server;
    const sockets = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        open({ port, ca: bed.certificates.ca }, i % 10 === 0 ? SCRAPE : SCRAPE.slice(0, -2)),
      ),
    );
    const before = residentMib(server.pid);
    const stop = new AbortController();
    const reading = Promise.all(sockets.map((socket) => readSlowly(socket, stop.signal)));
    await delay(8_000);
    const { statusCode, text } = await fetchText(server, '/metrics');
    assert.equal(statusCode, 200);
    assert.ok(text.includes('podnet_interface_receive_bytes_total{'), text.slice(0, 300));
    await recovered(t, '200 slow clients there');
    t.diagnostic(`resident: ${before.toFixed(0)} MiB when they came, ${residentMib(server.pid).toFixed(0)} after 8 s`);
    stop.abort();
    for (const socket of sockets) socket.destroy();
    await reading;
  });

  test('certificates are replaced again and again, while agents and clients come anew', async (t) => {
    const failures = bed.watchers.map((watcher) => watcher.stats().failures);
    let killed = 0;
    for (let turn = 0; turn < 3; turn++) {
      const fingerprint = await bed.certificates.replace();
      const look = async (): Promise<string[]> => {
        bed.fleet.killAgent(killed++ % 20);
        return Promise.all(bed.servers.map((server) => presentedBy(server)));
      };
      await eventually(look, (seen) => seen.every((one) => one === fingerprint), RECOVERY_MS);
    }
    await recovered(t, `certificates replaced, with ${killed} agents and ${2 * killed} clients that came meanwhile`);
    const after = bed.watchers.map((watcher) => watcher.stats().failures);
    assert.deepEqual(after, failures, 'who was connected lost his connection');
  });

  test('a replica is frozen for a minute: the other does not notice, and it does not pass what is a minute old for the present', async (t) => {
    const [frozen] = bed.servers;
    const other = bed.watchers[1];
    assert.ok(frozen && other);
    const { failures, incomplete } = other.stats();
    frozen.signal('SIGSTOP');
    await delay(60_000);
    frozen.signal('SIGCONT');
    await recovered(t, 'frozen for a minute');
    assert.equal(other.stats().failures, failures);
    assert.equal(other.stats().incomplete, incomplete);
  });
});

describe('a server whose file descriptors are exhausted', { skip: missing('prlimit'), timeout: 120_000 }, () => {
  test('goes on for those who are connected, and takes others when there is room again', async (t) => {
    const bed = await FaultBed.start({ servers: 1, descriptors: 70 });
    t.after(() => bed.close());
    const [server] = bed.servers;
    const [watcher] = bed.watchers;
    assert.ok(server && watcher);
    await watcher.whole(RECOVERY_MS);
    const { failures } = watcher.stats();
    const tried = await Promise.allSettled(
      Array.from({ length: 100 }, () => open({ port: server.port, ca: bed.certificates.ca }, SCRAPE.slice(0, -2))),
    );
    await delay(3_000);
    const connected = tried.filter(({ status }) => status === 'fulfilled').length;
    assert.ok(connected < tried.length, 'there was room for all');
    t.diagnostic(`${connected} of ${tried.length} connected`);
    t.diagnostic(`whole after ${Math.round(await watcher.whole(RECOVERY_MS))} ms, with all descriptors taken`);
    assert.equal(watcher.stats().failures, failures, 'who was connected lost his connection');
    for (const one of tried) if (one.status === 'fulfilled') one.value.destroy();
    await eventually(() => answers(server), Boolean, RECOVERY_MS);
    t.diagnostic(`whole after ${Math.round(await watcher.whole(RECOVERY_MS))} ms, when they were given back`);
    assertNothingWrong(bed);
  });
});

const SCRAPE = 'GET /metrics HTTP/1.1\r\nHost: podnet\r\nAccept-Encoding: identity\r\n\r\n';

function assertNothingWrong({ watchers, fleet }: FaultBed): void {
  for (const watcher of watchers) {
    const { wrong, values } = watcher.stats();
    assert.deepEqual(wrong, []);
    assert.ok(values > 100);
  }
  const { rejected, firstRejected } = fleet.stats();
  assert.equal(rejected, 0, firstRejected);
}

/** What time the rate of each pod is over, seconds, where it is asked for over as long as there is. */
async function spansOf(server: ServerProcess): Promise<Map<string, number>> {
  const selector = encodeURIComponent('window=20s');
  const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${NAMESPACE}/pods/*/${METRIC}?metricLabelSelector=${selector}`;
  const { text } = await fetchText(server, path);
  const { items } = JSON.parse(text) as MetricValueListV1Beta2;
  return new Map(items.map(({ describedObject, windowSeconds }) => [describedObject.name, windowSeconds ?? 0]));
}

async function answers(server: ServerProcess): Promise<boolean> {
  try {
    return (await fetchText(server, '/livez')).statusCode === 200;
  } catch {
    return false;
  }
}

/** The fingerprint of the certificate that a new connection is shown, which has to be a valid one. */
async function presentedBy({ port, ca }: ServerProcess): Promise<string> {
  const socket = await open({ port, ca }, '');
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return fingerprint;
}

/** Opens a connection and says something on it; what comes is not read. */
function open({ port, ca }: { readonly port: number; readonly ca: string }, words: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['http/1.1'] });
    socket.pause();
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      socket.write(words);
      resolve(socket);
    });
    setTimeout(() => reject(new Error('not connected')), 2_000).unref();
  });
}

/** A byte a second. */
async function readSlowly(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  let turns = 0;
  while (!signal.aborted && !socket.destroyed) {
    if (++turns % 5 === 0) socket.read(1);
    await delay(200);
  }
}

function residentMib(pid: number): number {
  const [, kib = ''] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1_024;
}
