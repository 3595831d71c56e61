import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HostInterfaces, LINK_EVENTS } from '../../../nodeagent/inventory/host-interfaces.js';
import { MESSAGE, encodeInt32, messagesOf } from '../../../nodeagent/rtnetlink/messages.js';
import { RtnetlinkSocket } from '../../../nodeagent/rtnetlink/socket.js';
import { ScriptedLibc, encodeAnswer, readdressed } from '../../support/scripted-libc.js';

const DUMP = readFileSync('test/fixtures/rtnetlink/veth-host.bin');
const LINKS = [...messagesOf(DUMP)].filter(({ type }) => type === MESSAGE.newLink);
const NOTHING = Buffer.alloc(16);
const NO_DEVICE = Buffer.alloc(20);
NO_DEVICE.writeInt32LE(-19, 0); // ENODEV

/** What the dump has of an interface. */
function linkBody(name: string): Buffer {
  const found = LINKS.find(({ body }) => body.includes(`${name}\0`));
  return Buffer.from(found?.body ?? assert.fail(name));
}

function renamed(name: string, newName: string): Buffer {
  const body = linkBody(name);
  body.write(newName, body.indexOf(`${name}\0`));
  return body;
}

const linkEvent = (body: Buffer) => encodeAnswer(MESSAGE.newLink, body);

/** The recorded host of three pods; the process 1000 + n is in the namespace of the id n. */
function hostOf(
  onAsked: (libc: ScriptedLibc, type: number) => void = () => undefined,
  onAsk: (link: Buffer) => Buffer | undefined = (link) => link,
) {
  const told: string[] = [];
  const libc = new ScriptedLibc(({ type, sequence, body }) => {
    onAsked(libc, type);
    const ifindex = type === MESSAGE.getLink ? body.readInt32LE(4) : 0; // 0: all of them
    const one = LINKS.find((link) => link.body.readInt32LE(4) === ifindex);
    if (one !== undefined) {
      const link = onAsk(one.body);
      const type = link === undefined ? MESSAGE.error : MESSAGE.newLink;
      return [{ bytes: encodeAnswer(type, link ?? NO_DEVICE, { sequence }) }];
    }
    if (type === MESSAGE.getLink) return [{ bytes: readdressed(DUMP, sequence) }];
    const id = encodeInt32(1, body.readInt32LE(8) - 1_000);
    return [{ bytes: encodeAnswer(MESSAGE.newNsid, Buffer.concat([Buffer.alloc(4), id]), { sequence }) }];
  });
  const interfaces = new HostInterfaces({
    ownInode: 1,
    socket: new RtnetlinkSocket(libc),
    events: new RtnetlinkSocket(libc, LINK_EVENTS),
    state: { up: () => told.push('up'), off: (reason) => told.push(reason) },
  });
  const dumps = () =>
    libc.asked.filter(({ type, body }) => type === MESSAGE.getLink && body.readInt32LE(4) === 0).length;
  const namesOf = (id: number, nowMs: number) =>
    Object.fromEntries(interfaces.namesOf({ inode: 10 + id, pid: 1_000 + id }, nowMs));
  return { libc, dumps, namesOf, told };
}

test('equal ifindexes in several namespaces have each its own other end', () => {
  const { namesOf, dumps } = hostOf();
  assert.deepEqual(
    [namesOf(0, 1), namesOf(1, 1), namesOf(2, 1)],
    [{ 2: 'ktv10', 3: 'ktv11' }, { 2: 'ktv20', 3: 'ktv21' }, { 2: 'ktv30' }],
  );
  assert.equal(dumps(), 1);
});

test('while nothing changes the kernel is asked nothing', () => {
  const { namesOf, libc } = hostOf();
  namesOf(0, 1);
  const before = libc.asked.length;
  assert.deepEqual(namesOf(0, 59_000), { 2: 'ktv10', 3: 'ktv11' });
  assert.equal(libc.asked.length, before);
});

