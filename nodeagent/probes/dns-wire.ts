import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { HostPort } from '../../runtime/options/kinds.js';
import type { DnsProtocol } from './dns-message.js';

/** What is to be told of an exchange with a server. */
export interface WireEvents {
  /** The queries, or the first packet of a connection for them, go out now. */
  readonly onStart: () => void;
  readonly onMessage: (bytes: Buffer) => void;
  /** There will be no more messages. Undefined: the server closed the connection. */
  readonly onFailure: (error: Error | undefined) => void;
}

/** Sends queries to an address, over a socket of their own. @returns ends it, to be called once */
export type OpenWire = (server: HostPort, queries: readonly Buffer[], events: WireEvents) => () => void;

/**
 * Over UDP from one port, as getaddrinfo(3) does: where conntrack loses one of two datagrams that leave a port at the same time (a race of
 * its NAT), lookups of pods fail, and have to be seen failing here. The socket is connected, so that the kernel drops what comes from elsewhere and
 * tells of a port where nobody listens.
 */
const openUdp: OpenWire = ({ host, port }, queries, { onStart, onMessage, onFailure }) => {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('error', onFailure);
  socket.on('message', onMessage);
  socket.on('connect', () => {
    onStart();
    for (const query of queries) socket.send(query, (error) => error !== null && onFailure(error));
  });
  socket.connect(port, host); // binds it, to a random port
  return () => socket.close();
};

/** Over TCP: both queries at once on one connection (RFC 7766, 6.2.1.1), in one segment (8). */
const openTcp: OpenWire = ({ host, port }, queries, { onStart, onMessage, onFailure }) => {
  onStart();
  const socket = connect({ host, port, noDelay: true });
  const reader = new MessageReader();
  socket.on('error', onFailure);
  socket.on('end', () => onFailure(undefined));
  socket.on('close', () => onFailure(undefined));
  socket.on('data', (chunk) => reader.read(chunk).forEach(onMessage));
  socket.write(Buffer.concat(queries.flatMap((query) => [lengthOf(query), query])));
  return () => socket.destroy();
};

export const OPEN_WIRE: Readonly<Record<DnsProtocol, OpenWire>> = { udp: openUdp, tcp: openTcp };

const LENGTH_SIZE = 2;

function lengthOf(message: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_SIZE);
  length.writeUInt16BE(message.length);
  return length;
}

/** Cuts a TCP stream into messages, each with its length before it (RFC 1035, 4.2.2). Holds 64 KiB at most: one that is not whole yet. */
export class MessageReader {
  #part = Buffer.alloc(LENGTH_SIZE);
  #isLength = true;
  #filled = 0;

  /** @returns what has become whole */
  read(chunk: Buffer): readonly Buffer[] {
    const messages: Buffer[] = [];
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(this.#part, this.#filled, at);
      at += copied;
      this.#filled += copied;
      while (this.#filled === this.#part.length) {
        if (!this.#isLength) messages.push(this.#part);
        this.#part = Buffer.alloc(this.#isLength ? this.#part.readUInt16BE() : LENGTH_SIZE);
        this.#isLength = !this.#isLength;
        this.#filled = 0;
      }
    }
    return messages;
  }
}
