// The client against real servers on loopback, and against none.
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { HttpsClient, PushConnectionError, type HttpsPayload } from '../../../nodeagent/push/https-client.js';

const tls = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
const PAYLOAD: HttpsPayload = { headers: {}, body: Buffer.from('x') };

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function clientOf(context: TestContext, port: number, timeoutMs = 5_000): HttpsClient {
  const url = new URL(`https://127.0.0.1:${port}`);
  const client = new HttpsClient(url, { ca: () => Promise.resolve(tls.cert), timeoutMs });
  context.after(() => client.close());
  return client;
}

async function answeringServer(context: TestContext): Promise<number> {
  const server = createHttpsServer(tls, (request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return listen(server);
}

test('nothing is composed for a server that nobody listens as', async (context) => {
  const server = createServer();
  const port = await listen(server);
  server.close();
  let composed = 0;
  const compose = () => Promise.resolve((composed++, PAYLOAD));
  await assert.rejects(clientOf(context, port).post('/', compose, AbortSignal.timeout(5_000)), PushConnectionError);
  assert.equal(composed, 0);
});

test('nothing is composed for a server that takes the connection and is silent', async (context) => {
  const server = createServer((socket) => socket.resume());
  const port = await listen(server);
  context.after(() => server.close());
  let composed = 0;
  const compose = () => Promise.resolve((composed++, PAYLOAD));
  const pushed = clientOf(context, port, 100).post('/', compose, AbortSignal.timeout(5_000));
  await assert.rejects(pushed, /no answer within 100 ms/);
  assert.equal(composed, 0);
});

test('whoever is not the server that is meant gets nothing, neither token nor report', async (context) => {
  const other = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
  const port = await answeringServer(context);
  let composed = 0;
  const compose = () => Promise.resolve((composed++, PAYLOAD));
  for (const trust of [
    { ca: tls.cert, certifiedName: 'podnet-apiserver.podnet-system.svc' }, // another one's certificate, of the same authority
    { ca: other.cert },
  ]) {
    const options = { ...trust, ca: () => Promise.resolve(trust.ca), timeoutMs: 5_000 };
    const client = new HttpsClient(new URL(`https://127.0.0.1:${port}`), options);
    context.after(() => client.close());
    await assert.rejects(client.post('/', compose, AbortSignal.timeout(5_000)), PushConnectionError);
  }
  assert.equal(composed, 0);
  assert.equal((await clientOf(context, port).post('/', compose, AbortSignal.timeout(5_000))).body, 'ok');
});

test('on a kept connection it is composed at once, and known to be kept', async (context) => {
  const client = clientOf(context, await answeringServer(context));
  const kept: boolean[] = [];
  const compose = (isKept: boolean) => Promise.resolve((kept.push(isKept), PAYLOAD));
  for (let i = 0; i < 3; i++) {
    const answer = await client.post('/', compose, new AbortController().signal);
    assert.deepEqual([answer.statusCode, answer.body], [200, 'ok']);
  }
  assert.deepEqual(kept, [false, true, true]);
});

test('a request leaves nothing behind in the signal it was given', async (context) => {
  const client = clientOf(context, await answeringServer(context));
  const { signal } = new AbortController();
  for (let i = 0; i < 3; i++) await client.post('/', () => Promise.resolve(PAYLOAD), signal);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  for (const key of Object.getOwnPropertySymbols(signal)) {
    const held: unknown = Reflect.get(signal, key); // where Node keeps the signals made of this one
    if (typeof held === 'object' && held !== null && 'size' in held) assert.deepEqual([key, held.size], [key, 0]);
  }
});

test('a request ends when its signal does', async (context) => {
  const server = createServer((socket) => socket.resume());
  const port = await listen(server);
  context.after(() => server.close());
  const stop = new AbortController();
  const pushed = clientOf(context, port).post('/', () => Promise.resolve(PAYLOAD), stop.signal);
  await once(server, 'connection');
  stop.abort();
  await assert.rejects(pushed, PushConnectionError);
});

test('a server that refuses a body before it has read it is heard', async (context) => {
  const server = createHttpsServer(tls, (_request, response) => {
    response.writeHead(413, { connection: 'close' }).end('too large', () => response.socket?.destroy());
  });
  const port = await listen(server);
  context.after(() => server.close());
  const compose = () => Promise.resolve({ headers: {}, body: Buffer.alloc(20_000_000) });
  const client = clientOf(context, port);
  for (let i = 0; i < 10; i++) {
    const answer = await client.post('/', compose, new AbortController().signal);
    assert.equal(answer.statusCode, 413);
  }
});
