import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../runtime/clock.js';
import { LogLimit } from '../../runtime/log-limit.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';
import { StartError } from '../../runtime/start-error.js';
import { closeOldestBeyond } from '../close-oldest.js';

export interface ProbeListener {
  readonly port: number;
  /** Nothing is accepted any more, and what is open is closed. */
  close(): Promise<void>;
}

export interface ProbeListenerDeps {
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits?: ListenerLimits;
}

export interface ListenerLimits {
  /** Open at once. One more is accepted all the same, and the oldest closed. */
  readonly connections: number;
  /** From the connection to the end of the headers. */
  readonly requestTimeoutMs: number;
  /** How long nothing may pass. */
  readonly idleTimeoutMs: number;
  /** How often the first of the two is looked at: it may be late by this much. */
  readonly timeoutCheckMs: number;
}

/** Who dials closes at once; who asks for /blackbox sends a few headers. */
const LIMITS: ListenerLimits = {
  connections: 256,
  requestTimeoutMs: 5_000,
  idleTimeoutMs: 5_000,
  timeoutCheckMs: 1_000,
};
const MAX_HEADER_BYTES = 8 * 1024;
const TEXT = 'text/plain; charset=utf-8';
const EVERYWHERE = '::';
const EVERYWHERE_IPV4 = '0.0.0.0';
/** Of a kernel without IPv6 (socket(2), ipv6.disable=1), or of a sandbox that has no such addresses. */
const NO_IPV6: ReadonlySet<unknown> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/**
 * Starts what the other agents dial, and what /blackbox is asked of. An empty host is every address, of both families.
 *
 * Whoever holds connections open does so for some seconds, and beyond a number at the cost of the oldest: dials are accepted and requests are
 * answered however many there are.
 * @throws {StartError} when the port is taken, or the address not this machine's
 */
export async function startProbeListener(
  address: HostPort,
  { log, clock, limits = LIMITS }: ProbeListenerDeps,
): Promise<ProbeListener> {
  const server = createProbeServer(limits);
  try {
    await listen(server, address);
  } catch (error) {
    const where = renderHostPort(address);
    throw new StartError(`cannot be dialled on ${where}: ${errorMessage(error)}`, { cause: error });
  }
  const lines = new LogLimit(clock, 1);
  server.on('error', (error) => {
    if (lines.take()) log.warn({ error: errorMessage(error) }, 'a connection could not be accepted');
  });
  const { port } = server.address() as AddressInfo;
  return { port, close: () => closeServer(server) };
}

function createProbeServer({ connections, requestTimeoutMs, idleTimeoutMs, timeoutCheckMs }: ListenerLimits): Server {
  const server = createServer(
    {
      ...{ headersTimeout: requestTimeoutMs, requestTimeout: requestTimeoutMs },
      ...{ connectionsCheckingInterval: timeoutCheckMs, maxHeaderSize: MAX_HEADER_BYTES },
    },
    answer,
  );
  server.timeout = idleTimeoutMs;
  closeOldestBeyond(connections, server);
  return server;
}

function answer({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
  const isKnown = method === 'GET' && url.split('?')[0] === '/blackbox';
  const body = isKnown ? 'ok' : 'there is /blackbox, to GET\n';
  const headers = { 'content-type': TEXT, 'content-length': body.length, connection: 'close' };
  response.writeHead(isKnown ? 200 : 404, headers).end(body);
}

/** Node's own way of listening on all addresses would take IPv4 alone as well where another has the port on IPv6. */
async function listen(server: Server, { host, port }: HostPort): Promise<void> {
  try {
    await once(server.listen({ host: host === '' ? EVERYWHERE : host, port }), 'listening');
  } catch (error) {
    if (host !== '' || !(error instanceof Error && 'code' in error && NO_IPV6.has(error.code))) throw error;
    await once(server.listen({ host: EVERYWHERE_IPV4, port }), 'listening');
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
