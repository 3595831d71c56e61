import { NetlinkError, NetlinkRefusedError } from './errors.js';
import type { Libc } from './libc.js';
import { FLAG, MESSAGE, encodeMessage, messagesOf, readInt32, type Message, type Request } from './messages.js';

/** Linux include/linux/socket.h, include/uapi/asm-generic/socket.h, include/uapi/linux/netlink.h. */
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const ERRNO = { EINTR: 4, EAGAIN: 11, EMSGSIZE: 90, ENOBUFS: 105, ETIMEDOUT: 110 } as const;

/** The kernel answers while it is asked, so that there is nothing to wait for; this is for one that does not. */
const RECEIVE_TIMEOUT = { seconds: 0n, microseconds: 500_000n } as const;
const ADDRESS_BYTES = 12;
const KERNEL = 0;
/** A dump comes in pieces of 32 kB; a single answer may be larger, and is asked for again with more room. */
const BUFFER_BYTES = 64 * 1024;
const MAX_BUFFER_BYTES = 1024 * 1024;
/** What was dumped while it changed is inconsistent, and is dumped again. */
const MAX_ATTEMPTS = 4;
/** Of one answer: some hundred thousand links. */
const MAX_PIECES = 10_000;
/** Of one look at what happened. */
const MAX_EVENTS = 1_000;

interface Piece {
  readonly bytes: Buffer;
  readonly isCut: boolean;
}

/**
 * A netlink socket of the network namespace that the agent is in; the only file of this folder that talks to the kernel. It is opened
 * when it is used, and anew after a failure, so that a late answer is nobody's.
 */
export class RtnetlinkSocket {
  readonly #libc: Libc;
  readonly #groups: number;
  readonly #sender = Buffer.alloc(ADDRESS_BYTES);
  readonly #senderLength = Buffer.alloc(4);
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #file: number | undefined;
  #port = 0;
  #sequence = 0;

  /** @param groups a bit for each group whose events are wanted, RTNLGRP_… less one */
  constructor(libc: Libc, groups = 0) {
    this.#libc = libc;
    this.#groups = groups;
  }

