import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { test } from 'node:test';
import { NetlinkParseError } from '../../../nodeagent/rtnetlink/errors.js';
import { parseLink, parseLinkEvent } from '../../../nodeagent/rtnetlink/link.js';
import { MESSAGE, attributesOf, messagesOf } from '../../../nodeagent/rtnetlink/messages.js';
import { parseVfs } from '../../../nodeagent/rtnetlink/vf.js';
import { encodeAnswer } from '../../support/scripted-libc.js';
import { encodeAttribute, linkBody, vfInfo, vfSetting } from '../../support/vf-messages.js';

const FIXTURES = 'test/fixtures/rtnetlink';
/** A failure prints it; given again it repeats the run. */
const SEED = Number(process.env['PODNET_FUZZ_SEED'] ?? randomInt(1, 2 ** 31));

/** Around each message, and in none: what is read of it was read outside. */
const POISON = 0xd5;
const INSTEAD = 0xd4;
const MARGIN = 80 * 1024;
const HEADER_BYTES = 16;
const FIRST_ATTRIBUTE = 32;

let state = SEED >>> 0 || 1;
/** xorshift32. @returns less than `below`, or 0 */
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % Math.max(1, below);
}
const oneOf = <T>(items: readonly T[]): T => {
  const item = items[random(items.length)];
  assert.ok(item !== undefined);
  return item;
};

/** The recorded messages, one by one, and short ones with all that is read of them. */
function corpus(): { readonly small: readonly Buffer[]; readonly large: readonly Buffer[] } {
  const recorded = readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.bin'))
    .flatMap((name) => [...messagesOf(readFileSync(`${FIXTURES}/${name}`))])
    .map(({ type, flags, body }) => encodeAnswer(type, body, { flags }));
  const stats = encodeAttribute(
    8,
    Buffer.concat([0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => encodeAttribute(n, Buffer.alloc(8, n)))),
  );
  const settings = [2, 3, 4, 5, 6, 9].map((type) => vfSetting(type, 0, 1, 2));
  const vfs = [0, 1, 2].map((index) => vfInfo(index, Buffer.from([2, 0, 0, 0, 0, index]), ...settings, stats));
  const behind = [
    encodeAttribute(56, Buffer.from('0000:01:00.0\0')),
    encodeAttribute(18, encodeAttribute(1, Buffer.from('veth\0'))),
  ];
  const made = [6, 20].map((length) =>
    encodeAnswer(MESSAGE.newLink, linkBody({ numVf: 3, address: Buffer.alloc(length, 7), vfs, behind })),
  );
  for (const bytes of [...recorded, ...made]) {
    for (let at = bytes.indexOf(POISON); at >= 0; at = bytes.indexOf(POISON, at + 1)) bytes[at] = INSTEAD;
  }
  const [small, large] = [
    recorded.filter(({ length }) => length < 4_096),
    recorded.filter(({ length }) => length > 60_000),
  ];
  assert.ok(small.length > 10 && large.length > 0);
  return { small: [...made, ...made, ...made, ...small], large };
}

/** One message in the middle of poison. */
class Arena {
  readonly bytes = Buffer.alloc(3 * MARGIN, POISON);
  length = 0;

  load(message: Buffer): void {
    this.bytes.fill(POISON, MARGIN, MARGIN + Math.max(this.length, message.length));
    this.length = message.copy(this.bytes, MARGIN);
  }

  get message(): Buffer {
    return this.bytes.subarray(MARGIN, MARGIN + this.length);
  }

  cut(length: number): void {
    this.bytes.fill(POISON, MARGIN + length, MARGIN + this.length);
    this.length = length;
  }

  put(at: number, value: number): void {
    if (at < this.length) this.bytes[MARGIN + at] = (value & 0xff) === POISON ? INSTEAD : value;
  }

  put16(at: number, value: number): void {
    this.put(at, value);
    this.put(at + 1, value >>> 8);
  }

  at(at: number): number {
    return this.bytes[MARGIN + at] ?? 0;
  }
}

const NESTS = [1, 18, 22, 8, 0x8000 | 22, 0x8000 | 1];
const LENGTHS = [0, 1, 2, 3, 4, 5, 8, 40, 0x7fff, 0xfffc, 0xffff];

