// Certificates in files that others replace, served on real sockets.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { Registry } from 'prom-client';
import { startFileCertificate } from '../../../apiserver/tls/files.js';
import { fingerprint, type KeyPair } from '../../../apiserver/tls/key-pair.js';
import { createTlsMetrics } from '../../../apiserver/tls/metrics.js';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { eventually } from '../../support/programs.js';
import { handshake, serveWith } from '../../support/tls.js';

const HOST = 'podnet-apiserver.podnet-system.svc';
const YEAR_MS = 365 * 24 * 3_600_000;
const cleanUp: (() => Promise<void> | void)[] = [];
const makePair = (wallMs = Date.now()): Promise<KeyPair> => createSelfSignedCertificate([HOST], wallMs);

async function startWith(directory: string, hosts: readonly string[] = []) {
  const logged: string[] = [];
  const metrics = createTlsMetrics(new Registry());
  const certificate = await startFileCertificate(
    { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key'), hosts },
    {
      clock: systemClock,
      log: createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) }),
      metrics,
    },
  );
  const server = await serveWith(certificate);
  cleanUp.unshift(async () => {
    await certificate.close();
    await server.close();
  });
  const loads = async (result: string): Promise<number> =>
    (await metrics.loads.get()).values.find(({ labels }) => labels.result === result)?.value ?? 0;
  return { certificate, server, logged, loads };
}

async function makeDirectory(pair?: KeyPair): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-files-'));
  cleanUp.push(() => rm(directory, { recursive: true }));
  if (pair !== undefined) await writePair(directory, pair);
  return directory;
}

async function writePair(directory: string, { cert, key }: KeyPair): Promise<void> {
  await writeFile(join(directory, 'tls.crt'), cert);
  await writeFile(join(directory, 'tls.key'), key);
}

/** As a kubelet does it: a new directory, and one link that is replaced at once. */
async function mountPair(directory: string, version: string, pair: KeyPair): Promise<void> {
  await mkdir(join(directory, version));
  await writePair(join(directory, version), pair);
  await symlink(version, join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
}

afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end();
});

test('a pair that a kubelet swaps is served within a second', async () => {
  const [old, next] = await Promise.all([makePair(), makePair()]);
  const directory = await makeDirectory();
  await mountPair(directory, '..2026_a', old);
  for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(directory, name));
  const { server, certificate, logged } = await startWith(directory);
  assert.equal(await handshake(server.port, old.cert), fingerprint(old.cert));
  const startedMs = performance.now();
  await mountPair(directory, '..2026_b', next);
  await eventually(
    () => certificate.current().cert,
    (cert) => cert === next.cert,
  );
  assert.ok(performance.now() - startedMs < 1_000);
  assert.equal(await handshake(server.port, next.cert), fingerprint(next.cert));
  assert.doesNotMatch(logged.join(''), /refused/);
});

test('files written one after the other are taken when both are there', async () => {
  const [old, next] = await Promise.all([makePair(), makePair()]);
  const directory = await makeDirectory(old);
  const { certificate, server } = await startWith(directory);
  await writeFile(join(directory, 'tls.crt'), next.cert);
  assert.equal(await handshake(server.port, old.cert), fingerprint(old.cert));
  await writeFile(join(directory, 'tls.key'), next.key);
  await eventually(
    () => certificate.current(),
    ({ cert, key }) => cert === next.cert && key === next.key,
  );
});

test('a pair that does not fit is refused, told once, and the old one kept', async () => {
  const [old, next, expired] = await Promise.all([makePair(), makePair(), makePair(Date.now() - 2 * YEAR_MS)]);
  const directory = await makeDirectory(old);
  const { server, logged, loads, certificate } = await startWith(directory);
  const bad: [KeyPair, RegExp][] = [
    [{ cert: next.cert, key: old.key }, /the key is not that of the certificate/],
    [{ cert: 'no certificate', key: old.key }, /the certificate is not usable/],
    [{ cert: next.cert, key: '' }, /the key is not usable/],
    [expired, /the certificate expired on/],
  ];
  for (const [index, [pair, why]] of bad.entries()) {
    await writePair(directory, pair);
    await eventually(
      () => logged.at(-1) ?? '',
      (line) => why.test(line),
    );
    assert.equal(await loads('refused'), index + 1);
    assert.equal(await handshake(server.port, old.cert), fingerprint(old.cert));
  }
  await rm(join(directory, 'tls.key'));
  await eventually(
    () => logged.at(-1) ?? '',
    (line) => line.includes('ENOENT'),
  );
  await writePair(directory, next);
  await eventually(
    () => certificate.current().cert,
    (cert) => cert === next.cert,
  );
  assert.ok(!logged.join('').includes('PRIVATE KEY'));
});

test('files that cannot be used at the start end it, and say which', async () => {
  const [one, two] = await Promise.all([makePair(), makePair()]);
  const directory = await makeDirectory({ cert: one.cert, key: two.key });
  await assert.rejects(startWith(directory), {
    name: 'StartError',
    message: /tls\.crt: not usable with its key: the key is not/,
  });
  await rm(join(directory, 'tls.key'));
  await assert.rejects(startWith(directory), { name: 'StartError', message: /^--tls-private-key-file: ENOENT/ });
});

test('a certificate without a name that is asked for, or that expired, is told', async () => {
  const directory = await makeDirectory(await makePair(Date.now() - 2 * YEAR_MS));
  const { logged } = await startWith(directory, [HOST, '10.0.0.1', 'other']);
  assert.match(logged.join(''), /the certificate has expired/);
  assert.match(logged.join(''), /missing=\["10\.0\.0\.1","other"\]/);
});
