import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { loadLibc } from '../../../nodeagent/rtnetlink/libc.js';
import { linkDumpRequest, parseLink } from '../../../nodeagent/rtnetlink/link.js';
import {
  FLAG,
  MESSAGE,
  attributeMap,
  encodeInt32,
  type Message,
  type Request,
} from '../../../nodeagent/rtnetlink/messages.js';
import { nsidRequest, parseNsid } from '../../../nodeagent/rtnetlink/nsid.js';
import { RtnetlinkSocket } from '../../../nodeagent/rtnetlink/socket.js';
import { vfDumpRequest, vfRequest } from '../../../nodeagent/rtnetlink/vf.js';
import { ScriptedLibc, encodeAnswer, type AskedFor, type Datagram } from '../../support/scripted-libc.js';

const NOTHING = Buffer.alloc(4);
const nsidBody = (id: number) => Buffer.concat([Buffer.alloc(4), encodeInt32(1, id)]);
const nsid = (id: number, options: Parameters<typeof encodeAnswer>[2]) =>
  encodeAnswer(MESSAGE.newNsid, nsidBody(id), options);
const done = (options: Parameters<typeof encodeAnswer>[2]) => encodeAnswer(MESSAGE.done, NOTHING, options);

function scripted(answer: (asked: AskedFor, attempt: number) => readonly Datagram[]) {
  let attempts = 0;
  const libc = new ScriptedLibc((asked) => answer(asked, ++attempts));
  return { libc, socket: new RtnetlinkSocket(libc) };
}

test('the kernel lists the links of this machine, lo among them', async () => {
  const socket = new RtnetlinkSocket(await loadLibc());
  const links = socket.dump(linkDumpRequest(), parseLink);
  assert.deepEqual(links.find(({ ifindex }) => ifindex === 1)?.name, 'lo');
  assert.throws(() => socket.ask(nsidRequest(4_194_304)), { code: 'NODEAGENT_NETLINK', reason: 'ESRCH' });
  assert.equal(socket.dump(linkDumpRequest(), parseLink).length > 0, true);
  socket.close();
});

test('the kernel says how many VFs a device has where it is asked for VFs', async (t) => {
  const isDevice = (name: string): boolean => existsSync(`/sys/class/net/${name}/device`);
  const socket = new RtnetlinkSocket(await loadLibc());
  const ifindices = new Set(
    socket.dump(linkDumpRequest(), parseLink).flatMap(({ ifindex, name }) => (isDevice(name) ? [ifindex] : [])),
  );
  const numVf = ({ body }: Message) =>
    attributeMap(body.subarray(16), new Set([21]))
      .get(21)
      ?.readUInt32LE();
  const countsOf = (request: Request) =>
    socket.dump(request, (message) => {
      const link = parseLink(message);
      return link !== undefined && ifindices.has(link.ifindex) ? { numVf: numVf(message) } : undefined;
    });
  const [first] = ifindices;
  const one = first === undefined ? undefined : socket.ask(vfRequest(first));
  const [asked, unasked] = [countsOf(vfDumpRequest()), countsOf(linkDumpRequest())];
  socket.close();
  if (one === undefined) {
    t.skip('no interface of a device here');
    return;
  }
  assert.equal(typeof numVf(one), 'number');
  assert.equal(asked.length, ifindices.size);
  assert.ok(asked.every((link) => typeof link.numVf === 'number'));
  assert.ok(unasked.every((link) => link.numVf === undefined));
});

test('what answers another request, another socket or comes from nobody in the kernel is passed over', () => {
  const { socket } = scripted(({ sequence }) => [
    { bytes: nsid(1, { sequence: sequence - 1 }) },
    { bytes: nsid(2, { sequence, port: 99 }) },
    { bytes: nsid(3, { sequence }), sender: 99 },
    { bytes: nsid(4, { sequence }) },
  ]);
  const answer = socket.ask(nsidRequest(1));
  assert.equal(answer && parseNsid(answer), 4);
});

test('what changed while it was listed is listed again', () => {
  const { socket, libc } = scripted(({ sequence }, attempt) => [
    { bytes: nsid(attempt, { sequence, flags: attempt < 3 ? FLAG.dumpInterrupted : 0 }) },
    { bytes: done({ sequence }) },
  ]);
  assert.deepEqual(socket.dump(linkDumpRequest(), parseNsid), [3]);
  assert.equal(libc.asked.length, 3);
});

test('what changes at each attempt is an error, and tried four times', () => {
  const { socket, libc } = scripted(({ sequence }) => [{ bytes: done({ sequence, flags: FLAG.dumpInterrupted }) }]);
  assert.throws(() => socket.dump(linkDumpRequest(), parseNsid), { code: 'NODEAGENT_NETLINK', reason: 'EINTR' });
  assert.equal(libc.asked.length, 4);
});

test('an answer that was cut is asked for again with more room', () => {
  const large = encodeAnswer(1, Buffer.alloc(100_000));
  const { socket } = scripted(({ sequence }) => [
    { bytes: Buffer.concat([large, nsid(5, { sequence })]) },
    { bytes: done({ sequence }) },
  ]);
  assert.deepEqual(socket.dump(linkDumpRequest(), parseNsid), [5]);
});

test('an answer larger than a mebibyte is an error', () => {
  const { socket, libc } = scripted(() => [{ bytes: encodeAnswer(1, Buffer.alloc(2 ** 20)) }]);
  assert.throws(() => socket.ask(nsidRequest(1)), { reason: 'EMSGSIZE' });
  assert.equal(libc.open, 0);
});

test('no answer in time is an error, and the next request has a new socket', () => {
  const { socket, libc } = scripted(({ sequence }, attempt) =>
    attempt === 1 ? [] : [{ bytes: nsid(6, { sequence }) }],
  );
  assert.throws(() => socket.ask(nsidRequest(1)), { reason: 'ETIMEDOUT' });
  assert.equal(libc.open, 0);
  const answer = socket.ask(nsidRequest(1));
  assert.equal(answer && parseNsid(answer), 6);
});

test('bytes that are no messages are an error of their own', () => {
  const { socket } = scripted(() => [{ bytes: Buffer.from([1, 2, 3]) }]);
  assert.throws(() => socket.ask(nsidRequest(1)), { code: 'NODEAGENT_NETLINK_PARSE' });
});

test('a listing that never ends is given up', () => {
  const { socket } = scripted(({ sequence }) =>
    Array.from({ length: 10_001 }, () => ({ bytes: nsid(1, { sequence }) })),
  );
  assert.throws(() => socket.dump(linkDumpRequest(), parseNsid), { reason: 'EMSGSIZE' });
});

test("a listing of more than is wanted is given up, and its rest is nobody's", () => {
  const { socket, libc } = scripted(({ sequence }, attempt) => [
    ...Array.from({ length: attempt === 1 ? 3 : 2 }, () => ({ bytes: nsid(attempt, { sequence }) })),
    { bytes: done({ sequence }) },
  ]);
  assert.throws(() => socket.dump(linkDumpRequest(), parseNsid, 2), { code: 'NODEAGENT_NETLINK', reason: 'EMSGSIZE' });
  assert.equal(libc.open, 0);
  assert.deepEqual(socket.dump(linkDumpRequest(), parseNsid, 2), [2, 2]);
});
