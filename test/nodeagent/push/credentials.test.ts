// Tokens and authorities that change, against real HTTPS servers on loopback.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { generate } from 'selfsigned';
import { Backoff } from '../../../runtime/backoff.js';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { createCredentials, type Credentials } from '../../../nodeagent/push/credentials.js';
import { HttpsClient } from '../../../nodeagent/push/https-client.js';
import { Pusher } from '../../../nodeagent/push/pusher.js';
import { startStandalone, standaloneProgram } from '../../../cli/standalone.js';
import { createLogger } from '../../../runtime/logger.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { createManualClock } from '../../support/clock.js';
import { eventually } from '../../support/programs.js';
import { nodeReport } from '../../support/reports.js';

/** An authority and a server's certificate of it. Each has a name of its own: OpenSSL finds the issuer by that. */
async function createChain(name: string) {
  const curve = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
  const authority = await generate([{ name: 'commonName', value: name }], {
    ...curve,
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
  });
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'server' }], {
    ...curve,
    ca: { cert: authority.cert, key: authority.private },
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  return { ca: authority.cert, tls: { cert, key } };
}
const [first, second] = await Promise.all([createChain('first'), createChain('second')]);
const directory = await mkdtemp(join(tmpdir(), 'podnet-credentials-'));
after(() => rm(directory, { recursive: true }));
let files = 0;

/** As the kubelet replaces a file. */
async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

async function fileWith(content: string): Promise<string> {
  const path = join(directory, String(files++));
  await writeFile(path, content);
  return path;
}

const missing = join(directory, 'missing');

class Harness {
  readonly clock = createManualClock();
  readonly logged: string[] = [];
  /** Authorization headers, as they came. */
  readonly seen: (string | undefined)[] = [];
  readonly results: string[] = [];
  readonly refusals: string[] = [];
  readonly readable: string[] = [];
  connections = 0;
  status = 200;
  #sequence = 1;
  readonly #log = createLogger('test', { level: 'info', format: 'text', write: (line) => this.logged.push(line) });
  pusher!: Pusher;
  credentials!: Credentials;