test('links are listed again a minute later, or when one of them changed', () => {
  const { namesOf, dumps, libc } = hostOf();
  namesOf(0, 1);
  namesOf(0, 60_001);
  assert.equal(dumps(), 2);
  libc.event(linkEvent(renamed('ktv10', 'ktv99')));
  namesOf(0, 60_002);
  assert.equal(dumps(), 3);
});

test('a new id is no change, and one that ended is', () => {
  const { namesOf, dumps, libc } = hostOf();
  namesOf(0, 1);
  libc.event(encodeAnswer(MESSAGE.newNsid, NOTHING));
  namesOf(0, 2);
  assert.equal(dumps(), 1);
  libc.event(encodeAnswer(MESSAGE.delNsid, NOTHING));
  namesOf(0, 3);
  assert.equal(dumps(), 2);
});

test('an interface that goes up and down, however often, is no change', () => {
  const { namesOf, dumps, libc } = hostOf();
  namesOf(0, 1);
  for (let n = 0; n < 50; n++) {
    const body = linkBody('ktv10');
    body.writeUInt32LE(n % 2, 8); // its flags
    libc.event(linkEvent(body));
    libc.event(linkEvent(linkBody('lo')));
    assert.deepEqual(namesOf(0, 1), { 2: 'ktv10', 3: 'ktv11' });
  }
  assert.equal(dumps(), 1);
});

test('an end that is gone, or new, is a change', () => {
  const { namesOf, dumps, libc } = hostOf();
  namesOf(0, 1);
  libc.event(encodeAnswer(MESSAGE.delLink, linkBody('ktv10')));
  namesOf(0, 2);
  assert.equal(dumps(), 2);
  const unknown = linkBody('ktv10');
  unknown.writeInt32LE(4_711, 4);
  libc.event(encodeAnswer(MESSAGE.delLink, unknown));
  namesOf(0, 3);
  assert.equal(dumps(), 2);
  libc.event(linkEvent(unknown));
  namesOf(0, 4);
  assert.equal(dumps(), 3);
});

test('while ends change all the time, those that still hold are told one by one', () => {
  const changing = renamed('ktv10', 'ktv99');
  const { namesOf, dumps } = hostOf(
    (libc, type) => {
      if (type === MESSAGE.getNsid) libc.event(linkEvent(changing));
    },
    (link) => (link.readInt32LE(4) === changing.readInt32LE(4) ? changing : link),
  );
  assert.deepEqual(
    [namesOf(0, 1), namesOf(1, 1), namesOf(2, 1)],
    [{ 3: 'ktv11' }, { 2: 'ktv20', 3: 'ktv21' }, { 2: 'ktv30' }],
  );
  assert.equal(dumps(), 3);
});

test('an end that is gone is not told, though its listing is the last there is', () => {
  let isGone = false;
  const { namesOf } = hostOf(
    (libc, type) => {
      if (type === MESSAGE.getNsid) libc.event(encodeAnswer(MESSAGE.delNsid, NOTHING));
    },
    (link) => (isGone ? undefined : link),
  );
  assert.deepEqual(namesOf(2, 1), { 2: 'ktv30' });
  isGone = true;
  assert.deepEqual(namesOf(2, 1), {});
});

test('interfaces of the own namespace have no other end', () => {
  const { namesOf, libc } = hostOf();
  assert.deepEqual(namesOf(-9, 1), {});
  assert.equal(libc.asked.length, 0);
});

test('a failure is told, and the next sweep tries again', () => {
  let failures = 1;
  const { namesOf, told } = hostOf((libc, type) => {
    if (type === MESSAGE.getLink && failures-- > 0) libc.close(102);
  });
  assert.deepEqual(namesOf(0, 1), {});
  assert.deepEqual(told, ['failed']);
  assert.deepEqual(namesOf(2, 1), {});
  assert.deepEqual(namesOf(2, 2), { 2: 'ktv30' });
  assert.deepEqual(told, ['failed', 'up']);
});
