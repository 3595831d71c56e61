// Replicas with a shared authority: a Kubernetes API over TLS, TLS servers, and clients that trust only what is published.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, get } from 'node:https';
import { connect as connectHttp2 } from 'node:http2';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import { Registry } from 'prom-client';
import { PUBLISHED_BEFORE_USE_MS } from '../../../apiserver/tls/authority.js';
import { fingerprint, type KeyPair } from '../../../apiserver/tls/key-pair.js';
import { createTlsMetrics } from '../../../apiserver/tls/metrics.js';
import { startCaPublisher } from '../../../apiserver/tls/publish-ca.js';
import { createAuthority, createLeaf } from '../../../apiserver/tls/self-made.js';
import { startServingCertificate } from '../../../apiserver/tls/serving.js';
import type { ServingCertificate } from '../../../apiserver/tls/serving-certificate.js';
import { createLogger } from '../../../runtime/logger.js';
import { createManualClock, type ManualClock } from '../../support/clock.js';
import { createKubeApi, type KubeApiServer } from '../../support/kube-api.js';
import { connectKubeClient } from '../../support/kube-client.js';
import { eventually } from '../../support/programs.js';
import { handshake, serveWith, type TlsServer } from '../../support/tls.js';

const SERVICE = { namespace: 'podnet-system', name: 'podnet-apiserver' };
const SECRET = '/api/v1/namespaces/podnet-system/secrets/podnet-apiserver-ca';
const CONFIG_MAP = '/api/v1/namespaces/podnet-system/configmaps/podnet-apiserver-ca';
const DAY_MS = 24 * 3_600_000;
const MINUTE_MS = 60_000;
const cleanUp: (() => Promise<void> | void)[] = [];

interface Replica {
  readonly certificate: ServingCertificate;
  readonly server: TlsServer;
  readonly logged: string[];
}

async function startApi(): Promise<KubeApiServer> {
  const api = await createKubeApi();
  cleanUp.push(() => api.close());
  return api;
}

/** A clock that is somewhat behind the machine's, so that what is made by it is valid by both. */
const clockOfNow = (behindMs = MINUTE_MS): ManualClock => createManualClock(1_000_000, Date.now() - behindMs);

async function startReplica(
  api: KubeApiServer,
  clock = clockOfNow(),
  client = connectKubeClient(api),
): Promise<Replica> {
  const logged: string[] = [];
  const connected = await client;
  const certificate = await startServingCertificate(
    {
      kind: 'shared_ca',
      service: SERVICE,
      addresses: ['10.0.0.7'],
      api: connected,
      random: Math.random,
      checkEveryMs: 20,
    },
    {
      clock,
      log: createLogger('test', { level: 'debug', format: 'text', write: (line) => logged.push(line) }),
      metrics: createTlsMetrics(new Registry()),
    },
  );
  const server = await serveWith(certificate);
  cleanUp.unshift(async () => {
    await certificate.close();
    await server.close();
    connected.close();
  });
  return { certificate, server, logged };
}

function secretData(api: KubeApiServer): Readonly<Record<string, string>> {
  const data = (api.objects.get(SECRET)?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]));
}

function putSecret(api: KubeApiServer, { cert, key }: KeyPair, extra: object = {}): void {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  api.put(SECRET, { type: 'kubernetes.io/tls', data: { 'tls.crt': encode(cert), 'tls.key': encode(key) }, ...extra });
}