type Mutation = (arena: Arena, others: readonly Buffer[]) => void;
const aligned = (arena: Arena): number => FIRST_ATTRIBUTE + 4 * random((arena.length - FIRST_ATTRIBUTE) >> 2);
const MUTATIONS: readonly Mutation[] = [
  (arena) => {
    const at = random(arena.length);
    arena.put(at, arena.at(at) ^ (1 << random(8)));
  },
  (arena) => arena.put(random(arena.length), random(256)),
  // the length of an attribute, or of what is taken for one
  (arena) => arena.put16(aligned(arena), oneOf(LENGTHS)),
  (arena) => arena.put16(aligned(arena), random(arena.length)),
  (arena) => {
    const at = aligned(arena);
    arena.put16(at, arena.length - at + random(9) - 4);
  },
  // an attribute that is a nest, as long as all that is behind it, or as itself
  (arena) => {
    const at = aligned(arena);
    arena.put16(at, random(2) === 0 ? arena.length - at : 4);
    arena.put16(at + 2, oneOf(NESTS));
  },
  (arena) => arena.cut(HEADER_BYTES + random(arena.length - HEADER_BYTES)),
  // a piece of another, or of itself: entries twice, lists in lists
  (arena, others) => {
    const from = random(3) === 0 ? Buffer.from(arena.message) : oneOf(others);
    const start = 4 * random(from.length >> 2);
    const to = aligned(arena);
    const end = Math.min(from.length, start + 4 * random(100), start + arena.length - to);
    for (let n = 0; start + n < end; n++) arena.put(to + n, from[start + n] ?? 0);
  },
];

/** Whether a number of 4 bytes, or of 8, has poison among them. */
const isPoison = (value: number | bigint): boolean => {
  if (typeof value === 'bigint') return isPoison(Number(value & 0xffff_ffffn)) || isPoison(Number(value >> 32n));
  for (let shift = 0; shift < 32; shift += 8) if (((value >> shift) & 0xff) === POISON) return true;
  return false;
};

/**
 * Poison in text, as it is read: an octet of an address, a byte that is not UTF-8, or the first of a letter. The text `netd5` is none: it is what
 * a changed byte makes of a name.
 */
const POISONED_TEXT = /(^|:)d5:|:d5$|\\xd5|[\u0540-\u057f]/;

function assertClean(result: unknown): void {
  if (result === undefined || typeof result === 'boolean') return;
  if (typeof result === 'number' || typeof result === 'bigint') assert.ok(!isPoison(result), `poison in ${result}`);
  else if (typeof result === 'string') assert.doesNotMatch(result, POISONED_TEXT);
  else if (result instanceof Map) for (const value of result.values()) assertClean(value);
  else if (Array.isArray(result)) for (const value of result) assertClean(value);
  else for (const key in result as object) assertClean((result as Record<string, unknown>)[key]);
}

/** @returns how many messages had a result */
function parseAll(bytes: Buffer): number {
  let parsed = 0;
  let messages = 0;
  try {
    for (const message of messagesOf(bytes)) {
      assert.ok(++messages <= bytes.length / HEADER_BYTES);
      const vfs = parseVfs(message);
      const results = [parseLink(message), parseLinkEvent(message), vfs];
      if (vfs !== undefined) {
        assert.ok(vfs.vfs.length <= vfs.declared && vfs.vfs.length <= bytes.length / 12);
        assert.equal(new Set(vfs.vfs.map(({ index }) => index)).size, vfs.vfs.length);
      }
      for (const result of results) assertClean(result);
      if (results.some((result) => result !== undefined)) parsed++;
    }
  } catch (error) {
    if (!(error instanceof NetlinkParseError)) throw error;
  }
  return parsed;
}

function fuzz(messages: readonly Buffer[], times: number): number {
  const arena = new Arena();
  let parsed = 0;
  for (let n = 0; n < times; n++) {
    arena.load(oneOf(messages));
    for (let count = 1 + random(4); count > 0; count--) oneOf(MUTATIONS)(arena, messages);
    if (random(4) !== 0) {
      arena.put16(0, arena.length); // a message that begins right is read on
      arena.put16(2, arena.length >>> 16);
      arena.put16(4, MESSAGE.newLink);
    }
    try {
      parsed += parseAll(arena.message);
    } catch (error) {
      throw new Error(`seed ${SEED}, message ${n}: ${arena.message.toString('hex').slice(0, 20_000)}`, {
        cause: error,
      });
    }
  }
  return parsed;
}

