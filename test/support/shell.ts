import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { App } from '../../apiserver/api/app-types.js';
import type { Connections } from '../../apiserver/http/connections.js';
import type { RefusedConnection } from '../../apiserver/http/limit-connections.js';
import { LIMITS, type Limits } from '../../apiserver/http/limits.js';
import { createShell } from '../../apiserver/http/shell.js';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import type { Status } from '../../openapi/kubernetes.js';
import { createLogger } from '../../runtime/logger.js';

const tls = await createSelfSignedCertificate(['127.0.0.1'], Date.now());

/** The server without its own routes, on a real port. */
export interface RunningShell {
  readonly url: string;
  readonly port: number;
  readonly ca: string;
  readonly app: App;
  readonly connections: Connections;
  readonly logged: string[];
  readonly refused: RefusedConnection[];
  close(): Promise<void>;
}

export async function runShell(
  limits: Partial<Limits>,
  declare: (app: App) => void,
  host = '127.0.0.1',
): Promise<RunningShell> {
  const logged: string[] = [];
  const refused: RefusedConnection[] = [];
  const log = createLogger('test', { level: 'debug', format: 'text', write: (line) => logged.push(line) });
  const { app, connections } = createShell({
    ...{ tls, log, limits: { ...LIMITS, ...limits } },
    onRefused: (one) => refused.push(one),
  });
  declare(app);
  const port = Number(new URL(await app.listen({ host, port: 0 })).port);
  const url = `https://127.0.0.1:${port}`;
  return { url, port, ca: tls.cert, app, connections, logged, refused, close: () => app.close() };
}

/** A connection that a test writes bytes to. */
export interface RawConnection {
  readonly socket: TLSSocket;
  /** All that has come. */
  received(): string;
  /** Resolves when it is closed, by whomever, with all that came. */
  readonly closed: Promise<string>;
}

export async function connectRaw(
  { url, ca }: { readonly url: string; readonly ca: string },
  { protocol = 'http/1.1', from }: { readonly protocol?: 'http/1.1' | 'h2'; readonly from?: string } = {},
): Promise<RawConnection> {
  const { hostname: host, port } = new URL(url);
  const local = from === undefined ? {} : { localAddress: from };
  const socket = connect({ host, port: Number(port), ca, ALPNProtocols: [protocol], ...local });
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined); // whoever breaks a connection may find it broken
  const closed = once(socket, 'close').then(() => received);
  await once(socket, 'secureConnect');
  return { socket, received: () => received, closed };
}

/** Sends bytes on a connection of their own. @returns all that came back until its end */
export async function exchange(server: { readonly url: string; readonly ca: string }, bytes: string): Promise<string> {
  const { socket, closed } = await connectRaw(server);
  socket.write(bytes, 'latin1');
  return closed;
}

export interface ParsedAnswer {
  readonly code: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** One answer of HTTP/1.1 with a content-length. @throws {TypeError} when it is none */
export function parseAnswer(bytes: string): ParsedAnswer {
  const at = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.slice(0, at).split('\r\n');
  const code = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
  if (at < 0 || code === undefined)
    throw new TypeError(`no answer of HTTP/1.1: ${JSON.stringify(bytes.slice(0, 200))}`);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const length = Number(headers.get('content-length') ?? 0);
  return { code: Number(code), headers, text: bytes.slice(at + 4, at + 4 + length) };
}

/** An answer that has to be a Status. */
export function parseStatus(bytes: string): { readonly code: number; readonly reason: string | undefined } {
  const { code, headers, text } = parseAnswer(bytes);
  const body = JSON.parse(text) as Status;
  if (body.kind !== 'Status' || !String(headers.get('content-type')).startsWith('application/json')) {
    throw new TypeError(`no Status: ${bytes.slice(0, 400)}`);
  }
  return { code, reason: body.reason };
}
