import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../support/bundle.js';
import { authenticationData, createAuthority } from '../../support/certificates.js';
import { connectOverHttp1, connectOverHttp2, type Answer, type Server } from '../../support/connections.js';
import { createKubeApi } from '../../support/kube-api.js';
import { createCertificateFiles, eventually } from '../../support/programs.js';
import { connectRaw, parseAnswer, runShell } from '../../support/shell.js';

const CONFIG_MAP = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';

/** Asks over a connection of its own. */
async function askOnce(server: Server, path: string): Promise<Answer<unknown>> {
  const connection = connectOverHttp1(server);
  try {
    return await connection.ask<unknown>(path);
  } finally {
    connection.close();
  }
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}

/** A gate that a handler waits at. */
function createGate(): { readonly opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

test('at the end what is in flight is answered, and idle connections are closed', async () => {
  const gate = createGate();
  let waiting = 0;
  const server = await runShell({ drainTimeoutMs: 10_000 }, (app) => {
    app.get('/slow', async () => {
      waiting++;
      await gate.opened;
      return { groups: ['done'] };
    });
  });
  const idle = await connectRaw(server);
  const idleSession = connectHttp2(server.url, { ca: server.ca });
  await once(idleSession, 'remoteSettings');
  const [first, second] = [connectOverHttp1(server), connectOverHttp2(server)];
  const answers = [first.ask('/slow'), second.ask('/slow')];
  await eventually(
    () => waiting,
    (count) => count === 2,
  );
  const closing = server.close();
  await Promise.all([idle.closed, once(idleSession, 'close')]);
  const late = connect(server.port, '127.0.0.1');
  await assert.rejects(once(late, 'connect'), /ECONNREFUSED/);
  gate.open();
  for (const answer of answers) assert.deepEqual((await answer).body.groups, ['done']);
  await closing;
  assert.deepEqual(
    server.logged.filter((line) => /warn|error/i.test(line)),
    [],
  );
});

test('answers that have begun are taken to their end', async () => {
  const server = await runShell({ drainTimeoutMs: 10_000 }, (app) => {
    app.get('/large', () => 'x'.repeat(32 * 1024 * 1024));
  });
  const connection = await connectRaw(server);
  const { socket, closed } = connection;
  socket.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
  await eventually(
    () => connection.received().length,
    (length) => length > 0,
  );
  socket.pause();
  const closing = server.close();
  await eventually(
    () => server.app.server.listening,
    (listening) => !listening,
  );
  socket.resume();
  assert.equal(parseAnswer(await closed).text.length, 32 * 1024 * 1024);
  await closing;
});

test('whoever is asked to leave is still answered, and may come back', async () => {
  const gate = createGate();
  const server = await runShell({ drainTimeoutMs: 1_000 }, (app) => {
    app.get('/slow', async () => gate.opened.then(() => ({ groups: ['done'] })));
    app.get('/fast', () => ({ groups: ['fast'] }));
  });
  const session = connectHttp2(server.url, { ca: server.ca });
  const stream = session.request({ ':path': '/slow' });
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const over = [once(session, 'close'), once(stream, 'end')];
  const kept = connectOverHttp1(server);
  assert.equal((await kept.ask('/fast')).headers['connection'], 'keep-alive');
  const told = once(session, 'goaway');
  server.connections.leave();
  assert.equal((await told)[0], 0);
  assert.equal((await kept.ask('/fast')).headers['connection'], 'close');
  const another = connectOverHttp2(server);
  assert.deepEqual((await another.ask('/fast')).body.groups, ['fast']);
  gate.open();
  await Promise.all(over);
  assert.equal(text, '{"groups":["done"]}\n');
  for (const connection of [kept, another]) connection.close();
  await server.close();
});

test('what does not end by itself is ended at the deadline', async () => {
  const server = await runShell({ drainTimeoutMs: 300 }, (app) => {
    app.get('/never', () => new Promise(() => undefined));
  });
  const connections = [connectOverHttp1(server), connectOverHttp2(server)];
  const answers = connections.map((connection) => connection.ask('/never'));
  const silent = connect(server.port, '127.0.0.1').on('error', () => undefined); // it never shakes hands
  await once(silent, 'connect');
  await eventually(
    () => new Promise<number>((resolve) => server.app.server.getConnections((_, n) => resolve(n))),
    (n) => n === 3,
  );
  const closing = server.close();
  const outcomes = await Promise.allSettled(answers);
  for (const outcome of outcomes) assert.ok(outcome.status === 'rejected' || Number.isNaN(outcome.value.statusCode));
  await closing;
});

/** The program in front of a kube-apiserver. */
async function runInCluster(shutdownDelay: string) {
  const api = await createKubeApi({ onAccessReview: () => ({ allowed: true }) });
  const { cert } = await createAuthority('cluster-ca');
  api.put(CONFIG_MAP, { data: authenticationData(cert, cert) });
  const files = await createCertificateFiles();
  const flags = [
    ...files.flags,
    '--secure-port',
    '0',
    '--bind-address',
    '127.0.0.1',
    '--shutdown-delay',
    shutdownDelay,
  ];
  const program = run(process.execPath, [
    ...[join(import.meta.dirname, '../../../cli/podnet.js'), 'apiserver', '--kubeconfig', await api.kubeconfig()],
    ...flags,
  ]);
  return {
    ...{ api, program },
    serving: async (): Promise<Server> => {
      const line = await eventually(
        () => program.error(),
        (text) => /"url":"([^"]+)"/.test(text),
      );
      return { url: /"url":"([^"]+)"/.exec(line)?.[1] ?? '', ca: files.ca };
    },
    remove: async () => {
      program.child.kill('SIGKILL');
      await api.close();
      await files.remove();
    },
  };
}

