import { isUtf8 } from 'node:buffer';
import { NetlinkParseError } from './errors.js';

/** Types of messages that we send or understand. Linux include/uapi/linux/netlink.h and rtnetlink.h. */
export const MESSAGE = {
  error: 2,
  done: 3,
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newNsid: 88,
  delNsid: 89,
  getNsid: 90,
} as const;
/** Flags of a message. */
export const FLAG = { request: 0x1, multi: 0x2, ack: 0x4, dumpInterrupted: 0x10, dump: 0x300 } as const;

/** Numbers are in the machine's byte order; koffi, which all of this comes through, loads on little-endian machines alone. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  /** That of the request it answers. */
  readonly sequence: number;
  /** Of the socket that asked. */
  readonly port: number;
  readonly body: Buffer;
}

export interface Attribute {
  readonly type: number;
  readonly value: Buffer;
}

const MESSAGE_HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
/** The upper two bits say "nested" and "network byte order". */
const ATTRIBUTE_TYPE = 0x3fff;

/**
 * The messages of one datagram, or of several behind each other.
 * @throws {NetlinkParseError} when a length cannot be
 */
export function* messagesOf(bytes: Buffer): Generator<Message> {
  for (let start = 0; start < bytes.length;) {
    const left = bytes.length - start;
    const length = left < MESSAGE_HEADER_BYTES ? 0 : bytes.readUInt32LE(start);
    if (length < MESSAGE_HEADER_BYTES || length > left) {
      throw new NetlinkParseError(`a message of ${length} bytes where ${left} are left`);
    }
    yield {
      type: bytes.readUInt16LE(start + 4),
      flags: bytes.readUInt16LE(start + 6),
      sequence: bytes.readUInt32LE(start + 8),
      port: bytes.readUInt32LE(start + 12),
      body: bytes.subarray(start + MESSAGE_HEADER_BYTES, start + length),
    };
    start += aligned(length);
  }
}

/** Ends at the first length that cannot be: what is behind it has no known beginning. */
export function* attributesOf(bytes: Buffer): Generator<Attribute> {
  for (let start = 0, length; (length = attributeLength(bytes, start)) > 0; start += aligned(length)) {
    yield { type: attributeType(bytes, start), value: attributeValue(bytes, start, length) };
  }
}

/**
 * Attributes by type, of the types that are wanted: a link has some sixty of them, and each costs more to cut out than to pass over.
 *
 * The first of a type is the one that is meant: the length of a list of more than some 220 virtual functions overflows its 16 bits, and
 * what the kernel put into the list then stands behind it as attributes that were never sent.
 */
export function attributeMap(bytes: Buffer, wanted: ReadonlySet<number>): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let start = 0, length; (length = attributeLength(bytes, start)) > 0; start += aligned(length)) {
    const type = attributeType(bytes, start);
    if (wanted.has(type) && !found.has(type)) found.set(type, attributeValue(bytes, start, length));
  }
  return found;
}

/** 0 at the end, and where the length cannot be. */
function attributeLength(bytes: Buffer, start: number): number {
  if (start + ATTRIBUTE_HEADER_BYTES > bytes.length) return 0;
  const length = bytes.readUInt16LE(start);
  return length < ATTRIBUTE_HEADER_BYTES || start + length > bytes.length ? 0 : length;
}

function attributeType(bytes: Buffer, start: number): number {
  return bytes.readUInt16LE(start + 2) & ATTRIBUTE_TYPE;
}

function attributeValue(bytes: Buffer, start: number, length: number): Buffer {
  return bytes.subarray(start + ATTRIBUTE_HEADER_BYTES, start + length);
}

/** undefined where it is absent or too short. */
export function readUInt32(value: Buffer | undefined): number | undefined {
  return value !== undefined && value.length >= 4 ? value.readUInt32LE(0) : undefined;
}

export function readInt32(value: Buffer | undefined): number | undefined {
  return value !== undefined && value.length >= 4 ? value.readInt32LE(0) : undefined;
}

/** Text up to its first zero byte. Bytes that are not UTF-8 are written `\xNN`, as procfs/fs.ts writes them. */
export function readText(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  const text = end < 0 ? value : value.subarray(0, end);
  return isUtf8(text)
    ? text.toString('utf8')
    : text.toString('latin1').replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}

export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

export function encodeMessage({ type, flags, body }: Request, sequence: number): Buffer {
  const header = Buffer.alloc(MESSAGE_HEADER_BYTES);
  header.writeUInt32LE(MESSAGE_HEADER_BYTES + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

/** An attribute that holds a 32-bit number. */
export function encodeInt32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(ATTRIBUTE_HEADER_BYTES + 4);
  bytes.writeUInt16LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.writeInt32LE(value, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
