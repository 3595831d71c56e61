/** The header; what may follow (extension fields, a MAC) is not asked for and not read. */
const HEADER_BYTES = 48;
const VERSION = 4;
const OLDEST_VERSION = 3;
const CLIENT = 3;
const SERVER = 4;
const AT = { stratum: 1, referenceId: 12, originate: 24, receive: 32, transmit: 40 } as const;
export const TIMESTAMP_BYTES = 8;

/** The leap indicator of a clock that is not synchronized (RFC 5905, figure 9). */
const ALARM = 3;
/** Strata from here on say the same (RFC 5905, figure 11). */
const UNSYNCHRONIZED_STRATUM = 16;

/** Seconds from 1900, where NTP's era 0 begins, to 1970: 70 years, 17 of them leap years. */
const EPOCH_SECONDS = (70 * 365 + 17) * 86_400;
const ERA_SECONDS = 2 ** 32;
const FRACTIONS = 2 ** 32;

/** What a server says, as far as it can be known to come from it. */
export type NtpAnswer =
  /** Its clock as it was when it got the question and when it answered, milliseconds since 1970. */
  | { readonly kind: 'time'; readonly stratum: number; readonly receiveMs: number; readonly transmitMs: number }
  /** Its clock is not synchronized to anything. */
  | { readonly kind: 'unsynchronized' }
  /** It wants to be left alone: for some time, or for good. */
  | { readonly kind: 'kiss_of_death'; readonly code: 'RATE' | 'DENY' | 'RSTR' }
  /** No answer of a server. */
  | { readonly kind: 'malformed' }
  /** Not to this question: a late answer to another one, or of somebody who did not see it. */
  | { readonly kind: 'foreign' };

/**
 * A question as bare as it can be: version 4, mode 3, and eight random bytes for the time it was sent. What else clients fill in tells servers, and
 * whoever listens, about the machine, and servers look at none of it (RFC 8633, 3.2 and draft-ietf-ntp-data-minimization).
 * @param nonce TIMESTAMP_BYTES that nobody can guess; the server repeats them, which proves that it saw the question (RFC 5905, section 8)
 */
export function encodeQuestion(nonce: Buffer): Buffer {
  const question = Buffer.alloc(HEADER_BYTES);
  question[0] = (VERSION << 3) | CLIENT;
  nonce.copy(question, AT.transmit, 0, TIMESTAMP_BYTES);
  return question;
}

/**
 * Reads what came after a question (RFC 5905, 7.3).
 * @param nowMs our clock, milliseconds since 1970: of the eras of NTP, 136 years each, the one nearest to it is meant; era 1 begins in 2036
 */
export function decodeAnswer(datagram: Buffer, nonce: Buffer, nowMs: number): NtpAnswer {
  if (datagram.length < HEADER_BYTES) return { kind: 'malformed' };
  if (!datagram.subarray(AT.originate, AT.originate + TIMESTAMP_BYTES).equals(nonce)) return { kind: 'foreign' };
  const first = datagram.readUInt8(0);
  const [leap, version, mode] = [first >> 6, (first >> 3) & 7, first & 7];
  if (mode !== SERVER || version < OLDEST_VERSION || version > VERSION) return { kind: 'malformed' };
  const stratum = datagram.readUInt8(AT.stratum);
  if (stratum === 0) return decodeKiss(datagram.toString('latin1', AT.referenceId, AT.referenceId + 4));
  const receiveMs = readTimestamp(datagram, AT.receive, nowMs);
  const transmitMs = readTimestamp(datagram, AT.transmit, nowMs);
  const isKnown = receiveMs !== undefined && transmitMs !== undefined;
  if (leap === ALARM || stratum >= UNSYNCHRONIZED_STRATUM || !isKnown) return { kind: 'unsynchronized' };
  return { kind: 'time', stratum, receiveMs, transmitMs };
}

/** RFC 5905, 7.4. Other codes, and none, are of servers that have no time yet (INIT, STEP) or anymore. */
function decodeKiss(code: string): NtpAnswer {
  if (code === 'RATE' || code === 'DENY' || code === 'RSTR') return { kind: 'kiss_of_death', code };
  return { kind: 'unsynchronized' };
}

/** @returns undefined for zero, which is no time (RFC 5905, section 6) */
function readTimestamp(datagram: Buffer, at: number, nowMs: number): number | undefined {
  const seconds = datagram.readUInt32BE(at);
  const fraction = datagram.readUInt32BE(at + 4);
  if (seconds === 0 && fraction === 0) return undefined;
  const inEra0 = seconds - EPOCH_SECONDS;
  const era = Math.round((nowMs / 1_000 - inEra0) / ERA_SECONDS);
  return (inEra0 + era * ERA_SECONDS) * 1_000 + (fraction * 1_000) / FRACTIONS;
}
