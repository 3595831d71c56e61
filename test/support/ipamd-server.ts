import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const PATH = '/metrics';
const TYPE = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' };
const HUGE_BYTES = 50 * 1024 * 1024;
const CHUNK = Buffer.from('awscni_eni_max 15\n'.repeat(4_096));

/** What an IPAM endpoint can do instead of its work; in each case the connection is taken. */
export type IpamdFault =
  | 'hang'
  /** The head and half of the body, and then nothing more. */
  | 'stall'
  /** A byte now and then: something comes all the time, and never all of it. */
  | 'trickle'
  /** Half of the body that was announced. */
  | 'cut'
  /** Half of a chunked body. */
  | 'cut-chunked'
  /** Hangs up without a word. */
  | 'reset'
  /** 50 MiB of good lines, as fast as they are taken. */
  | 'huge'
  /** 50 MiB announced. */
  | 'huge-announced'
  | 'not-http'
  | 'not-utf8'
  /** Ends with the connection: half of it looks like all of it. */
  | 'unsized'
  | 'gzip'
  | 'openmetrics'
  | 'redirect'
  | 'unauthorized'
  | 'forbidden'
  | 'error';

/** Stands for ipamd: serves a text at /metrics on loopback, until it is told to do something else. */
export class IpamdServer {
  #server: Server | undefined;
  #port = 0;
  readonly #host: string;
  /** What it serves. */
  text: string;
  fault: IpamdFault | undefined;
  /** Heads of the requests so far. */
  readonly requests: IncomingMessage['headers'][] = [];
  /** Of bodies that are too large. */
  writtenBytes = 0;

  private constructor(text: string, host: string) {
    this.text = text;
    this.#host = host;
  }

  /** @param text such as that of a file in test/fixtures/ipamd */
  static async start(text: string, host = '127.0.0.1'): Promise<IpamdServer> {
    const ipamd = new IpamdServer(text, host);
    await ipamd.listen();
    return ipamd;
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.#port}${PATH}`;
  }

  /** Of the agent. */
  get flags(): string[] {
    return ['--ipam.endpoint', this.url];
  }

  /** On the same port again, after `refuse()`. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      this.requests.push(request.headers);
      response.on('error', () => undefined); // the client may leave at any time
      if (request.url === PATH) this.#answer(response);
      else response.writeHead(404).end();
    });
    await once(server.listen(this.#port, this.#host), 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Nothing listens any more, and what was under way is cut. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  /** Connections that are open. */
  async connections(): Promise<number> {
    const server = this.#server;
    if (server === undefined) return 0;
    return new Promise((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  #answer(response: ServerResponse): void {
    const body = Buffer.from(this.text);
    if (this.fault === undefined) response.writeHead(200, { ...TYPE, 'content-length': body.length }).end(body);
    else FAULTS[this.fault](response, body, (bytes) => (this.writtenBytes += bytes));
  }
}

type Misbehave = (response: ServerResponse, body: Buffer, onWritten: (bytes: number) => void) => void;

const half = (body: Buffer): Buffer => body.subarray(0, Math.floor(body.length / 2));
const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Misbehave =>
  (response) =>
    response.writeHead(code, headers).end();
const whole =
  (headers: Readonly<Record<string, string>>): Misbehave =>
  (response, body) =>
    response.writeHead(200, { ...TYPE, ...headers }).end(body);

const FAULTS: Readonly<Record<IpamdFault, Misbehave>> = {
  hang: () => undefined,
  stall: (response, body) => response.writeHead(200, { ...TYPE, 'content-length': body.length }).write(half(body)),
  trickle: (response, body) => {
    response.writeHead(200, { ...TYPE, 'content-length': body.length });
    const timer = setInterval(() => response.write('#'), 50);
    response.on('close', () => clearInterval(timer));
  },
  cut: (response, body) => {
    response.writeHead(200, { ...TYPE, 'content-length': body.length });
    response.write(half(body), () => response.destroy());
  },
  'cut-chunked': (response, body) => {
    response.writeHead(200, TYPE);
    response.write(half(body), () => response.destroy());
  },
  reset: (response) => response.destroy(),
  huge: (response, _, onWritten) => {
    response.writeHead(200, TYPE);
    writeHuge(response, onWritten);
  },
  'huge-announced': (response, _, onWritten) => {
    response.writeHead(200, { ...TYPE, 'content-length': HUGE_BYTES });
    writeHuge(response, onWritten);
  },
  'not-http': ({ socket }) => socket?.end('220 mail.example ESMTP\r\n'),
  'not-utf8': (response) => response.writeHead(200, TYPE).end(Buffer.from('awscni_eni_max{a="\xff"} 15\n', 'latin1')),
  unsized: ({ socket }, body) =>
    socket?.end(`HTTP/1.0 200 OK\r\nContent-Type: ${TYPE['content-type']}\r\n\r\n${half(body).toString()}`),
  gzip: whole({ 'content-encoding': 'gzip' }),
  openmetrics: whole({ 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' }),
  redirect: status(302, { location: PATH }),
  unauthorized: status(401),
  forbidden: status(403),
  error: status(500),
};

function writeHuge(response: ServerResponse, onWritten: (bytes: number) => void): void {
  let left = HUGE_BYTES;
  const writeSome = (): void => {
    while (left > 0 && !response.destroyed) {
      const chunk = CHUNK.subarray(0, left);
      left -= chunk.length;
      onWritten(chunk.length);
      if (!response.write(chunk)) {
        response.once('drain', writeSome);
        return;
      }
    }
    response.end();
  };
  writeSome();
}
