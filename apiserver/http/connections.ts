import {
  constants,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Before connections on which nothing happens are closed at the end: what a client is just sending is still answered. */
const LAST_REQUESTS_MS = 500;
/** RFC 9113 6.8: a server that is going to end names the highest stream there can be at first. */
const ANY_STREAM = 2 ** 31 - 1;

/** What is open at a server, so that its end costs nobody an answer. */
export class Connections {
  readonly #raw = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Requests being answered, by connection of HTTP/1.1. */
  readonly #inFlight = new Map<Socket, Set<Http2ServerResponse>>();
  #isLeaving = false;
  #isDraining = false;

  constructor(server: Http2SecureServer) {
    server.on('connection', (socket: Socket) => {
      this.#raw.add(socket);
      socket.once('close', () => this.#raw.delete(socket));
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol === 'h2') return;
      this.#inFlight.set(socket, new Set());
      socket.once('close', () => this.#inFlight.delete(socket));
    });
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      // Not before its first request: a client would open one connection after the other.
      session.once('stream', () => this.#tellToLeave(session));
    });
  }

  /** Whether a request of HTTP/1.1 waits for its answer on this connection, and nothing of one is out yet. */
  isAwaited(socket: Socket): boolean {
    const answering = [...(this.#inFlight.get(socket) ?? [])];
    return answering.length > 0 && answering.every(({ headersSent }) => !headersSent);
  }

  /** To be told of every request. */
  enter(request: Http2ServerRequest, response: Http2ServerResponse): void {
    if (request.httpVersionMajor >= 2) return;
    const { socket } = request;
    const answering = this.#inFlight.get(socket);
    if (answering === undefined) return;
    answering.add(response);
    if (this.#isLeaving) response.setHeader('connection', 'close');
    response.once('close', () => {
      answering.delete(response);
      if (this.#isDraining && answering.size === 0) socket.destroySoon();
    });
  }

  /** Asks every client to come back on another connection; all that is asked is still answered. */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    for (const session of this.#sessions) this.#tellToLeave(session);
    for (const response of [...this.#inFlight.values()].flatMap((answering) => [...answering])) {
      if (!response.headersSent) response.setHeader('connection', 'close');
    }
  }

  /** Ends each connection when what is being answered on it is, and all of them at the deadline. */
  drain(timeoutMs: number): void {
    this.leave();
    this.#isDraining = true;
    for (const session of this.#sessions) session.close();
    setTimeout(() => this.#closeIdle(), LAST_REQUESTS_MS).unref();
    setTimeout(() => {
      for (const socket of this.#raw) socket.destroy();
    }, timeoutMs).unref();
  }

  #closeIdle(): void {
    for (const [socket, answering] of this.#inFlight) {
      if (answering.size === 0) socket.destroy();
    }
  }

  #tellToLeave(session: ServerHttp2Session): void {
    if (this.#isLeaving && !session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM);
  }
}