test('conformance 22: SIGTERM: not ready at once, served all the delay, then no new connection, then the end', async () => {
  const { api, program, serving, remove } = await runInCluster('1500ms');
  try {
    const server = await serving();
    const ready = async () => (await askOnce(server, '/readyz?exclude=reports')).statusCode;
    await eventually(ready, (code) => code === 200);
    const [kept, session] = [connectOverHttp1(server), connectOverHttp2(server)];
    assert.equal((await kept.ask('/version')).statusCode, 200);
    assert.equal((await session.ask('/version')).statusCode, 200);
    program.child.kill('SIGTERM');
    await eventually(ready, (code) => code === 500);
    assert.equal((await askOnce(server, '/version')).statusCode, 200);
    const last = await kept.ask('/version');
    assert.deepEqual([last.statusCode, last.headers['connection']], [200, 'close']);
    // From here on each review takes longer than what is left of the delay.
    api.misbehave(({ path }) => (path.includes('subjectaccessreviews') ? { delayMs: 2_000 } : undefined));
    const slow = ['/apis', '/openapi/v2'].map((path) => askOnce(server, path));
    const port = Number(new URL(server.url).port);
    await eventually(
      () => isRefused(port),
      (refused) => refused,
    );
    for (const answer of slow) assert.equal((await answer).statusCode, 200);
    assert.equal(await program.ended, 0, program.error());
    assert.doesNotMatch(program.error(), /"level":"?(error|50)/);
  } finally {
    await remove();
  }
});

test('a kube-apiserver that says nothing any more keeps the program from its end no longer than it has', async () => {
  const { api, program, serving, remove } = await runInCluster('100ms');
  try {
    const server = await serving();
    const exposer = async () => (await askOnce(server, '/readyz/exposer?verbose')).text;
    await eventually(exposer, (text) => text.includes('this replica exposes'));
    api.misbehave(() => ({ delayMs: 60_000 }));
    const waiting = askOnce(server, '/apis').catch(() => undefined); // for a review of its access
    program.child.kill('SIGTERM');
    // beside the delay, as in docs/architecture.md
    assert.equal(await Promise.race([program.ended, delay(20_000, 'still running')]), 0, program.error());
    await waiting;
  } finally {
    await remove();
  }
});