const fingerprintsIn = (bundle: string): string[] =>
  (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map(fingerprint);

afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

test('replicas that start at once share one authority', async () => {
  const api = await startApi();
  api.misbehave(({ method }) => (method === 'POST' ? { delayMs: 50 } : undefined));
  const replicas = await Promise.all([1, 2, 3].map(() => startReplica(api)));
  const ca = secretData(api)['ca.crt'] ?? '';
  assert.equal(fingerprintsIn(ca).length, 1);
  for (const { certificate, server } of replicas) {
    assert.deepEqual([certificate.caBundle(), certificate.isReady()], [ca, true]);
    for (const name of ['podnet-apiserver.podnet-system.svc', 'podnet-apiserver', 'localhost', '10.0.0.7']) {
      await handshake(server.port, ca, name);
    }
    await assert.rejects(handshake(server.port, ca, 'other.podnet-system.svc'), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  }
  assert.equal(new Set(replicas.map(({ certificate }) => certificate.current().cert)).size, 3);
  const posts = api.requests.filter(({ method }) => method === 'POST');
  assert.equal(posts.length, 3, 'the create was raced for');
});

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

test('a Secret that is garbage is replaced once, and its other entries stay', async () => {
  const api = await startApi();
  api.put(SECRET, {
    type: 'kubernetes.io/tls',
    metadata: { labels: { kept: 'yes' } },
    data: { 'tls.crt': 'Z2FyYmFnZQ==', 'tls.key': '', other: 'eA==' },
  });
  const [a, b] = await Promise.all([startReplica(api), startReplica(api)]);
  assert.equal(a.certificate.caBundle(), b.certificate.caBundle());
  await handshake(a.server.port, secretData(api)['ca.crt'] ?? '');
  assert.equal(secretData(api)['other'], 'x');
  assert.deepEqual(api.objects.get(SECRET)?.metadata['labels'], { kept: 'yes' });
  assert.match([...a.logged, ...b.logged].join(''), /the certificate authority is not usable/);
});

test('a key that is another certificate’s, an expired and a leaf certificate are replaced', async () => {
  const now = Date.now();
  const [one, two, old] = await Promise.all([
    createAuthority(now),
    createAuthority(now),
    createAuthority(now - 3_651 * DAY_MS),
  ]);
  const pairs: [KeyPair, RegExp][] = [
    [{ cert: one.cert, key: two.key }, /the key is not that of the certificate/],
    [old, /it expired on/],
    [await createLeaf(one, ['localhost'], now), /it is not the certificate of an authority/],
  ];
  for (const [pair, why] of pairs) {
    const api = await startApi();
    putSecret(api, pair);
    const { certificate, logged } = await startReplica(api);
    assert.match(logged.join(''), why);
    assert.notEqual(secretData(api)['tls.crt'], pair.cert);
    assert.equal(certificate.isReady(), true);
  }
});

test('an update that somebody else was ahead of begins anew with what is there', async () => {
  const api = await startApi();
  const winner = await createAuthority(Date.now());
  api.put(SECRET, { type: 'kubernetes.io/tls', data: {} });
  let raced = false;
  api.misbehave(({ method }) => {
    if (method === 'PUT' && !raced) {
      raced = true;
      putSecret(api, winner, { metadata: { labels: { by: 'winner' } } });
    }
    return undefined;
  });
  const { certificate } = await startReplica(api);
  assert.deepEqual([raced, fingerprintsIn(certificate.caBundle())], [true, [fingerprint(winner.cert)]]);
  assert.deepEqual(api.objects.get(SECRET)?.metadata['labels'], { by: 'winner' });
});

/** What agents do: connect again and again, and trust what their copy of the ConfigMap says; it is renewed now and then. */
function connectForever(api: KubeApiServer, replicas: readonly Replica[]) {
  const seen = { handshakes: 0, failures: [] as string[], fingerprints: new Set<string>() };
  const stop = new AbortController();
  const bundle = (): string =>
    ((api.objects.get(CONFIG_MAP)?.['data'] ?? {}) as Record<string, string>)['ca.crt'] ?? '';
  const running = (async () => {
    for (let round = 0, copy = bundle(); !stop.signal.aborted; round++) {
      if (round % 10 === 0) copy = bundle();
      for (const { server } of replicas) {
        await handshake(server.port, copy).then(
          (print) => seen.fingerprints.add(print),
          (error: unknown) => seen.failures.push(String(error)),
        );
        seen.handshakes++;
      }
    }
  })();
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  cleanUp.unshift(end);
  return { seen, end };
}

async function publish(api: KubeApiServer, { certificate }: Replica): Promise<void> {
  const client = await connectKubeClient(api);
  const publisher = startCaPublisher(
    { service: SERVICE, apiServices: [] },
    {
      api: client,
      log: createLogger('test', { level: 'error', format: 'text', write: () => undefined }),
      metrics: createTlsMetrics(new Registry()),
      lease: { isHolder: true, onChange: () => undefined },
      certificate,
    },
  );
  cleanUp.unshift(async () => {
    await publisher.close();
    client.close();
  });
  await eventually(() => api.objects.has(CONFIG_MAP), Boolean);
}

test('the authority is rotated without a failed handshake', async () => {
  const api = await startApi();
  const old = await createAuthority(Date.now() - 9.5 * 365 * DAY_MS);
  putSecret(api, old);
  const clocks = [clockOfNow(), clockOfNow()];
  const replicas = await Promise.all(clocks.map((clock) => startReplica(api, clock)));
  const [first] = replicas;
  assert.ok(first !== undefined);
  await publish(api, first);
  const { seen, end } = connectForever(api, replicas);

  const published = await eventually(
    () => first.certificate.caBundle(),
    (bundle) => fingerprintsIn(bundle).length === 2,
  );
  assert.equal(fingerprintsIn(published)[1], fingerprint(old.cert), 'newest first');
  assert.equal(secretData(api)['tls.crt'], old.cert, 'the new one signs nothing yet');
  const before = replicas.map(({ certificate }) => certificate.current().cert);
  for (const clock of clocks) clock.advance(PUBLISHED_BEFORE_USE_MS - MINUTE_MS);
  const handshakes = seen.handshakes;
  await eventually(
    () => seen.handshakes,
    (count) => count > handshakes + 20,
  );
  assert.deepEqual(
    replicas.map(({ certificate }) => certificate.current().cert),
    before,
  );

  for (const clock of clocks) clock.advance(MINUTE_MS);
  for (const [index, { certificate }] of replicas.entries()) {
    await eventually(
      () => certificate.current().cert,
      (cert) => cert !== before[index],
    );
    assert.ok(
      new X509Certificate(certificate.current().cert).checkIssued(
        new X509Certificate(secretData(api)['tls.crt'] ?? ''),
      ),
    );
    assert.equal(certificate.caBundle(), published, 'the old one stays trusted');
  }
  assert.equal(secretData(api)['next.crt'], undefined);
  const rotated = seen.handshakes;
  await eventually(
    () => seen.handshakes,
    (count) => count > rotated + 20,
  );
  await end();
  assert.deepEqual(seen.failures, []);
  assert.equal(seen.fingerprints.size, 4, 'two replicas, each with a leaf of either authority');
});

test('deleting the Secret begins a rotation, and nobody notices', async () => {
  const api = await startApi();
  const replica = await startReplica(api);
  const { cert } = replica.certificate.current();
  const before = replica.certificate.caBundle();
  api.remove(SECRET);
  const after = await eventually(
    () => replica.certificate.caBundle(),
    (bundle) => bundle !== before,
  );
  assert.deepEqual(fingerprintsIn(after).slice(1), fingerprintsIn(before));
  assert.equal(replica.certificate.current().cert, cert);
});

test('a Secret that turns to garbage is put right with what is known', async () => {
  const api = await startApi();
  const replica = await startReplica(api);
  const before = secretData(api);
  api.put(SECRET, { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } });
  await eventually(
    () => secretData(api)['tls.crt'],
    (cert) => cert === before['tls.crt'],
  );
  assert.equal(replica.certificate.caBundle(), before['ca.crt']);
});

test('a next authority that somebody brought is published before it signs', async () => {
  const api = await startApi();
  const clock = clockOfNow();
  const replica = await startReplica(api, clock);
  const brought = await createAuthority(Date.now() - 30 * DAY_MS);
  const current = secretData(api)['tls.crt'];
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const data = { 'next.crt': encode(brought.cert), 'next.key': encode(brought.key) };
  const found = api.objects.get(SECRET);
  api.put(SECRET, { ...found, data: { ...(found?.['data'] as object), ...data } });
  await eventually(
    () => fingerprintsIn(replica.certificate.caBundle())[0],
    (print) => print === fingerprint(brought.cert),
  );
  assert.equal(secretData(api)['tls.crt'], current);
  clock.advance(PUBLISHED_BEFORE_USE_MS);
  await eventually(
    () => secretData(api)['tls.crt'],
    (cert) => cert === brought.cert,
  );
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
  api.put(SECRET, { type: 'kubernetes.io/tls', data: { 'tls.crt': 'Z2FyYmFnZQ==', 'tls.key': 'aHVudGVyMg==' } });
  const { certificate, logged } = await startReplica(api);
  api.misbehave(() => ({ status: 500, body: { kind: 'Status', code: 500, message: 'no' } }));
  await eventually(
    () => logged.join(''),
    (text) => text.includes('cannot be read'),
  );
  const secret = certificate.current().key.split('\n')[1] ?? '';
  for (const word of ['PRIVATE KEY', 'hunter2', 'aHVudGVyMg', secret]) assert.ok(!logged.join('').includes(word), word);
});
