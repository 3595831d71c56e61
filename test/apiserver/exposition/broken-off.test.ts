// What a client sees of a scrape that the server ends half way: an error, and never a body that looks whole.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { describe, test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { Registry } from 'prom-client';
import { Exposition } from '../../../apiserver/exposition/exposition.js';
import { expositionRoutes } from '../../../apiserver/exposition/routes.js';
import { SCRAPE_LIMITS, type ScrapeLimits } from '../../../apiserver/exposition/scrapes.js';
import { LIMITS, type Limits } from '../../../apiserver/http/limits.js';
import { createShell } from '../../../apiserver/http/shell.js';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { createLogger } from '../../../runtime/logger.js';
import { createTestServer } from '../../support/app.js';
import { eventually } from '../../support/programs.js';
import { nodeReport } from '../../support/reports.js';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';
/** Of those that ask for it whole it is the last line. */
const WHOLE = /^# EOF\n$/m;
const PADDING = { name: 'padding', type: 'gauge', help: 'Random.', labels: ['x'], stability: 'alpha' } as const;
/** 12 MB, 9 MB of gzip: more than the kernel's buffers hold (4 MB to be sent and what the other side begins with). */
const RANDOM = Array.from({ length: 12_000 }, () => `padding{x="${randomBytes(744).toString('base64')}"} 1\n`).join('');
const PROTOCOLS = { 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 };
const ENCODINGS = ['gzip', 'identity'] as const;

const tls = await createSelfSignedCertificate(['127.0.0.1'], Date.now());

/** How an answer ended. */
interface Outcome {
  /** What the client's library says; undefined where it takes the body for whole. */
  readonly error: string | undefined;
  readonly body: Buffer;
}

/** One that takes the beginning of the answer and then, until it is told to, nothing. */
interface Client {
  readonly ended: Promise<Outcome>;
  /** Fulfilled also where the answer ended before it began. */
  readonly began: Promise<void>;
  resume(): void;
  /** As a Prometheus does whose time is over. */
  cancel(): void;
  /** Ends the connection. */
  close(): void;
}

type Ask = (url: string, encoding: string) => Client;

function overHttp1(url: string, encoding: string): Client {
  const headers = { accept: OPENMETRICS, 'accept-encoding': encoding };
  const request = httpsRequest(url, { ca: tls.cert, agent: false, headers });
  const chunks: Buffer[] = [];
  let resume = (): void => undefined;
  let begin = (): void => undefined;
  const began = new Promise<void>((resolve) => (begin = resolve));
  const ended = new Promise<Outcome>((resolve) => {
    let error: string | undefined;
    const end = (isWhole: boolean): void => {
      begin();
      resolve({ error: isWhole ? undefined : (error ?? 'not whole'), body: Buffer.concat(chunks) });
    };
    const fail = (failure: NodeJS.ErrnoException): void => void (error = failure.code ?? failure.message);
    request.on('error', (failure) => {
      fail(failure);
      end(false);
    });
    request.on('response', (response) => {
      resume = () => void response.resume();
      response.on('data', (chunk: Buffer) => {
        if (chunks.push(chunk) === 1) response.pause();
        begin();
      });
      response.on('error', fail).on('close', () => end(error === undefined && response.complete));
    });
  });
  request.end();
  const close = (): void => void request.destroy();
  return { ended, began, resume: () => resume(), cancel: close, close };
}

function overHttp2(url: string, encoding: string): Client {
  const session = connectHttp2(url, { ca: tls.cert });
  session.on('error', () => undefined);
  return askOn(session, new URL(url), encoding);
}

function askOn(session: ClientHttp2Session, { pathname, search }: URL, encoding: string): Client {
  const stream = session.request({ ':path': pathname + search, accept: OPENMETRICS, 'accept-encoding': encoding });
  const chunks: Buffer[] = [];
  const began = new Promise<void>((resolve) => {
    stream.on('close', resolve).on('data', (chunk: Buffer) => {
      if (chunks.push(chunk) === 1) stream.pause();
      resolve();
    });
  });
  // Node says nothing of a stream that is closed with CANCEL but its code, which is 0 where the end of the body came before.
  const ended = new Promise<Outcome>((resolve) => {
    stream
      .on('error', () => undefined)
      .on('close', () => {
        const { rstCode } = stream;
        const code = rstCode === constants.NGHTTP2_CANCEL ? 'CANCEL' : String(rstCode);
        resolve({ error: rstCode === constants.NGHTTP2_NO_ERROR ? undefined : code, body: Buffer.concat(chunks) });
      });
  });
  return {
    ...{ ended, began },
    resume: () => void stream.resume(),
    cancel: () => stream.close(constants.NGHTTP2_CANCEL),
    close: () => session.destroy(),
  };
}

