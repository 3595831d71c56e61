// The program's server on a real port: what it serves TLS with.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:tls';
import { test } from 'node:test';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import { createCertificateFiles, eventually, fetchText, runApiserver } from '../support/programs.js';

async function certificateOf(url: string): Promise<X509Certificate | undefined> {
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return certificate;
}

test('files that change are served to new connections, and open ones go on', async () => {
  const files = await createCertificateFiles();
  const server = await runApiserver(files.flags);
  const session = connectHttp2(server.url, { ca: files.ca });
  const ask = async (): Promise<unknown> => {
    const stream = session.request({ ':path': '/healthz' }).resume();
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    return headers[':status'];
  };
  try {
    assert.equal(await ask(), 200);
    const next = await createSelfSignedCertificate(['127.0.0.1'], Date.now());
    const [, certFile = '', , keyFile = ''] = files.flags;
    await writeFile(certFile, next.cert);
    await writeFile(keyFile, next.key);
    const { fingerprint256 } = new X509Certificate(next.cert);
    await eventually(
      async () => (await certificateOf(server.url))?.fingerprint256,
      (print) => print === fingerprint256,
    );
    assert.equal(await ask(), 200);
    const { text } = await fetchText({ url: server.url, ca: next.cert }, '/metrics');
    assert.match(text, /^podnet_apiserver_certificate_loads_total\{result="used"\} 1$/m);
    assert.match(text, /^podnet_apiserver_certificate_expiration_timestamp_seconds \d+$/m);
  } finally {
    session.destroy();
    await server.close();
    await files.remove();
  }
});

test('without files the certificate is signed by an authority of this process', async () => {
  const server = await runApiserver();
  try {
    const certificate = await certificateOf(server.url);
    assert.equal(certificate?.checkIssued(new X509Certificate(server.ca)), true);
    assert.deepEqual([certificate?.ca, certificate?.checkHost('localhost')], [false, 'localhost']);
    assert.equal((await fetchText(server, '/healthz')).text, 'ok');
  } finally {
    await server.close();
  }
});
