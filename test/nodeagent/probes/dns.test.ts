import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import process from 'node:process';
import { test } from 'node:test';
import { TRUNCATED_RESPONSE } from 'dns-packet';
import type { DnsProtocol } from '../../../nodeagent/probes/dns-message.js';
import { MessageReader } from '../../../nodeagent/probes/dns-wire.js';
import { lookUp } from '../../../nodeagent/probes/dns.js';
import type { HostPort } from '../../../runtime/options/kinds.js';
import { systemClock } from '../../../runtime/clock.js';
import { eventually } from '../../support/programs.js';
import {
  addressOf,
  answerTo,
  frame,
  questionOf,
  scriptTcp,
  scriptUdp,
  type AnswerParts,
  type ScriptedServer,
} from '../../support/scripted-dns.js';

const HOST = 'web.podnet.test.';
/** Where an answer comes: nothing waits for so long. */
const PATIENT_MS = 10_000;
/** Where none comes. */
const BRIEF_MS = 300;

interface Asked {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const ask = (
  server: Pick<ScriptedServer, 'address' | 'port'> | HostPort,
  protocol: DnsProtocol,
  { timeoutMs = PATIENT_MS, signal = new AbortController().signal }: Asked = {},
) => {
  const host = 'host' in server ? server.host : server.address;
  return lookUp({ host: HOST, server: { host, port: server.port }, protocol }, { timeoutMs, signal }, systemClock);
};

/** @returns `ok`, or the reason */
const told = async (...asked: Parameters<typeof ask>) => {
  const outcome = await ask(...asked);
  if (!outcome.ok) return outcome.reason;
  assert.ok(outcome.seconds > 0 && outcome.seconds < PATIENT_MS / 1_000);
  return 'ok';
};

/** What a lookup comes to when A and AAAA are answered so. */
async function toldOf(protocol: DnsProtocol, answerA: Answering, answerAAAA: Answering, asked: Asked = {}) {
  const answer = (query: Buffer) => (questionOf(query).type === 'A' ? answerA : answerAAAA)(query);
  const server =
    protocol === 'udp'
      ? await scriptUdp((query, reply) => answer(query).forEach(reply))
      : await scriptTcp((queries, socket) => socket.write(frame(...queries.flatMap(answer))));
  try {
    return await told(server, protocol, asked);
  } finally {
    await server.close();
  }
}

type Answering = (query: Buffer) => readonly Buffer[];
const address: Answering = (query) => [answerTo(query, addressOf(query))];
const silence: Answering = () => [];
const answer =
  (parts: AnswerParts): Answering =>
  (query) => [answerTo(query, parts)];
const none = answer({});
const nxdomain = answer({ rcode: 3 });

const sockets = () => process.getActiveResourcesInfo().filter((one) => /^(udp|tcp|timeout)/i.test(one)).length;
const PROTOCOLS = ['udp', 'tcp'] as const;

for (const protocol of PROTOCOLS) {
  const over = `over ${protocol.toUpperCase()}`;

  test(`${over} a name with addresses of either family is found`, async () => {
    assert.equal(await toldOf(protocol, address, address), 'ok');
    assert.equal(await toldOf(protocol, address, none), 'ok');
    assert.equal(await toldOf(protocol, none, address), 'ok');
    assert.equal(await toldOf(protocol, none, none), 'empty');
  });

  test(`${over} a lookup fails when either answer does, for its reason`, async () => {
    const reasons = [
      ['nxdomain', nxdomain],
      ['servfail', answer({ rcode: 2 })],
      ['refused', answer({ rcode: 5 })],
      ['rcode', answer({ rcode: 4 })],
      ['malformed', (query: Buffer) => [answerTo(query, addressOf(query)).subarray(0, -1)]],
    ] as const;
    for (const [reason, failing] of reasons) {
      assert.equal(await toldOf(protocol, failing, failing), reason);
      assert.equal(await toldOf(protocol, address, failing), reason);
      assert.equal(await toldOf(protocol, failing, none), reason);
    }
  });

  test(`${over} the server’s own trouble goes before silence, that before the name’s`, async () => {
    const brief = { timeoutMs: BRIEF_MS };
    assert.equal(await toldOf(protocol, answer({ rcode: 2 }), silence, { timeoutMs: 2_000 }), 'servfail');
    assert.equal(await toldOf(protocol, nxdomain, silence, brief), 'timeout');
    assert.equal(await toldOf(protocol, address, silence, brief), 'timeout');
    assert.equal(await toldOf(protocol, nxdomain, answer({ rcode: 5 })), 'refused');
    assert.equal(await toldOf(protocol, answer({ rcode: 5 }), answer({ rcode: 2 })), 'servfail');
    assert.equal(await toldOf(protocol, nxdomain, none), 'nxdomain');
  });

  test(`${over} a silent server is a timeout, and a port where nobody listens refuses`, async () => {
    assert.equal(await toldOf(protocol, silence, silence, { timeoutMs: BRIEF_MS }), 'timeout');
    const server = await (protocol === 'udp' ? scriptUdp(() => undefined) : scriptTcp(() => undefined));
    await server.close();
    assert.equal(await told(server, protocol), 'refused');
  });

  test(`${over} servers are asked over IPv6`, async () => {
    const server = await (protocol === 'udp'
      ? scriptUdp((query, reply) => address(query).forEach(reply), '::1')
      : scriptTcp((queries, socket) => socket.write(frame(...queries.flatMap(address))), '::1'));
    assert.equal(await told(server, protocol), 'ok');
    await server.close();
    assert.equal(await told(server, protocol), 'refused');
  });

  test(`${over} a server whose name has no address fails for that`, async () => {
    assert.equal(await told({ host: 'dns.invalid', port: 53 }, protocol, { timeoutMs: 1_000 }), 'dns');
  });

  test(`${over} nothing is left of lookups that ended, in whatever way`, async () => {
    const before = sockets();
    await toldOf(protocol, address, address);
    await toldOf(protocol, answer({ rcode: 2 }), silence, { timeoutMs: BRIEF_MS });
    await toldOf(protocol, silence, silence, { timeoutMs: BRIEF_MS });
    await told({ host: '127.0.0.1', port: 1 }, protocol);
    const server = await (protocol === 'udp' ? scriptUdp(() => undefined) : scriptTcp(() => undefined));
    const aborting = new AbortController();
    const outcome = ask(server, protocol, { signal: aborting.signal });
    setTimeout(() => aborting.abort(), 20);
    assert.equal((await outcome).ok, false, 'long before its timeout');
    assert.equal((await ask(server, protocol, { signal: AbortSignal.abort() })).ok, false);
    await server.close();
    await eventually(sockets, (now) => now <= before);
  });
}

test('over UDP forged answers before the right one change nothing', async () => {
  const parts: readonly AnswerParts[] = [
    { rcode: 3, id: 0 },
    { rcode: 2, questions: [{ name: 'other.podnet.test', type: 'A' }] },
    { questions: [] },
  ];
  const forge = (query: Buffer): Buffer[] => {
    const wrong = parts.map((one) =>
      answerTo(query, { ...one, ...(one.id === 0 && { id: query.readUInt16BE() ^ 0xff }) }),
    );
    return [...wrong, query, Buffer.alloc(0), Buffer.from('not DNS'), Buffer.alloc(2_000)];
  };
  const forgedFirst =
    (right: Answering): Answering =>
    (query) => [...forge(query), ...right(query)];
  assert.equal(await toldOf('udp', forgedFirst(address), forgedFirst(address)), 'ok');
  assert.equal(await toldOf('udp', forgedFirst(nxdomain), forgedFirst(address)), 'nxdomain');
  assert.equal(
    await toldOf('udp', forge, forge, { timeoutMs: BRIEF_MS }),
    'timeout',
    'with nothing but them there is none',
  );
});

test('over UDP an answer from elsewhere is none, and the same answer twice is one', async () => {
  const elsewhere = createSocket('udp4');
  const server = await scriptUdp((query, reply, { port }) => {
    if (questionOf(query).type === 'A') address(query).concat(address(query)).forEach(reply);
    else address(query).forEach((bytes) => elsewhere.send(bytes, port, '127.0.0.1'));
  });
  assert.equal(await told(server, 'udp', { timeoutMs: BRIEF_MS }), 'timeout');
  await server.close();
  elsewhere.close();
});

test('over UDP both queries leave from one port, another for each lookup, with ids of their own', async () => {
  const ports: number[] = [];
  const ids: number[] = [];
  const server = await scriptUdp((query, reply, { port }) => {
    ports.push(port);
    ids.push(query.readUInt16BE());
    address(query).forEach(reply);
  });
  for (let n = 0; n < 8; n++) assert.equal(await told(server, 'udp'), 'ok');
  await server.close();
  assert.ok(ports.every((port, n) => n % 2 === 0 || port === ports[n - 1]));
  assert.ok(new Set(ports).size > 4);
  assert.ok(new Set(ids).size > 12);
});

test('over UDP an answer that is truncated or too large fails for that', async () => {
  assert.equal(await toldOf('udp', answer({ flags: TRUNCATED_RESPONSE }), address), 'truncated');
  const large: Answering = (query) => [
    answerTo(query, { answers: Array.from({ length: 100 }, () => addressOf(query).answers).flat() }),
  ];
  assert.equal(await toldOf('udp', large, address), 'malformed');
  assert.equal(await toldOf('tcp', large, address), 'ok');
});

/** What a lookup comes to over a connection on which this is done. */
async function toldOnConnection(act: Parameters<typeof scriptTcp>[0], asked: Asked = {}) {
  const server = await scriptTcp(act);
  try {
    return await told(server, 'tcp', asked);
  } finally {
    await server.close();
  }
}

test('over TCP answers come in any order and cut anywhere', async () => {
  const ok = toldOnConnection(([first, second], socket) => {
    socket.setNoDelay();
    const bytes = frame(...address(second), ...address(first));
    let at = 0;
    const dribble = setInterval(() => {
      if (at < bytes.length) socket.write(bytes.subarray(at, ++at));
      else clearInterval(dribble);
    }, 1);
  });
  assert.equal(await ok, 'ok');
});

test('over TCP a server that never ends its answer is a timeout', async () => {
  const dribbling = toldOnConnection(
    ([first, second], socket) => {
      const bytes = frame(...address(first), ...address(second));
      socket.write(bytes.subarray(0, -1));
    },
    { timeoutMs: BRIEF_MS },
  );
  assert.equal(await dribbling, 'timeout');
});

test('over TCP a connection that is closed or reset early is a reset', async () => {
  assert.equal(await toldOnConnection((_, socket) => socket.end()), 'reset');
  assert.equal(await toldOnConnection((_, socket) => socket.resetAndDestroy()), 'reset');
  assert.equal(await toldOnConnection(([first], socket) => socket.end(frame(...address(first)))), 'reset');
  assert.equal(await toldOnConnection((queries, socket) => socket.end(frame(...queries.flatMap(address)))), 'ok');
});

test('over TCP what is no answer to a query is malformed', async () => {
  const wrong: readonly Answering[] = [
    (query) => [answerTo(query, { ...addressOf(query), id: query.readUInt16BE() ^ 0xff })],
    answer({ questions: [{ name: 'other.podnet.test', type: 'A' }] }),
    (query) => [query],
    () => [Buffer.alloc(0)],
    () => [Buffer.alloc(0xff_ff)],
  ];
  for (const one of wrong) {
    assert.equal(await toldOnConnection(([first], socket) => socket.write(frame(...one(first)))), 'malformed');
  }
  assert.equal(
    await toldOnConnection(([first], socket) => socket.write(frame(...address(first), ...address(first)))),
    'malformed',
  );
  assert.equal(
    await toldOnConnection((_, socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(2_000))),
    'malformed',
  );
});

test('over TCP two queries are one connection', async () => {
  const ports = new Set<number | undefined>();
  await toldOnConnection((queries, socket) => {
    ports.add(socket.remotePort);
    assert.deepEqual(
      queries.map((query) => questionOf(query).type),
      ['A', 'AAAA'],
    );
    socket.write(frame(...queries.flatMap(address)));
  });
  assert.equal(ports.size, 1);
});

test('messages are cut from a stream, however it comes', () => {
  const messages = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(65_535, 7), Buffer.from('last')];
  const stream = frame(...messages);
  for (const size of [1, 2, 3, 1_000, stream.length]) {
    const reader = new MessageReader();
    const read: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) read.push(...reader.read(stream.subarray(at, at + size)));
    assert.deepEqual(read, messages);
  }
});

test('a timeout may be of any length, also where the server is given by name', async () => {
  for (const protocol of PROTOCOLS) {
    assert.equal(await told({ host: 'dns.invalid', port: 53 }, protocol, { timeoutMs: 1_001 }), 'dns');
  }
});