test('a million changed messages are parsed, or refused, from their own bytes alone', () => {
  const { small } = corpus();
  const parsed = fuzz(small, 1_000_000);
  assert.ok(parsed > 300_000, `only ${parsed} were read, seed ${SEED}`);
});

test('so are changed lists that overflow their length', () => {
  const { large } = corpus();
  const parsed = fuzz(large, 1_500);
  assert.ok(parsed > 300, `only ${parsed} were read, seed ${SEED}`);
});

test('poison would be seen', () => {
  const name = (text: string) => ({ ifindex: 7, name: text });
  for (const seen of [
    0xd5,
    0x1234d5,
    -0x2b2b2b2b,
    0xd5n << 56n,
    name('b\\xd5'),
    name(Buffer.from([POISON, 0x81]).toString()),
    ...['d5:00:00:00:00:01', '02:00:d5:00:00:01', '02:00:00:00:00:d5'].map((mac) => [{ settings: { mac } }]),
    new Map([['a', 0xd500n]]),
  ])
    assert.throws(() => assertClean(seen));
  assertClean([
    { ifindex: 7, name: 'eth0', parentDevice: 'netd5vsim1', counters: new Map([['receiveBytes', 0x5d5d_5d5dn]]) },
  ]);
});

const link = (...attributes: readonly Buffer[]) => ({
  type: MESSAGE.newLink,
  body: Buffer.concat([linkBody({ numVf: 2 }), ...attributes]),
});
const withLength = (length: number, type: number, value = Buffer.alloc(12)): Buffer => {
  const bytes = encodeAttribute(type, value);
  bytes.writeUInt16LE(length, 0);
  return bytes;
};

test('attributes of no length, of too little and of too much end the parsing', () => {
  for (const length of [0, 1, 3, 17, 0x7fff, 0xffff]) {
    for (const type of [18, 22, 56]) {
      const behind = encodeAttribute(10, Buffer.from([9, 0, 0, 0])); // master
      const read = parseLink(link(withLength(length, type), behind));
      assert.deepEqual(read, { ifindex: 7, name: 'pf0' }, `${length} of ${type}`);
      assert.deepEqual(parseVfs(link(withLength(length, type), behind))?.vfs, [], `${length} of ${type}`);
    }
    const cut = withLength(length, 1);
    assert.deepEqual([...attributesOf(cut)], []);
  }
});

test('an attribute whose value is cut is none, nor is half a header', () => {
  const whole = encodeAttribute(22, Buffer.concat([vfInfo(0), vfInfo(1)]));
  assert.equal(parseVfs(link(whole))?.vfs.length, 2);
  for (let length = 0; length < whole.length; length++) {
    assert.deepEqual(parseVfs(link(whole.subarray(0, length)))?.vfs, [], String(length));
  }
});

test('entries of no length, beyond the list, and of themselves end the list', () => {
  for (const length of [0, 3, 4, 5, 0xffff]) {
    const list = encodeAttribute(
      22,
      Buffer.concat([vfInfo(0), withLength(length, 1, Buffer.from(vfInfo(1).subarray(4)))]),
    );
    assert.deepEqual(
      parseVfs(link(list))?.vfs.map(({ index }) => index),
      [0],
      String(length),
    );
  }
});

test('a nest in a nest in a nest is read as deep as it means something', () => {
  let nest = vfInfo(0);
  for (let depth = 0; depth < 5_000; depth++) nest = encodeAttribute(1, nest);
  assert.deepEqual(parseVfs(link(encodeAttribute(22, nest)))?.vfs, []);
});

test('messages of no length, and of more than there is, are refused', () => {
  for (const length of [0, 15, 1_000, 0xffff_ffff]) {
    const bytes = encodeAnswer(MESSAGE.newLink, linkBody({ numVf: 1 }));
    bytes.writeUInt32LE(length, 0);
    assert.throws(() => [...messagesOf(bytes)], { code: 'NODEAGENT_NETLINK_PARSE' }, String(length));
  }
});
