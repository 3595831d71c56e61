import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.js';
import type { HostPort } from '../../runtime/options/kinds.js';
import { connectFailure } from './connect-failures.js';
import { TIMESTAMP_BYTES, decodeAnswer, encodeQuestion, type NtpAnswer } from './ntp-packet.js';
import type { Outcome, ProbeLimits, ServerClock, Target } from './probe.js';
import { familyOf, type ServerName } from './server-address.js';
import { anchorWallClock, hasStepped, wallAt, type WallAnchor } from './wall-anchor.js';
import { probeAddressOf, settledWithin } from './within-limits.js';

export interface NtpTargetDeps {
  /** Its wall clock shows whole milliseconds, as Date.now() does. */
  readonly clock: Clock;
  /** Between two exchanges, milliseconds. */
  readonly intervalMs: number;
}

/** The longest that NTP knows between two questions, 2^17 s (RFC 5905, figure 7). */
const LONGEST_PAUSE_MS = 2 ** 17 * 1_000;
/**
 * An answer that took longer has a latency and no offset: that could be wrong by half of it, and would be told of paths that are slow one way
 * as if the clock were wrong. RFC 5905 uses no server that is further away than a second either (MAXDIST).
 */
const LONGEST_FOR_OFFSET_MS = 1_000;

/** Ticks of the coarsest clocks that servers have, 1/64 s: by so much one can seem to have worked on an answer for longer than that took. */
const COARSEST_TICK_MS = 16;

type Ending = Outcome<'ntp'> | { readonly kiss: 'RATE' | 'DENY' | 'RSTR' };

/** A time server, asked by SNTP (RFC 4330; RFC 5905, section 14). */
export function createNtpTarget(server: ServerName, { clock, intervalMs }: NtpTargetDeps): Target<'ntp'> {
  /** Times the interval is doubled when it is too short once more. An answer takes back one of them only: the next question may be too much again. */
  let doublings = 0;
  const obeyed = (ending: Ending): Outcome<'ntp'> => {
    if (!('kiss' in ending)) {
      if (ending.ok) doublings = Math.max(0, doublings - 1);
      return ending;
    }
    if (ending.kiss !== 'RATE') return { ok: false, reason: 'kiss_of_death', pauseMs: Infinity };
    doublings++;
    return { ok: false, reason: 'kiss_of_death', pauseMs: Math.min(LONGEST_PAUSE_MS, intervalMs * 2 ** doublings) };
  };
  const nowMs = (): number => clock.monotonicMs();
  return {
    key: server.label,
    meta: { server: server.label },
    server: server.host,
    probe: (limits) =>
      probeAddressOf(server.host, limits, nowMs, async (address, left) =>
        obeyed(await exchange({ host: address, port: server.port }, left, clock)),
      ),
  };
}

/**
 * Asks once. Of what comes, only an answer to this question ends it: what is malformed or foreign may be anybody's, and is waited past.
 * The socket is connected, so that the kernel lets through what comes from the server alone, and tells of ICMP errors; its port is
 * the kernel's choice, a new one each time (RFC 9109).
 */
async function exchange({ host, port }: HostPort, limits: ProbeLimits, clock: Clock): Promise<Ending> {
  const anchor = await anchorWallClock(clock, setImmediate, limits.signal);
  const nonce = randomBytes(TIMESTAMP_BYTES);
  let lateReason: 'timeout' | 'malformed' = 'timeout';
  const late = (): Ending => ({ ok: false, reason: lateReason });
  return settledWithin(limits, late, (settle) => {
    const socket = createSocket(familyOf(host) === 'ipv6' ? 'udp6' : 'udp4');
    const fail = (error: Error): void => settle({ ok: false, reason: failureOf(error) });
    let sentMs = NaN;
    socket.on('error', fail);
    socket.on('connect', () => {
      const question = encodeQuestion(nonce);
      sentMs = clock.monotonicMs();
      socket.send(question, (error) => {
        if (error !== null) fail(error);
      });
    });
    socket.on('message', (datagram) => {
      const receivedMs = clock.monotonicMs();
      const answer = decodeAnswer(datagram, nonce, wallAt(anchor, receivedMs));
      if (answer.kind === 'malformed') lateReason = 'malformed';
      const ending = endingOf(answer, { anchor, sentMs, receivedMs, clock });
      if (ending !== undefined) settle(ending);
    });
    socket.connect(port, host);
    return () => socket.close();
  });
}

function failureOf(error: Error): 'refused' | 'timeout' | 'unreachable' | 'other' {
  const reason = connectFailure(error);
  return reason === 'reset' ? 'other' : reason; // a datagram socket has nothing to be reset
}

interface Times {
  readonly anchor: WallAnchor;
  readonly sentMs: number;
  readonly receivedMs: number;
  readonly clock: Clock;
}

/** @returns undefined for what does not end the exchange */
function endingOf(answer: NtpAnswer, times: Times): Ending | undefined {
  if (answer.kind === 'foreign' || answer.kind === 'malformed') return undefined;
  if (answer.kind === 'unsynchronized') return { ok: false, reason: 'unsynchronized' };
  if (answer.kind === 'kiss_of_death') return { kiss: answer.code };
  const told = clockOf(answer, times);
  const seconds = (times.receivedMs - times.sentMs) / 1_000;
  return { ok: true, seconds, ...(told !== undefined && { clock: told }) };
}

/** RFC 5905, section 8. @returns undefined where what was measured cannot be the offset */
function clockOf(
  { stratum, receiveMs, transmitMs }: Extract<NtpAnswer, { kind: 'time' }>,
  { anchor, sentMs, receivedMs, clock }: Times,
): ServerClock | undefined {
  const tookMs = receivedMs - sentMs;
  const workedMs = transmitMs - receiveMs;
  const isPlausible = workedMs >= 0 && workedMs <= tookMs + COARSEST_TICK_MS;
  if (!isPlausible || tookMs > LONGEST_FOR_OFFSET_MS || hasStepped(anchor, clock)) return undefined;
  const offsetMs = (receiveMs - wallAt(anchor, sentMs) + (transmitMs - wallAt(anchor, receivedMs))) / 2;
  return { offsetSeconds: offsetMs / 1_000, stratum };
}
