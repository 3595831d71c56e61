import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import Fastify from 'fastify';
import { AnswerSlot } from '../../../apiserver/auth/answer-slot.js';
import type { App } from '../../../apiserver/api/app-types.js';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { eventually } from '../../support/programs.js';

const tls = await createSelfSignedCertificate(['127.0.0.1'], Date.now());

interface Served {
  readonly port: number;
  readonly left: () => number;
}

/** Streams for ever, as fast as it is read. */
async function serve(t: TestContext, deadlineMs: number | undefined): Promise<Served> {
  let left = 0;
  const app: App = Fastify({ http2: true, https: { ...tls, allowHTTP1: true }, forceCloseConnections: true });
  app.addHook('onSend', (_request, reply, payload, done) => {
    const slot = new AnswerSlot(reply);
    slot.hold(() => left++);
    slot.handOver(payload, deadlineMs);
    done();
  });
  const endless = function* () {
    for (;;) yield 'x'.repeat(65_536);
  };
  app.get('/endless', (_request, reply) => reply.send(Readable.from(endless(), { objectMode: false })));
  app.get('/short', (_request, reply) => reply.send(Readable.from(['x'], { objectMode: false })));
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  return { port: (app.server.address() as AddressInfo).port, left: () => left };
}

const ask = (port: number, path: string) => request({ host: '127.0.0.1', port, path, ca: tls.cert }).end();
const isOne = (left: number): boolean => left === 1;

test('a stream holds its place until its end', async (t) => {
  const { port, left } = await serve(t, undefined);
  const [answer] = (await once(ask(port, '/short'), 'response')) as [Readable];
  answer.resume();
  await eventually(left, isOne);
});

test('a stream that is read slowly gives its place back at the deadline, and goes on', async (t) => {
  const { port, left } = await serve(t, 50);
  const outgoing = ask(port, '/endless');
  outgoing.on('error', () => undefined);
  const [answer] = (await once(outgoing, 'response')) as [Readable];
  answer.on('error', () => undefined);
  await eventually(left, isOne);
  await once(answer, 'data');
  await once(answer, 'data');
  outgoing.destroy();
});

test('a stream whose client leaves gives its place back', async (t) => {
  const { port, left } = await serve(t, undefined);
  const outgoing = ask(port, '/endless');
  outgoing.on('error', () => undefined);
  await once(outgoing, 'response');
  assert.equal(left(), 0);
  outgoing.destroy();
  await eventually(left, isOne);
});

test('a place that is given late to a client that left is given back', async (t) => {
  const app: App = Fastify({ http2: true, https: { ...tls, allowHTTP1: true }, forceCloseConnections: true });
  const slots: AnswerSlot[] = [];
  app.addHook('onRequest', (_request, reply) => {
    slots.push(new AnswerSlot(reply));
    reply.raw.once('close', () => slots[0]?.hold(() => left++));
  });
  let left = 0;
  app.get('/', () => 'x');
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const outgoing = ask((app.server.address() as AddressInfo).port, '/');
  outgoing.on('error', () => undefined);
  await eventually(
    () => slots.length,
    (count) => count === 1,
  );
  outgoing.destroy();
  await eventually(() => left, isOne);
});