  async start(
    context: TestContext,
    options: { tokenFile?: string; caFile?: string; chain?: typeof first; plain?: boolean } = {},
  ): Promise<this> {
    const { tokenFile, caFile, chain = first, plain = false } = options;
    const server = this.#listener(chain, plain);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.credentials = createCredentials(
      { tokenFile, serverCaFile: caFile },
      {
        clock: this.clock,
        log: this.#log,
        serverCa: caFile === undefined ? first.ca : undefined,
        onRead: (file, isReadable) => this.readable.push(`${file}:${String(isReadable)}`),
      },
    );
    const url = new URL(`${plain ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`);
    this.pusher = new Pusher({
      server: 'test',
      userAgent: 'test',
      limits: { inflatedBytes: 1_000_000, compressedBytes: 1_000_000 },
      client: new HttpsClient(url, { ca: this.credentials.ca, timeoutMs: 5_000 }),
      credentials: this.credentials,
      backoff: new Backoff({ firstMs: 20, maxMs: 200, random: () => 0.999 }),
      build: () => ({
        samples: 1,
        pieces: [JSON.stringify(nodeReport(this.#sequence * 1_000, { sequence: this.#sequence, pods: [] }))],
      }),
      monotonicMs: () => performance.now(),
      metrics: { pushed: (result) => this.results.push(result), refused: (reason) => this.refusals.push(reason) },
      log: this.#log,
    });
    const stop = new AbortController();
    const running = this.pusher.run(stop.signal);
    context.after(async () => {
      stop.abort();
      await running;
      server.closeAllConnections();
      server.close();
    });
    return this;
  }

  #listener({ tls }: typeof first, plain: boolean) {
    const server = plain ? createHttpServer() : createServer(tls);
    server.on('secureConnection', () => this.connections++);
    server.on('request', (request, response) => {
      this.seen.push(request.headers.authorization);
      request.resume().on('end', () => {
        const answer = { lastSequence: this.#sequence, historyMs: 60_000, rejected: [], rejectedCount: 0 };
        response.statusCode = this.status;
        response.end(JSON.stringify({ apiVersion: 'podnet.dev/v1alpha1', kind: 'NodeReportAnswer', ...answer }));
      });
    });
    return server;
  }

  /** A new sample; returns when its first push was answered, well or not. */
  async sample(): Promise<void> {
    const before = this.results.length;
    this.#sequence++;
    this.pusher.notify();
    await eventually(
      () => this.results.length,
      (count) => count > before,
    );
  }

  last(): string | undefined {
    return this.seen.at(-1);
  }
}

test('the token of the file goes out with each push', async (context) => {
  const harness = await new Harness().start(context, { tokenFile: await fileWith('aaa.bbb.ccc\n') });
  await harness.sample();
  await harness.sample();
  assert.deepEqual(harness.seen, ['Bearer aaa.bbb.ccc', 'Bearer aaa.bbb.ccc']);
  assert.deepEqual([harness.connections, harness.readable.at(-1)], [1, 'token:true']);
});

test('a token that was replaced is the one of the next push', async (context) => {
  const tokenFile = await fileWith('old');
  const harness = await new Harness().start(context, { tokenFile });
  await harness.sample();
  await replace(tokenFile, 'new');
  await harness.sample();
  assert.deepEqual(harness.seen, ['Bearer old', 'Bearer new']);
});

test('a file whose times do not move is read again each minute', async (context) => {
  const tokenFile = await fileWith('one');
  const unmoved = async (): Promise<void> => utimes(tokenFile, new Date(1_000), new Date(1_000));
  await unmoved();
  const harness = await new Harness().start(context, { tokenFile });
  await harness.sample();
  await writeFile(tokenFile, 'two');
  await unmoved();
  await harness.sample();
  assert.equal(harness.last(), 'Bearer one');
  harness.clock.advance(60_000);
  await harness.sample();
  assert.equal(harness.last(), 'Bearer two');
});

test('a token that a server does not accept is read again, without haste', async (context) => {
  const tokenFile = await fileWith('bad');
  const unmoved = async (): Promise<void> => utimes(tokenFile, new Date(1_000), new Date(1_000));
  await unmoved();
  const harness = await new Harness().start(context, { tokenFile });
  harness.status = 401;
  const startedMs = performance.now();
  await harness.sample();
  await eventually(
    () => harness.refusals.length,
    (count) => count >= 5,
  );
  // 20 + 40 + 80 + 160 ms lie between five tries
  assert.ok(performance.now() - startedMs > 290, 'it is a hot loop');
  await writeFile(tokenFile, 'fit');
  await unmoved();
  harness.status = 200;
  await eventually(
    () => harness.results.at(-1),
    (result) => result === 'ok',
  );
  assert.equal(harness.last(), 'Bearer fit');
  assert.deepEqual([...new Set(harness.refusals)], ['Unauthorized']);
});

test('each refusal is counted with its reason', async (context) => {
  const harness = await new Harness().start(context, { tokenFile: await fileWith('token') });
  for (const status of [403, 503, 418]) {
    harness.status = status;
    const before = harness.refusals.length;
    harness.pusher.notify();
    await eventually(
      () => harness.refusals.slice(before),
      (refusals) => refusals.length > 0,
    );
  }
  const distinct = new Set(harness.refusals);
  for (const reason of ['Forbidden', 'ServiceUnavailable', 'other']) assert.ok(distinct.has(reason), reason);
});

test('without a token file pushes go out without one, which is told once', async (context) => {
  const harness = await new Harness().start(context, { tokenFile: missing });
  await harness.sample();
  await harness.sample();
  assert.deepEqual(harness.seen, [undefined, undefined]);
  assert.equal(harness.readable.at(-1), 'token:false');
  assert.equal(harness.logged.filter((line) => line.includes('--token-file')).length, 1);
});

test('a token that comes later is sent', async (context) => {
  const tokenFile = join(directory, 'later');
  const harness = await new Harness().start(context, { tokenFile });
  await harness.sample();
  await replace(tokenFile, 'late');
  await harness.sample();
  assert.deepEqual(harness.seen, [undefined, 'Bearer late']);
});

test('while the file is gone the last token stays', async (context) => {
  const tokenFile = await fileWith('kept');
  const harness = await new Harness().start(context, { tokenFile });
  await harness.sample();
  await rm(tokenFile);
  await harness.sample();
  assert.equal(harness.last(), 'Bearer kept');
  assert.equal(harness.readable.at(-1), 'token:false');
});

test('a file that holds no token sends nothing of it', async (context) => {
  for (const content of ['', 'two words', 'a\r\nx-remote-user: root', 'a'.repeat(16_385)]) {
    const harness = await new Harness().start(context, { tokenFile: await fileWith(content) });
    await harness.sample();
    assert.deepEqual([harness.last(), harness.results[0]], [undefined, 'ok']);
    assert.ok(!harness.logged.join('').includes('words'), 'the content was logged');
  }
});

test('a server that is not trusted never sees the token', async (context) => {
  const harness = await new Harness().start(context, { tokenFile: await fileWith('secret'), chain: second });
  await harness.sample();
  assert.deepEqual([harness.seen, harness.results[0]], [[], 'failed']);
});

test('over plain HTTP nothing is sent', async (context) => {
  const harness = await new Harness().start(context, { tokenFile: await fileWith('secret'), plain: true });
  await harness.sample();
  assert.deepEqual([harness.seen, harness.results[0]], [[], 'failed']);
});

test('a new authority is trusted without a restart, with several in one file', async (context) => {
  const caFile = await fileWith(second.ca);
  const harness = await new Harness().start(context, { caFile });
  await harness.sample();
  assert.equal(harness.results[0], 'failed');
  await replace(caFile, `${second.ca}\n${first.ca}`);
  await eventually(
    () => harness.results.at(-1),
    (result) => result === 'ok',
  );
});

test('an authority that was taken away is not trusted any more', async (context) => {
  const caFile = await fileWith(`${second.ca}\n${first.ca}`);
  const harness = await new Harness().start(context, { caFile });
  await harness.sample();
  assert.equal(harness.results[0], 'ok');
  await replace(caFile, second.ca);
  await harness.sample();
  assert.equal(harness.results.at(-1), 'failed');
});

test('a broken authority file leaves the last one in force', async (context) => {
  const caFile = await fileWith(first.ca);
  const harness = await new Harness().start(context, { caFile });
  await harness.sample();
  for (const content of ['', 'garbage', first.ca.slice(0, 300), first.ca + first.ca.slice(0, 300)]) {
    await replace(caFile, content);
    await harness.sample();
    assert.deepEqual([harness.results.at(-1), harness.readable.at(-1)], ['ok', 'server-ca:false']);
  }
  assert.equal(harness.connections, 1);
});

test('without the authority that is to be trusted nobody is, and the file is looked at again', async () => {
  const readable: boolean[] = [];
  const serverCaFile = await fileWith('garbage');
  const { ca } = createCredentials(
    { serverCaFile, tokenFile: undefined },
    {
      clock: createManualClock(),
      log: createLogger('test', { level: 'error', format: 'text', write: () => undefined }),
      onRead: (_file, isReadable) => readable.push(isReadable),
    },
  );
  const problem = { message: `--server-ca-file ${serverCaFile}: holds no certificate in PEM` };
  await assert.rejects(ca(), problem);
  const { cert } = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
  await writeFile(serverCaFile, cert);
  assert.equal(await ca(), cert);
  assert.deepEqual(readable, [false, true]);
});

test('with an empty ConfigMap nobody is asked, and with its key servers are trusted', async (context) => {
  const mounted = await mkdtemp(join(directory, 'config-map-'));
  /** As the kubelet does (kubernetes, pkg/volume/util/atomic_writer.go). */
  const mount = async (version: string, data: Readonly<Record<string, string>>): Promise<void> => {
    await mkdir(join(mounted, version));
    for (const [name, text] of Object.entries(data)) await writeFile(join(mounted, version, name), text);
    await symlink(version, join(mounted, '..data_tmp'));
    await rename(join(mounted, '..data_tmp'), join(mounted, '..data'));
    for (const name of Object.keys(data)) await symlink(join('..data', name), join(mounted, name));
  };
  await mount('..first', {});
  const tokenFile = await fileWith('token');
  const harness = await new Harness().start(context, { caFile: join(mounted, 'ca.crt'), tokenFile });
  await harness.sample();
  assert.deepEqual([harness.results[0], harness.connections, harness.seen], ['failed', 0, []]);
  assert.ok(harness.readable.includes('server-ca:false'));
  assert.match(harness.logged.join(''), /nothing is pushed until whom to trust is known .*ENOENT/);
  assert.match(harness.logged.join(''), /a push did not go well .*--server-ca-file/);
  await mount('..second', { 'ca.crt': first.ca });
  await eventually(
    () => harness.results.at(-1),
    (result) => result === 'ok',
  );
  assert.deepEqual([harness.last(), harness.readable.includes('server-ca:true')], ['Bearer token', true]);
});

test('standalone looks for no token', async () => {
  const flags = ['--secure-port', '0', '--listen-address', '127.0.0.1:0', '--log-level', 'info'];
  const invocation = parseOptions(standaloneProgram('host'), flags, {});
  assert.equal(invocation.kind, 'run');
  if (invocation.kind !== 'run') return;
  let logged = '';
  const running = await startStandalone(invocation.options, { writeError: (text) => (logged += text) });
  try {
    await eventually(
      () => running.apiserver.store.nodes().length,
      (count) => count > 0,
    );
    assert.doesNotMatch(logged, /token/);
  } finally {
    await running.close();
  }
});
