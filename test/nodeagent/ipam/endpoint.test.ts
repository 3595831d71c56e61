// The endpoint of ipamd, read over real connections from servers with every fault.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { readAwscni } from '../../../nodeagent/ipam/awscni-text.js';
import { createEndpointSource } from '../../../nodeagent/ipam/endpoint.js';
import { IpamReadError, type IpamReading } from '../../../nodeagent/ipam/source.js';
import type { SourceOff } from '../../../nodeagent/source-states.js';
import { IpamdServer, type IpamdFault } from '../../support/ipamd-server.js';
import { eventually } from '../../support/programs.js';

const TEXT = 'awscni_eni_max 15\nawscni_eni_allocated 3\n'.repeat(100);
const NOTHING: IpamReading = { families: [], leftOut: [], pools: [], bad: [] };

/** What is read at a URL: the text, or why there is none. */
async function read(url: string, signal = AbortSignal.timeout(30_000)): Promise<string> {
  let text = '';
  const parse = (body: Uint8Array): IpamReading => ((text = Buffer.from(body).toString()), NOTHING);
  const source = createEndpointSource({ name: 'awscni', url: new URL(url), parse });
  try {
    await source.read(signal);
    return text;
  } catch (error) {
    assert.ok(error instanceof IpamReadError, String(error));
    return `${error.reason}: ${error.message}`;
  }
}

async function ipamd(t: TestContext, fault?: IpamdFault): Promise<IpamdServer> {
  const server = await IpamdServer.start(TEXT);
  t.after(() => server.close());
  server.fault = fault;
  return server;
}

test('the text is read as it is served, and asked for in the one format that is understood', async (t) => {
  const server = await ipamd(t);
  assert.equal(await read(server.url), TEXT);
  const { accept, 'accept-encoding': encoding, connection } = server.requests[0] ?? {};
  assert.deepEqual([accept, encoding, connection], ['text/plain;version=0.0.4', 'identity', 'close']);
});

test('IPv6 is as good', async (t) => {
  const server = await IpamdServer.start(TEXT, '::1').catch(() => undefined);
  if (server === undefined) {
    t.skip('no IPv6 on loopback');
    return;
  }
  t.after(() => server.close());
  assert.equal(await read(server.url), TEXT);
});

test('where nothing listens there is no such source', async (t) => {
  const server = await ipamd(t);
  await server.refuse();
  assert.match(await read(server.url), /^not_found: .*ECONNREFUSED/);
  assert.match(await read(server.url.replace('127.0.0.1', 'localhost')), /^not_found: .*ECONNREFUSED/);
});

test('the log tells where an answer is not UTF-8', async (t) => {
  const server = await ipamd(t, 'not-utf8');
  const source = createEndpointSource({ name: 'awscni', url: new URL(server.url), parse: readAwscni });
  const refusal = { reason: 'failed', message: /line \d+: the text is not UTF-8/ };
  await assert.rejects(source.read(AbortSignal.timeout(30_000)), refusal);
});

const FAULTS: readonly (readonly [fault: IpamdFault, reason: SourceOff, message: RegExp])[] = [
  ['cut', 'unreachable', /aborted|ECONNRESET/],
  ['cut-chunked', 'unreachable', /aborted|ECONNRESET/],
  ['reset', 'unreachable', /ECONNRESET/],
  ['huge', 'failed', /larger than 4194304 bytes/],
  ['huge-announced', 'failed', /larger than 4194304 bytes/],
  ['not-http', 'failed', /not HTTP/],
  ['unsized', 'failed', /does not tell how long its answer is/],
  ['gzip', 'failed', /in gzip/],
  ['openmetrics', 'failed', /openmetrics-text.*not text\/plain/],
  ['redirect', 'failed', /answers 302, not 200/],
  ['unauthorized', 'not_permitted', /answers 401/],
  ['forbidden', 'not_permitted', /answers 403/],
  ['error', 'failed', /answers 500, not 200/],
];
for (const [fault, reason, message] of FAULTS) {
  test(`an endpoint with the fault ${fault} is ${reason}`, async (t) => {
    const server = await ipamd(t, fault);
    const told = await read(server.url);
    assert.equal(told.slice(0, told.indexOf(':')), reason, told);
    assert.match(told, message);
    assert.equal(server.requests.length, 1, 'a redirect is not followed, nothing is tried twice');
  });
}

test('of what is too large the rest is not read', async (t) => {
  const server = await ipamd(t, 'huge');
  await read(server.url);
  // what the two kernels and the two programs hold in their buffers is a matter of some megabytes
  assert.ok(server.writtenBytes < 40 * 1024 * 1024, String(server.writtenBytes));
});

for (const fault of ['hang', 'stall', 'trickle'] as const) {
  test(`the signal ends a request to an endpoint with the fault ${fault}, and its connection`, async (t) => {
    const server = await ipamd(t, fault);
    const controller = new AbortController();
    const told = read(server.url, controller.signal);
    await eventually(
      () => server.requests.length,
      (seen) => seen === 1,
    );
    controller.abort();
    assert.match(await told, /^unreachable: /);
    await eventually(
      () => server.connections(),
      (seen) => seen === 0,
    );
  });
}

test('what does not even listen to HTTP and says nothing is ended by the signal', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  assert.match(await read(`http://127.0.0.1:${port}/metrics`, AbortSignal.timeout(100)), /^unreachable: /);
});

test('headers without end are not HTTP', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    socket.write(`HTTP/1.1 200 OK\r\n${'x-more: and more of it\r\n'.repeat(10_000)}`);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  assert.match(await read(`http://127.0.0.1:${port}/metrics`), /^failed: .*not HTTP/);
});
