import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { CriClient } from '../../../nodeagent/cri/client.js';
import { GrpcError } from '../../../nodeagent/grpc/errors.js';
import { PlayedNode, recordedBytes, startCriServer, type Handlers } from '../../support/cri-server.js';
import { makeSocketDirectory } from '../../support/grpc-server.js';
import { eventually } from '../../support/programs.js';

const signal = new AbortController().signal;

/** The error of asking a server for its sandboxes. */
async function failureOf(handlers: Handlers, options: Partial<ConstructorParameters<typeof CriClient>[0]> = {}) {
  await using directory = await makeSocketDirectory();
  const server = await startCriServer(directory.socketPath, handlers);
  const client = new CriClient({ socketPath: directory.socketPath, ...options });
  try {
    return await client.listPodSandboxes(signal).then(
      (answer) => assert.fail(`no error: ${JSON.stringify(answer)}`),
      (error: unknown) => error,
    );
  } finally {
    client.disconnect();
    server.stop();
  }
}

test('bytes of containerd come through the socket', async () => {
  await using directory = await makeSocketDirectory();
  const server = await startCriServer(directory.socketPath, {
    ListPodSandbox: () => recordedBytes('containerd-2.1.9', 'ListPodSandbox'),
  });
  const client = new CriClient({ socketPath: directory.socketPath });
  try {
    const answer = (await client.listPodSandboxes(signal)) as { items: { metadata: { name: string } }[] };
    assert.deepEqual(answer.items.map(({ metadata }) => metadata.name).sort(), ['web-0', 'web-1']);
  } finally {
    client.disconnect();
    server.stop();
  }
});

test('a socket that is not there is not found', async () => {
  const client = new CriClient({ socketPath: '/nonexistent/podnet-cri.sock' });
  await assert.rejects(client.version(signal), {
    name: 'GrpcError',
    reason: 'not_found',
    message: 'Version: connect ENOENT',
  });
  client.disconnect();
});

test('a runtime that does not answer in time is unreachable', async () => {
  const error = await failureOf({ ListPodSandbox: () => new Promise(() => undefined) }, { listTimeoutMs: 100 });
  assert.ok(error instanceof GrpcError);
  assert.deepEqual([error.reason, error.message], ['unreachable', 'ListPodSandbox: no answer in time']);
});

test('a runtime that accepts and says nothing is unreachable on one connection', async () => {
  await using directory = await makeSocketDirectory();
  const accepted: Socket[] = [];
  const silent = createServer((socket) => accepted.push(socket)).listen(directory.socketPath);
  const client = new CriClient({ socketPath: directory.socketPath, listTimeoutMs: 100 });
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(client.version(signal), { reason: 'unreachable' });
    client.disconnect();
  }
  assert.equal(accepted.length, 1);
  for (const socket of accepted) socket.destroy();
  silent.close();
});

test('a connection that is given up is closed', async () => {
  await using directory = await makeSocketDirectory();
  const client = new CriClient({ socketPath: directory.socketPath, listTimeoutMs: 100 });
  const server = await startCriServer(directory.socketPath, { Version: () => new Promise(() => undefined) });
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      await assert.rejects(client.version(signal), { reason: 'unreachable' });
      client.disconnect();
      await eventually(
        () => readFileSync('/proc/self/net/unix', 'utf8').split(directory.socketPath).length - 1,
        (sockets) => sockets === 1, // the one that listens
      );
    }
  } finally {
    server.stop();
  }
});

test('a socket of something else is unreachable', async () => {
  await using directory = await makeSocketDirectory();
  const other = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  }).listen(directory.socketPath);
  const client = new CriClient({ socketPath: directory.socketPath, listTimeoutMs: 5_000 });
  await assert.rejects(client.version(signal), { reason: 'unreachable' });
  client.disconnect();
  other.close();
});

test('bytes that are no message are a failure', async () => {
  const error = await failureOf({ ListPodSandbox: () => Buffer.from('this is no message') });
  assert.ok(error instanceof GrpcError);
  assert.equal(error.reason, 'failed');
});

test('an answer larger than its bound is a failure', async () => {
  const node = PlayedNode.recorded('containerd-1.6.20');
  const error = await failureOf(node.handlers(), { maxMessageBytes: 64 });
  assert.ok(error instanceof GrpcError);
  assert.match(error.message, /ListPodSandbox: .*64/);
  assert.equal(error.reason, 'failed');
});

test('a runtime without the service is unsupported', async () => {
  const error = await failureOf({});
  assert.ok(error instanceof GrpcError);
  assert.equal(error.reason, 'unsupported');
});

test('an abort ends a call under way', async () => {
  await using directory = await makeSocketDirectory();
  const stop = new AbortController();
  const server = await startCriServer(directory.socketPath, {
    Version: () => {
      stop.abort();
      return new Promise(() => undefined);
    },
  });
  const client = new CriClient({ socketPath: directory.socketPath });
  await assert.rejects(client.version(stop.signal), GrpcError);
  await assert.rejects(client.version(stop.signal), GrpcError);
  client.disconnect();
  server.stop();
});
