// The Secret that replicas share: a Kubernetes API over TLS, TLS servers, and clients that trust only what is published.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { PUBLISHED_BEFORE_USE_MS } from '../../../apiserver/tls/authority.js';
import { fingerprint, type KeyPair } from '../../../apiserver/tls/key-pair.js';
import { createAuthority, createLeaf } from '../../../apiserver/tls/self-made.js';
import {
  cleanUp,
  clockOfNow,
  endAll,
  fingerprintsIn,
  MINUTE_MS,
  publish,
  putSecret,
  type Replica,
  secretData,
  startApi,
  startReplica,
} from '../../support/ca-replicas.js';
import { CA_CONFIG_MAP, CA_SECRET, putEmptyAuthority } from '../../support/empty-authority.js';
import type { KubeApiServer } from '../../support/kube-api.js';
import { eventually } from '../../support/programs.js';
import { handshake } from '../../support/tls.js';

const DAY_MS = 24 * 3_600_000;

afterEach(endAll);

test('replicas that start at once share one authority', async () => {
  const api = await startApi();
  api.misbehave(({ method }) => (method === 'PUT' ? { delayMs: 50 } : undefined));
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
  const methods = api.requests.map(({ method }) => method).filter((method) => method !== 'GET');
  assert.deepEqual(methods, ['PUT', 'PUT', 'PUT'], 'the Secret was raced for, and not made');
});

test('the first authority goes into the empty Secret, and takes nothing from it', async () => {
  const api = await startApi();
  const labels = { 'app.kubernetes.io/managed-by': 'Helm' };
  api.put(CA_SECRET, { type: 'Opaque', metadata: { labels }, data: { other: 'eA==' } });
  const { certificate, logged } = await startReplica(api);
  const { 'ca.crt': ca, ...data } = secretData(api);
  assert.deepEqual([ca, data['other']], [certificate.caBundle(), 'x']);
  const found = api.objects.get(CA_SECRET);
  assert.deepEqual([found?.['type'], found?.metadata['labels']], ['Opaque', labels]);
  assert.match(logged.join(''), /info certificate authority written .*there was none/);
});

test('without the Secret it says how to get it, makes none, and takes it when it comes', async () => {
  const api = await startApi();
  api.remove(CA_SECRET);
  const { certificate, logged } = await startReplica(api);
  const told =
    /error not ready: .*Secret podnet-system\/podnet-apiserver-ca: there is none, .*apply the manifests again/;
  assert.match(logged.join(''), told);
  assert.equal(certificate.isReady(), false);
  await eventually(
    () => api.requests.length,
    (count) => count > 2,
  );
  assert.deepEqual(new Set(api.requests.map(({ method }) => method)), new Set(['GET']));
  putEmptyAuthority(api);
  await eventually(() => certificate.isReady(), Boolean);
  assert.equal(certificate.caBundle(), secretData(api)['ca.crt']);
});

test('a Secret that is garbage is replaced once, and its other entries stay', async () => {
  const api = await startApi();
  api.put(CA_SECRET, {
    type: 'kubernetes.io/tls',
    metadata: { labels: { kept: 'yes' } },
    data: { 'tls.crt': 'Z2FyYmFnZQ==', 'tls.key': '', other: 'eA==' },
  });
  const [a, b] = await Promise.all([startReplica(api), startReplica(api)]);
  assert.equal(a.certificate.caBundle(), b.certificate.caBundle());
  await handshake(a.server.port, secretData(api)['ca.crt'] ?? '');
  assert.equal(secretData(api)['other'], 'x');
  assert.deepEqual(api.objects.get(CA_SECRET)?.metadata['labels'], { kept: 'yes' });
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
  assert.deepEqual(api.objects.get(CA_SECRET)?.metadata['labels'], { by: 'winner' });
});

/** What agents do: connect again and again, and trust what their copy of the ConfigMap says; it is renewed now and then. */
function connectForever(api: KubeApiServer, replicas: readonly Replica[]) {
  const seen = { handshakes: 0, failures: [] as string[], fingerprints: new Set<string>() };
  const stop = new AbortController();
  const bundle = (): string =>
    ((api.objects.get(CA_CONFIG_MAP)?.['data'] ?? {}) as Record<string, string>)['ca.crt'] ?? '';
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

test('emptying the Secret begins a rotation, and nobody notices', async () => {
  const api = await startApi();
  const replica = await startReplica(api);
  const { cert } = replica.certificate.current();
  const before = replica.certificate.caBundle();
  putEmptyAuthority(api);
  const after = await eventually(
    () => replica.certificate.caBundle(),
    (bundle) => bundle !== before,
  );
  assert.deepEqual(fingerprintsIn(after).slice(1), fingerprintsIn(before));
  assert.equal(replica.certificate.current().cert, cert);
});

test('a Secret that was deleted is missed and not made, and what is known is served meanwhile', async () => {
  const api = await startApi();
  const replica = await startReplica(api);
  const { cert } = replica.certificate.current();
  api.remove(CA_SECRET);
  await eventually(
    () => replica.logged.join(''),
    (text) => /warn .*the known one is used.*apply the manifests again/.test(text),
  );
  assert.equal(api.objects.has(CA_SECRET), false);
  assert.deepEqual([replica.certificate.isReady(), replica.certificate.current().cert], [true, cert]);
  const before = replica.certificate.caBundle();
  putEmptyAuthority(api);
  await eventually(
    () =>
      fingerprintsIn(secretData(api)['ca.crt'] ?? '')
        .slice(1)
        .join(),
    (known) => known === fingerprintsIn(before).join(),
  );
});

test('a Secret that turns to garbage is put right with what is known', async () => {
  const api = await startApi();
  const replica = await startReplica(api);
  const before = secretData(api);
  api.put(CA_SECRET, { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } });
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
  const found = api.objects.get(CA_SECRET);
  api.put(CA_SECRET, { ...found, data: { ...(found?.['data'] as object), ...data } });
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