  /**
   * Everything that the kernel lists, as `parse` takes it; what `parse` returns must not hold on to the bytes of the message.
   * @throws {NetlinkError} when it is refused, is more than `maxItems` (EMSGSIZE), or changed at each of four attempts (EINTR)
   * @throws {NetlinkParseError}
   */
  dump<T>(request: Request, parse: (message: Message) => T | undefined, maxItems = Infinity): T[] {
    return this.#guarded(() => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const items: T[] = [];
        const isWhole = this.#exchange(request, (message) => {
          const item = parse(message);
          if (item === undefined) return;
          if (items.length >= maxItems) throw new NetlinkError(`more than ${maxItems} of them`, ERRNO.EMSGSIZE);
          items.push(item);
        });
        if (isWhole) return items;
      }
      throw new NetlinkError(`message ${request.type}, at each of ${MAX_ATTEMPTS} attempts`, ERRNO.EINTR);
    });
  }

  /** The one answer to a request; undefined where that is an acknowledgement. @throws as {@link dump} */
  ask(request: Request): Message | undefined {
    return this.#guarded(() => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        let answer: Message | undefined;
        if (this.#exchange(request, (message) => (answer = { ...message, body: Buffer.from(message.body) })))
          return answer;
      }
      throw new NetlinkError(`message ${request.type}`, ERRNO.EMSGSIZE);
    });
  }

  /**
   * Whether anything happened, without waiting, in the groups of this socket since the last time. Yes at the first time, and when there
   * was more than the kernel kept.
   */
  hasEvents(isEvent: (message: Message) => boolean): boolean {
    return this.#guarded(() => {
      let found = this.#file === undefined;
      this.#open();
      for (let n = 0; n < MAX_EVENTS; n++) {
        const piece = this.#receive(MSG_DONTWAIT);
        if (piece === undefined) return found;
        found ||= piece === 'overflow' || piece.isCut || [...messagesOf(piece.bytes)].some(isEvent);
      }
      return true;
    });
  }

  close(): void {
    if (this.#file !== undefined) this.#libc.close(this.#file);
    this.#file = undefined;
  }

  /** @returns false where the answer is not to be used: it changed while it was made, or there was no room for it */
  #exchange(request: Request, onMessage: (message: Message) => void): boolean {
    const file = this.#open();
    this.#sequence = (this.#sequence + 1) >>> 0;
    const bytes = encodeMessage(request, this.#sequence);
    if (this.#libc.send(file, bytes, bytes.length, 0) !== bytes.length) throw this.#failure('send');
    let isWhole = true;
    for (let n = 0; n < MAX_PIECES; n++) {
      const piece = this.#receive(0);
      if (piece === undefined) throw new NetlinkError('recv', ERRNO.ETIMEDOUT);
      if (piece === 'overflow') throw new NetlinkError('recv', ERRNO.ENOBUFS);
      if (piece.isCut) {
        this.close(); // the rest of it may be still to come
        return false;
      }
      for (const message of messagesOf(piece.bytes)) {
        if (message.sequence !== this.#sequence || message.port !== this.#port) continue;
        if ((message.flags & FLAG.dumpInterrupted) !== 0) isWhole = false;
        if (message.type === MESSAGE.error || message.type === MESSAGE.done) {
          const errno = -(readInt32(message.body) ?? 0);
          if (errno > 0) throw new NetlinkRefusedError(`message ${request.type}`, errno);
          return isWhole;
        }
        onMessage(message);
        if ((request.flags & (FLAG.dump | FLAG.ack)) === 0) return true;
      }
    }
    throw new NetlinkError(`message ${request.type}: no end of it`, ERRNO.EMSGSIZE);
  }

  /** @returns undefined where there is nothing (in time) */
  #receive(flags: number): Piece | 'overflow' | undefined {
    const file = this.#open();
    for (let n = 0; n < MAX_PIECES; n++) {
      this.#senderLength.writeUInt32LE(ADDRESS_BYTES);
      const buffer = this.#buffer;
      const length = this.#libc.recvfrom(
        file,
        buffer,
        buffer.length,
        flags | MSG_TRUNC,
        this.#sender,
        this.#senderLength,
      );
      if (length >= 0) {
        if (this.#sender.readUInt32LE(4) !== KERNEL) continue;
        if (length > buffer.length) this.#grow(length);
        return { bytes: buffer.subarray(0, Math.min(length, buffer.length)), isCut: length > buffer.length };
      }
      const errno = this.#libc.errno();
      if (errno === ERRNO.EAGAIN) return undefined;
      if (errno === ERRNO.ENOBUFS) return 'overflow';
      if (errno !== ERRNO.EINTR) throw new NetlinkError('recv', errno);
    }
    throw new NetlinkError('recv', ERRNO.EINTR);
  }

  #grow(length: number): void {
    if (length > MAX_BUFFER_BYTES) throw new NetlinkError(`an answer of ${length} bytes`, ERRNO.EMSGSIZE);
    this.#buffer = Buffer.allocUnsafe(Math.min(MAX_BUFFER_BYTES, length * 2));
  }

  #open(): number {
    if (this.#file !== undefined) return this.#file;
    const libc = this.#libc;
    const file = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
    if (file < 0) throw this.#failure('socket');
    this.#file = file;
    const address = Buffer.alloc(ADDRESS_BYTES);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(this.#groups, 8);
    if (libc.bind(file, address, ADDRESS_BYTES) < 0) throw this.#failure('bind');
    this.#senderLength.writeUInt32LE(ADDRESS_BYTES);
    if (libc.getsockname(file, address, this.#senderLength) < 0) throw this.#failure('getsockname');
    this.#port = address.readUInt32LE(4);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(RECEIVE_TIMEOUT.seconds, 0);
    timeout.writeBigInt64LE(RECEIVE_TIMEOUT.microseconds, 8);
    if (libc.setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length) < 0) throw this.#failure('SO_RCVTIMEO');
    // before Linux 4.20 there is no such option, and what a filter of a request means is checked in the answer anyway
    libc.setsockopt(file, SOL_NETLINK, NETLINK_GET_STRICT_CHK, Buffer.from([1, 0, 0, 0]), 4);
    return file;
  }

  #failure(what: string): NetlinkError {
    return new NetlinkError(what, this.#libc.errno());
  }

  /** After anything but a refusal the socket may still get what nobody waits for. */
  #guarded<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof NetlinkRefusedError)) this.close();
      throw error;
    }
  }
}
