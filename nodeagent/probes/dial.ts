import { Socket, isIP } from 'node:net';
import { renderHostPort, type HostPort } from '../../runtime/options/kinds.js';
import { connectFailure } from './connect-failures.js';
import type { Outcome, ProbeLimits, ProbeMetas, Target } from './probe.js';
import { familyOf } from './server-address.js';
import { probeAddressOf, settledWithin } from './within-limits.js';

/** How long the other end may take to close a connection, too. */
const LINGER_MS = 1_000;
/** What is read of one who talks until then. */
const MAX_UNASKED_BYTES = 64 * 1024;

/** Who is dialled: an agent, or the Service in front of them. */
export type Dialled = { readonly peer: { readonly node: string; readonly zone: string } } | { readonly host: string };

export interface DialTargetOptions {
  readonly dialled: Dialled;
  readonly network: string;
  readonly address: HostPort;
  /** See Target. */
  readonly isFailure?: () => boolean;
  /** Monotonic, milliseconds with a fraction. */
  readonly nowMs: () => number;
}

/**
 * A peer or the Service, on one network and of one family, whatever its address: counts go on when its pod gets another one. What is known
 * by a name alone has no family.
 */
export function createDialTarget({ dialled, network, address, isFailure, nowMs }: DialTargetOptions): Target<'dial'> {
  const family = isIP(address.host) === 0 ? undefined : familyOf(address.host);
  const who = 'peer' in dialled ? `peer ${dialled.peer.node}` : `host ${dialled.host}`;
  const meta: ProbeMetas['dial'] = {
    ...dialled,
    ...{ network, address: renderHostPort(address) },
    ...(family !== undefined && { family }),
  };
  return {
    key: `${who} ${network} ${family ?? ''}`,
    meta,
    server: address.host,
    probe: (limits) => dial(address, limits, nowMs),
    ...(isFailure !== undefined && { isFailure }),
  };
}

/**
 * Time that a TCP handshake takes, seconds. Nothing is sent or awaited beyond it: one who accepts and never answers was reached. A name
 * is resolved before. It rejects for a fault of ours alone, which the prober logs and counts as `other`.
 * @param nowMs monotonic, milliseconds with a fraction
 */
export function dial({ host, port }: HostPort, limits: ProbeLimits, nowMs: () => number): Promise<Outcome<'dial'>> {
  return probeAddressOf(host, limits, nowMs, (address, left) => connectTo({ host: address, port }, left, nowMs));
}

function connectTo(address: HostPort, limits: ProbeLimits, nowMs: () => number): Promise<Outcome<'dial'>> {
  const late = (): Outcome<'dial'> => ({ ok: false, reason: 'timeout' });
  return settledWithin(limits, late, (settle) => {
    const socket = new Socket();
    let begunMs = nowMs();
    socket.once('connectionAttempt', () => {
      begunMs = nowMs(); // some ticks after connect() was called, and right before the system call
    });
    socket.once('connect', () => {
      settle({ ok: true, seconds: (nowMs() - begunMs) / 1_000 });
      hangUp(socket);
    });
    socket.on('error', (error) => settle({ ok: false, reason: connectFailure(error) })); // also later ones, of no interest
    socket.connect({ ...address, autoSelectFamily: false });
    return () => {
      if (socket.connecting) socket.destroy();
    };
  });
}

/**
 * Closes a connection with FIN. close(2) with something unread, or that something comes for afterwards, would send RST (RFC 2525, 2.17), and
 * those are counted on both ends, by us as well: so what comes is read until the other end has closed, too.
 */
function hangUp(socket: Socket): void {
  const late = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  let unaskedBytes = 0;
  socket.on('data', ({ length }) => {
    unaskedBytes += length;
    if (unaskedBytes > MAX_UNASKED_BYTES) socket.destroy();
  });
  socket.once('close', () => clearTimeout(late));
  socket.unref().end();
}
