import type { Libc } from '../../nodeagent/rtnetlink/libc.js';
import { messagesOf } from '../../nodeagent/rtnetlink/messages.js';

const PORT = 4_711;
const EAGAIN = 11;
const GROUPS_OFFSET = 8;

export interface Datagram {
  readonly bytes: Buffer;
  /** Of whoever sent it; 0 is the kernel. */
  readonly sender?: number;
}

export interface AskedFor {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** One message, as an answer to a socket of this library. */
export function encodeAnswer(
  type: number,
  body: Buffer,
  options: { flags?: number; sequence?: number; port?: number } = {},
): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(options.flags ?? 0, 6);
  header.writeUInt32LE(options.sequence ?? 0, 8);
  header.writeUInt32LE(options.port ?? PORT, 12);
  return Buffer.concat([header, body]);
}

/** Recorded messages as the answer to a request. */
export function readdressed(recorded: Buffer, sequence: number): Buffer {
  const bytes = Buffer.from(recorded);
  for (const { body } of messagesOf(bytes)) {
    const start = body.byteOffset - bytes.byteOffset - 16;
    bytes.writeUInt32LE(sequence, start + 8);
    bytes.writeUInt32LE(PORT, start + 12);
  }
  return bytes;
}

/** A C library whose kernel says what a test tells it to: what no kernel does on demand. */
export class ScriptedLibc implements Libc {
  readonly asked: AskedFor[] = [];
  readonly #answer: (asked: AskedFor) => readonly Datagram[];
  readonly #queues = new Map<number, Datagram[]>();
  readonly #listeners = new Set<number>();
  #errno = 0;
  #failNext: number | undefined;
  #files = 100;

  constructor(answer: (asked: AskedFor) => readonly Datagram[]) {
    this.#answer = answer;
  }

  /** Sockets that were opened and not closed. */
  get open(): number {
    return this.#queues.size;
  }

  /** @param errno of the next receive, which takes nothing */
  failNextReceive(errno: number): void {
    this.#failNext = errno;
  }

  /** To all sockets of a group. */
  event(bytes: Buffer): void {
    for (const file of this.#listeners) this.#queues.get(file)?.push({ bytes });
  }

  socket(): number {
    this.#queues.set(++this.#files, []);
    return this.#files;
  }

  bind(file: number, address: Buffer): number {
    if (address.readUInt32LE(GROUPS_OFFSET) !== 0) this.#listeners.add(file);
    return 0;
  }

  getsockname(_file: number, address: Buffer): number {
    address.writeUInt32LE(PORT, 4);
    return 0;
  }

  setsockopt(): number {
    return 0;
  }

  send(file: number, bytes: Buffer): number {
    for (const { type, sequence, body } of messagesOf(bytes)) {
      const asked = { type, sequence, body: Buffer.from(body) };
      this.asked.push(asked);
      this.#queues.get(file)?.push(...this.#answer(asked));
    }
    return bytes.length;
  }

  recvfrom(file: number, bytes: Buffer, length: number, _flags: number, address: Buffer): number {
    if (this.#failNext !== undefined) {
      this.#errno = this.#failNext;
      this.#failNext = undefined;
      return -1;
    }
    const next = this.#queues.get(file)?.shift();
    if (next === undefined) {
      this.#errno = EAGAIN;
      return -1;
    }
    address.writeUInt32LE(next.sender ?? 0, 4);
    next.bytes.copy(bytes, 0, 0, length);
    return next.bytes.length;
  }

  close(file: number): number {
    this.#listeners.delete(file);
    return this.#queues.delete(file) ? 0 : -1;
  }

  errno(): number {
    return this.#errno;
  }
}
