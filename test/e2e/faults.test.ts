// What clients, files and limits of the machine do to a server: it goes on answering who asks and taking who reports.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import { systemClock } from '../../runtime/clock.js';
import { run, type Run } from '../support/bundle.js';
import { connectOverHttp1, type Connection, type Server } from '../support/connections.js';
import { createCertificateFiles, eventually } from '../support/programs.js';
import { missing } from '../support/requirements.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../support/reports.js';

const QUERY = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/web-0/network_receive_bytes_per_second';
const PATIENCE_MS = 60_000;
/** Of the server: its own take some thirty. */
const FILES = 64;
const CONNECTIONS = 200;

interface Program extends Server {
  readonly port: number;
  readonly program: Run;
  readonly flags: readonly string[];
}

/** A process of its own. */
async function start(t: TestContext): Promise<Program> {
  const files = await createCertificateFiles();
  const program = run(process.execPath, [
    ...[join(import.meta.dirname, '../../cli/podnet.js'), 'apiserver', '--standalone'],
    ...['--secure-port', '0', ...files.flags],
  ]);
  t.after(async () => {
    program.child.kill('SIGKILL');
    await program.ended;
    await files.remove();
  });
  const url = await eventually(
    () => /https:\/\/127\.0\.0\.1:\d+/.exec(program.error())?.[0] ?? '',
    (found) => found !== '',
    PATIENCE_MS,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${program.error()}`);
  });
  return { url, ca: files.ca, port: Number(new URL(url).port), program, flags: files.flags };
}

/** An agent and a client at once: each turn the counter goes on, and the rate is what it has to be. */
class Traffic {
  #sequence = 0;
  readonly #beganMs = Math.round(systemClock.monotonicMs());

  constructor(
    readonly connection: Connection,
    readonly node = 'node-a',
  ) {}

  async turn(): Promise<void> {
    const takenAt = Math.max(Math.round(systemClock.monotonicMs()), this.#beganMs + this.#sequence + 1);
    const sequence = ++this.#sequence;
    const interfaces = [interfaceReport({ readings: [readingOf(3 * (takenAt - this.#beganMs))] })];
    const pods = this.node === 'node-a' ? [podReport({ interfaces })] : [];
    const report = nodeReport(takenAt, {
      ...{ node: this.node, bootId: this.node, sequence, samples: [{ sequence, takenAt }], pods },
    });
    const pushed = await this.connection.ask(NODE_REPORTS_PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      payload: gzipSync(JSON.stringify(report)),
    });
    assert.equal(pushed.statusCode, 200, pushed.text);
    if (sequence < 2 || this.node !== 'node-a') return;
    const asked = await this.connection.ask<{ items: { value: string }[] }>(QUERY);
    assert.equal(asked.statusCode, 200, asked.text);
    assert.deepEqual(
      asked.body.items.map(({ value }) => value),
      ['3k'],
    );
  }
}

/** Of how many of these the end has not come. */
function openOf(sockets: readonly Socket[]): number {
  return sockets.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded).length;
}

test(
  'without file descriptors those who are connected are served, and everybody again when there are some',
  { skip: missing('prlimit') },
  async (t) => {
    const server = await start(t);
    // Not before: its modules are read many at a time.
    execFileSync('prlimit', [`--pid=${server.program.child.pid}`, `--nofile=${FILES}:${FILES}`]);
    const connection = connectOverHttp1(server);
    t.after(() => connection.close());
    const traffic = new Traffic(connection);
    for (let i = 0; i < 3; i++) await traffic.turn();
    const sockets = Array.from({ length: CONNECTIONS }, () =>
      connect(server.port, '127.0.0.1')
        .on('error', () => undefined)
        .resume(),
    );
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    // What is beyond the descriptors is closed, or waits with the kernel.
    for (let i = 0; i < 20; i++) await traffic.turn();
    const another = connectOverHttp1(server);
    t.after(() => another.close());
    const refused = await Promise.race([
      another.ask('/healthz').then(
        ({ statusCode }) => `answered ${statusCode}`,
        () => 'refused',
      ),
      new Promise((resolve) => setTimeout(() => resolve('waits'), 1_000)),
    ]);
    assert.notEqual(refused, 'answered 200');
    for (const socket of sockets) socket.destroy();
    await eventually(
      async () => {
        const late = connectOverHttp1(server);
        const answer = await late.ask('/healthz').catch(() => undefined);
        late.close();
        return answer?.statusCode;
      },
      (code) => code === 200,
      PATIENCE_MS,
    );
    await traffic.turn();
    assert.equal(server.program.child.exitCode, null);
  },
);

test('200 clients that never finish their request keep nobody from asking and reporting', async (t) => {
  const server = await start(t);
  const connection = connectOverHttp1(server);
  t.after(() => connection.close());
  const traffic = new Traffic(connection);
  const { ca, port } = server;
  const slow = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connectTls({ ca, port, host: '127.0.0.1' });
      socket.on('error', () => undefined).resume();
      t.after(() => socket.destroy());
      await once(socket, 'secureConnect');
      socket.write('POST /apis/podnet.dev/v1alpha1/nodereports HTTP/1.1\r\nHost: x\r\nX-Slow: ');
      return socket;
    }),
  );
  for (let i = 0; i < 30; i++) {
    for (const socket of slow) if (socket.writable) socket.write('x');
    await traffic.turn();
  }
  assert.equal(openOf(slow), CONNECTIONS);
  const { text } = await connection.ask('/metrics');
  assert.match(text, /^podnet_apiserver_event_loop_delay_seconds\{quantile="1"\} [\d.e-]+$/m);
});

test('certificates that are replaced again and again cost no report and no query', async (t) => {
  const server = await start(t);
  const [, certFile = '', , keyFile = ''] = server.flags;
  const pairs = await Promise.all(
    Array.from({ length: 4 }, () => createSelfSignedCertificate(['127.0.0.1'], Date.now())),
  );
  const stop = new AbortController();
  t.after(() => stop.abort());
  let turns = 0;
  const keep = async (node: string): Promise<void> => {
    const connection = connectOverHttp1(server); // kept for all the time, so one of the first pair
    const traffic = new Traffic(connection, node);
    while (!stop.signal.aborted) {
      await traffic.turn();
      turns++;
    }
    connection.close();
  };
  const served = new Set<string>();
  const comeAnew = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const socket = connectTls({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      served.add(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      await once(socket, 'close');
      assert.match(answer, /^HTTP\/1\.1 200 /);
      turns++;
    }
  };
  const load = Promise.all([keep('node-a'), keep('node-b'), comeAnew(), comeAnew()]);
  load.catch(() => undefined); // it is waited for below
  for (const [i, { cert, key }] of pairs.entries()) {
    for (const [file, text] of [
      [keyFile, key],
      [certFile, cert],
    ] as const) {
      await writeFile(`${file}.next`, text);
      await rename(`${file}.next`, file);
    }
    await Promise.race([
      load,
      eventually(
        () => served.size,
        (size) => size >= i + 2,
        PATIENCE_MS,
      ),
    ]);
  }
  stop.abort();
  await load;
  const known = [server.ca, ...pairs.map(({ cert }) => cert)].map((pem) => new X509Certificate(pem).fingerprint256);
  assert.deepEqual([...served].sort(), known.sort());
  assert.ok(turns > 20, `${turns} turns`);
});
