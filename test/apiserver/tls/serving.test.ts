// What a replica serves with while its certificates are renewed: a Kubernetes API over TLS, TLS servers, and clients.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, get } from 'node:https';
import { connect as connectHttp2 } from 'node:http2';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { fingerprint } from '../../../apiserver/tls/key-pair.js';
import { createAuthority } from '../../../apiserver/tls/self-made.js';
import {
  cleanUp,
  clockOfNow,
  endAll,
  MINUTE_MS,
  putSecret,
  startApi,
  startReplica,
} from '../../support/ca-replicas.js';
import { CA_SECRET } from '../../support/empty-authority.js';
import { connectKubeClient } from '../../support/kube-client.js';
import { eventually } from '../../support/programs.js';
import { handshake } from '../../support/tls.js';

const DAY_MS = 24 * 3_600_000;

afterEach(endAll);

test('an authority says critically what it is, and lives ten years', async () => {
  const made = await createAuthority(Date.now());
  const { ca, publicKey, validTo, raw } = new X509Certificate(made.cert);
  for (const extension of ['551d13', '551d0f']) {
    // basicConstraints and keyUsage: the object identifier, then the boolean `critical`
    assert.ok(raw.includes(Buffer.from(`0603${extension}0101ff`, 'hex')));
  }
  assert.deepEqual([ca, publicKey.asymmetricKeyDetails?.namedCurve], [true, 'prime256v1']);
  assert.ok(Math.abs(Date.parse(validTo) - Date.now() - 3_650 * DAY_MS) < MINUTE_MS);
});

test('a renewed leaf leaves open connections alone', async () => {
  const api = await startApi();
  putSecret(api, await createAuthority(Date.now() - 90 * DAY_MS));
  const clock = clockOfNow(62 * DAY_MS);
  const { certificate, server } = await startReplica(api, clock);
  const ca = certificate.caBundle();
  const servername = 'podnet-apiserver.podnet-system.svc';
  const before = await handshake(server.port, ca);
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, servername });
  const session = connectHttp2(`https://127.0.0.1:${server.port}`, { ca, servername });
  cleanUp.unshift(() => {
    agent.destroy();
    session.destroy();
  });
  const askHttp1 = async (): Promise<boolean> => {
    const request = get({ host: '127.0.0.1', port: server.port, agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    return request.reusedSocket;
  };
  const askHttp2 = async (): Promise<unknown> => {
    const stream = session.request({ ':path': '/' }).resume();
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    await once(stream, 'close');
    return headers[':status'];
  };
  assert.deepEqual([await askHttp1(), await askHttp2()], [false, 200]);
  const opened = server.connections;
  clock.advance(60 * DAY_MS);
  await eventually(
    () => certificate.current().cert,
    (cert) => fingerprint(cert) !== before,
  );
  assert.deepEqual([await askHttp1(), await askHttp2()], [true, 200]);
  assert.equal(server.connections, opened, 'no new connection');
  assert.equal(await handshake(server.port, ca), fingerprint(certificate.current().cert));
});

test('a client certificate is asked for, before and after a renewal', async () => {
  const api = await startApi();
  putSecret(api, await createAuthority(Date.now() - 90 * DAY_MS));
  const clock = clockOfNow(62 * DAY_MS);
  const { certificate, server } = await startReplica(api, clock);
  const stranger = await createAuthority(Date.now());
  const first = await handshake(server.port, certificate.caBundle(), undefined, stranger);
  clock.advance(60 * DAY_MS);
  await eventually(
    () => fingerprint(certificate.current().cert),
    (print) => print !== first,
  );
  await handshake(server.port, certificate.caBundle(), undefined, stranger);
  assert.deepEqual(server.clients, [fingerprint(stranger.cert), fingerprint(stranger.cert)]);
});

test('without the API at the start it answers, is not ready, and becomes so', async () => {
  const api = await startApi();
  const client = connectKubeClient(api);
  await client;
  await api.down();
  const { certificate, server, logged } = await startReplica(api, clockOfNow(), client);
  const temporary = certificate.current().cert;
  assert.deepEqual([certificate.isReady(), certificate.caBundle()], [false, '']);
  await handshake(server.port, temporary, 'localhost');
  assert.match(logged.join(''), /not ready: the certificate authority cannot be read/);
  await api.up();
  await eventually(() => certificate.isReady(), Boolean);
  await handshake(server.port, certificate.caBundle());
  await assert.rejects(handshake(server.port, temporary, 'localhost'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
});

test('while the API is away leaves are renewed all the same', async () => {
  const api = await startApi();
  putSecret(api, await createAuthority(Date.now() - 90 * DAY_MS));
  const clock = clockOfNow(62 * DAY_MS);
  const { certificate, server, logged } = await startReplica(api, clock);
  const before = certificate.current().cert;
  await api.down();
  clock.advance(60 * DAY_MS);
  await eventually(
    () => certificate.current().cert,
    (cert) => cert !== before,
  );
  assert.equal(certificate.isReady(), true);
  await handshake(server.port, certificate.caBundle());
  await eventually(
    () => logged.join(''),
    (text) => text.includes('the known one is used'),
  );
});

test('no key is ever logged', async () => {
  const api = await startApi();
  api.put(CA_SECRET, { type: 'kubernetes.io/tls', data: { 'tls.crt': 'Z2FyYmFnZQ==', 'tls.key': 'aHVudGVyMg==' } });
  const { certificate, logged } = await startReplica(api);
  api.misbehave(() => ({ status: 500, body: { kind: 'Status', code: 500, message: 'no' } }));
  await eventually(
    () => logged.join(''),
    (text) => text.includes('cannot be read'),
  );
  const secret = certificate.current().key.split('\n')[1] ?? '';
  for (const word of ['PRIVATE KEY', 'hunter2', 'aHVudGVyMg', secret]) assert.ok(!logged.join('').includes(word), word);
});