/** A replica whose answers to whoever asks for everything are long. */
async function replica(t: TestContext, limits: Partial<ScrapeLimits>, ofServer: Partial<Limits> = {}) {
  const server = createTestServer();
  const { store, pods, clock } = server;
  assert.equal((await server.push(nodeReport(1_000))).statusCode, 200);
  const logged: string[] = [];
  const log = createLogger('test', { level: 'warn', format: 'text', write: (line) => logged.push(line) });
  const { app } = createShell({ tls, log, limits: { ...LIMITS, ...ofServer } });
  const cluster = [{ family: PADDING, lines: () => RANDOM }];
  const exposition = new Exposition({ nodes: store, pods }, [], { cluster });
  const registry = new Registry();
  expositionRoutes(app, { exposition, registry, clock, limits: { ...SCRAPE_LIMITS, ...limits } });
  const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/metrics`;
  const clients: Client[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await app.close();
    assert.deepEqual(logged, [], 'a scrape that is ended on purpose is no failure');
  });
  const own = async (): Promise<Record<string, number>> => {
    const { body } = await app.inject({ url: '/metrics?own=only' });
    const samples = body.matchAll(/^podnet_apiserver_(scrape.*) (\d+)$/gm);
    return Object.fromEntries([...samples].map(([, name = '', value]) => [name, Number(value)]));
  };
  return {
    ...{ url, clock },
    ask: (how: Ask, encoding: string, query = ''): Client => {
      const client = how(url + query, encoding);
      clients.push(client);
      return client;
    },
    /** Waits until so many scrapes were counted by what became of them, and nothing is held for any. */
    assertResults: async (wanted: Readonly<Record<string, number>>): Promise<void> => {
      const seen = await eventually(
        own,
        (values) => isDeepStrictEqual(resultsOf(values), wanted) || sum(resultsOf(values)) > sum(wanted),
      );
      assert.deepEqual(resultsOf(seen), wanted);
      assert.deepEqual([seen['scrapes_under_way'], seen['scrape_held_bytes']], [0, 0]);
    },
  };
}

/** Of the results those that there were. */
function resultsOf(values: Readonly<Record<string, number>>): Record<string, number> {
  const results = Object.entries(values).map(
    ([name, value]) => [/result="(\w+)"/.exec(name)?.[1] ?? '', value] as const,
  );
  return Object.fromEntries(results.filter(([name, value]) => name !== '' && value !== 0));
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((all, value) => all + value, 0);
}

function textOf(body: Buffer, encoding: string): string {
  return (encoding === 'gzip' ? gunzipSync(body) : body).toString();
}

/** That whoever has it cannot take it for all. */
function assertBroken(outcome: Outcome | undefined, encoding: string): void {
  assert.ok(outcome !== undefined);
  const { error, body } = outcome;
  assert.match(error ?? 'none', /^(ECONNRESET|CANCEL)$/);
  if (encoding === 'gzip') assert.throws(() => gunzipSync(body), /unexpected end of file/);
  else assert.doesNotMatch(textOf(body, encoding), WHOLE);
}

async function assertWhole(client: Client, encoding: string): Promise<void> {
  await client.began;
  client.resume();
  const { error, body } = await client.ended;
  assert.equal(error, undefined);
  assert.match(textOf(body, encoding), WHOLE);
}

for (const [protocol, how] of Object.entries(PROTOCOLS)) {
  for (const encoding of ENCODINGS) {
    describe(`a scrape over ${protocol} as ${encoding}`, () => {
      test('is whole where it is let be', async (t) => {
        const { ask, assertResults } = await replica(t, {});
        await assertWhole(ask(how, encoding), encoding);
        await assertResults({ complete: 1 });
      });

      test('is an error where it gives way to another, which has its place', async (t) => {
        const { ask, clock, assertResults } = await replica(t, { atOnce: 1 });
        const slow = ask(how, encoding);
        await slow.began;
        clock.advance(SCRAPE_LIMITS.undisturbedMs);
        const other = ask(how, encoding);
        await other.began;
        slow.resume();
        assertBroken(await slow.ended, encoding);
        await assertWhole(other, encoding);
        await assertResults({ complete: 1, gave_way: 1 });
      });

      test('is an error where too many bytes are held, and its own are free', async (t) => {
        const { ask, clock, assertResults } = await replica(t, { heldBytes: 1 });
        const slow = ask(how, encoding);
        await slow.began;
        clock.advance(SCRAPE_LIMITS.undisturbedMs);
        await assertWhole(ask(how, encoding, '?family=podnet_pod_info'), encoding);
        slow.resume();
        assertBroken(await slow.ended, encoding);
        await assertResults({ complete: 1, gave_way: 1 });
      });

      test('is an error where its time is over before it began', async (t) => {
        const { ask, assertResults } = await replica(t, { longestMs: 1 });
        const late = ask(how, encoding);
        await late.began;
        late.resume();
        const { error, body } = await late.ended;
        assert.match(error ?? 'none', /^(ECONNRESET|CANCEL)$/);
        assert.equal(body.length, 0);
        await assertResults({ too_slow: 1 });
      });

      test('that its client ends is counted as that, and its place is free', async (t) => {
        const { ask, assertResults } = await replica(t, { atOnce: 1 });
        const slow = ask(how, encoding);
        await slow.began;
        slow.cancel();
        await assertResults({ broken_off: 1 });
        const gone = ask(how, encoding);
        await gone.began;
        gone.close();
        await assertResults({ broken_off: 2 });
        await assertWhole(ask(how, encoding), encoding);
        await assertResults({ broken_off: 2, complete: 1 });
      });
    });
  }
}

const ALL = Object.values(PROTOCOLS).flatMap((how) => ENCODINGS.map((encoding) => [how, encoding] as const));

test('a scrape that takes too long is an error to its client, and its place is free', async (t) => {
  const { ask, assertResults } = await replica(t, { atOnce: ALL.length, longestMs: 3_000 });
  const slow = ALL.map(([how, encoding]) => ask(how, encoding));
  await Promise.all(slow.map(({ began }) => began));
  await assertResults({ too_slow: ALL.length });
  for (const [i, [, encoding]] of ALL.entries()) {
    slow[i]?.resume();
    assertBroken(await slow[i]?.ended, encoding);
  }
  const others = ALL.map(([how, encoding]) => [ask(how, encoding, '?family=podnet_pod_info'), encoding] as const);
  for (const [other, encoding] of others) await assertWhole(other, encoding);
  await assertResults({ too_slow: ALL.length, complete: ALL.length });
});

test('one of which nothing is taken for too long is an error to its client, and counted as broken off', async (t) => {
  const { ask, assertResults } = await replica(t, {}, { stallTimeoutMs: 3_000 });
  const slow = ALL.map(([how, encoding]) => ask(how, encoding));
  await Promise.all(slow.map(({ began }) => began));
  await assertResults({ broken_off: ALL.length });
  for (const [i, [, encoding]] of ALL.entries()) {
    slow[i]?.resume();
    assertBroken(await slow[i]?.ended, encoding);
  }
});

test('others on the session of one that gives way go on', async (t) => {
  const { url, clock, assertResults } = await replica(t, { atOnce: 2 });
  const session = connectHttp2(url, { ca: tls.cert });
  t.after(() => session.destroy());
  const ask = (): Client => askOn(session, new URL(url), 'identity');
  const [first, second] = [ask(), ask()];
  await Promise.all([first.began, second.began]);
  clock.advance(SCRAPE_LIMITS.undisturbedMs);
  const third = ask();
  await third.began;
  first.resume();
  assertBroken(await first.ended, 'identity');
  for (const one of [second, third]) await assertWhole(one, 'identity');
  await assertResults({ complete: 2, gave_way: 1 });
});

test('over HTTP/1.0, where a body ends with the connection, there is gzip alone', async (t) => {
  const { url, assertResults } = await replica(t, {});
  const ask = (path: string, headers: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: '127.0.0.1', port: Number(new URL(url).port), ca: tls.cert });
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.on('error', reject).on('close', () => resolve(text));
      socket.write(`GET ${path} HTTP/1.0\r\n${headers}\r\n`);
    });
  assert.match(await ask('/metrics', ''), /^HTTP\/1\.1 400 [^]*HTTP\/1\.0/);
  await assertResults({});
  assert.match(
    await ask('/metrics', 'accept-encoding: gzip\r\n'),
    /^HTTP\/1\.1 200 [^]*\r\ncontent-encoding: gzip\r\n/,
  );
  await assertResults({ complete: 1 });
  assert.match(await ask('/metrics?own=only', ''), /^HTTP\/1\.1 200 [^]*\r\ncontent-length: /i);
});
