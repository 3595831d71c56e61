import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { PodLinks } from '../../../nodeagent/inventory/pod-links.js';
import { FLAG, MESSAGE, encodeInt32 } from '../../../nodeagent/rtnetlink/messages.js';
import { RtnetlinkSocket } from '../../../nodeagent/rtnetlink/socket.js';
import { ScriptedLibc, encodeAnswer, type Datagram } from '../../support/scripted-libc.js';

const NAME = 3;
const TARGET_NETNSID = 46;
const CALM = 1;
const OTHER = 2;

function linkMessage(sequence: number, ifindex: number, { nsid, flags = 0 }: { nsid?: number; flags?: number } = {}) {
  const name = Buffer.alloc(8);
  name.writeUInt16LE(8, 0);
  name.writeUInt16LE(NAME, 2);
  name.write(`e${ifindex % 100}`, 4);
  const ifinfo = Buffer.alloc(16);
  ifinfo.writeInt32LE(ifindex, 4);
  const target = nsid === undefined ? [] : [encodeInt32(TARGET_NETNSID, nsid)];
  return encodeAnswer(MESSAGE.newLink, Buffer.concat([ifinfo, name, ...target]), { sequence, flags });
}

interface Dumped {
  readonly sequence: number;
  readonly nsid: number;
}

/** The process 1000 + n is in the namespace of the id n, which has these links. */
function podLinks(linksOf: (dumped: Dumped) => readonly Buffer[]) {
  const told: string[] = [];
  const libc = new ScriptedLibc(({ type, sequence, body }): Datagram[] => {
    if (type === MESSAGE.getNsid) {
      const id = encodeInt32(1, body.readInt32LE(8) - 1_000);
      return [{ bytes: encodeAnswer(MESSAGE.newNsid, Buffer.concat([Buffer.alloc(4), id]), { sequence }) }];
    }
    const done = encodeAnswer(MESSAGE.done, Buffer.alloc(4), { sequence });
    return [...linksOf({ sequence, nsid: body.readInt32LE(20) }), done].map((bytes) => ({ bytes }));
  });
  const links = new PodLinks({
    socket: new RtnetlinkSocket(libc),
    state: { up: () => told.push('up'), off: (reason) => told.push(reason) },
  });
  const namesOf = (id: number, nowMs = 1) => {
    const found = links.linksOf(1_000 + id, nowMs);
    return Array.isArray(found) ? found.map(({ name }) => name) : found;
  };
  return { namesOf, told, libc };
}

const calm = ({ sequence, nsid }: Dumped) => [linkMessage(sequence, 1, { nsid }), linkMessage(sequence, 2, { nsid })];

test('links that change at each attempt are their pod’s own trouble', () => {
  const { namesOf, told } = podLinks((dumped) =>
    dumped.nsid === CALM
      ? calm(dumped)
      : [linkMessage(dumped.sequence, 2, { nsid: dumped.nsid, flags: FLAG.dumpInterrupted })],
  );
  assert.equal(namesOf(OTHER), 'restless');
  assert.deepEqual(namesOf(CALM), ['e1', 'e2']);
  assert.deepEqual(told, ['up']);
});

test('more links than a report takes are not read to their end', () => {
  const ports = REPORT_LIMITS.interfacesPerPod;
  const { namesOf, told } = podLinks(({ sequence, nsid }) =>
    Array.from({ length: 1 + ports + (nsid === CALM ? 0 : 1) }, (_, i) => linkMessage(sequence, i + 1, { nsid })),
  );
  assert.equal(namesOf(OTHER), 'restless');
  assert.equal(namesOf(CALM)?.length, 1 + ports);
  assert.deepEqual(told, ['up']);
});

test('a kernel that lists its own links instead tells none of a pod', () => {
  const { namesOf, told } = podLinks(({ sequence }) => [linkMessage(sequence, 1), linkMessage(sequence, 2)]);
  assert.equal(namesOf(CALM), undefined);
  assert.deepEqual(told, ['unsupported']);
});

test('what fails whoever is asked for is not tried again in a sweep', () => {
  let isBroken = true;
  const { namesOf, told, libc } = podLinks((dumped) => (isBroken ? [Buffer.from([1, 2, 3])] : calm(dumped)));
  assert.equal(namesOf(OTHER), undefined);
  const before = libc.asked.length;
  assert.equal(namesOf(CALM), undefined);
  assert.equal(libc.asked.length, before);
  isBroken = false;
  assert.deepEqual(namesOf(CALM, 2), ['e1', 'e2']);
  assert.deepEqual(told, ['failed', 'up']);
});
