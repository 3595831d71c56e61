import type { ProbeReason } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import type { HostPort } from '../../runtime/options/kinds.js';
import { createQueries, judgeAnswer, type DnsProtocol, type DnsQuery, type Verdict } from './dns-message.js';
import { OPEN_WIRE } from './dns-wire.js';
import type { Outcome, ProbeLimits } from './probe.js';
import { resolveServer } from './server-address.js';

type Reason = ProbeReason<'dns'>;
type Answered = Exclude<Verdict, 'foreign'>;

/** The addresses of a name, asked of one server. */
export interface Lookup {
  /** With its dot at the end. */
  readonly host: string;
  /** By name or by address. */
  readonly server: HostPort;
  readonly protocol: DnsProtocol;
}

/**
 * What a lookup comes to when its two answers differ is what comes first here: what the server said of itself, then what became of the
 * way there, then what was said of the name. So `nxdomain` and `empty` are never due to a server in trouble.
 */
const PRECEDENCE: readonly Answered[] = [
  ...(['malformed', 'servfail', 'refused', 'rcode'] as const),
  ...(['unreachable', 'reset', 'other', 'timeout', 'truncated'] as const),
  ...(['nxdomain', 'addresses', 'empty'] as const),
];

const SOCKET_ERRORS: ReadonlyMap<string, Reason> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['ECONNRESET', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['EPIPE', 'reset'],
  ['ETIMEDOUT', 'timeout'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EACCES', 'EPERM'].map(
    (code) => [code, 'unreachable'] as const, // the last two: a firewall of this machine said no
  ),
]);

/** @param error of a socket; undefined: the other end closed it */
export function reasonOfSocketError(error: NodeJS.ErrnoException | undefined): Reason {
  return error === undefined ? 'reset' : (SOCKET_ERRORS.get(error.code ?? '') ?? 'other');
}

/**
 * Looks a name up as getaddrinfo(3) does: A and AAAA at once, at one server. Its time is that until both are answered, over TCP with the
 * connection made for them. It fails if either does; a name without addresses of one family does not.
 *
 * The name of a server may take half of the time there is to be resolved; that is no part of the latency.
 */
export async function lookUp(
  lookup: Lookup,
  { timeoutMs, signal }: ProbeLimits,
  clock: Pick<Clock, 'monotonicMs'>,
): Promise<Outcome<'dns'>> {
  const { host, port } = lookup.server;
  const beganMs = clock.monotonicMs();
  try {
    const address = await resolveServer(host, timeoutMs / 2);
    if (address === undefined) return { ok: false, reason: 'dns' };
    if (signal.aborted) return { ok: false, reason: 'other' };
    const leftMs = Math.max(timeoutMs - (clock.monotonicMs() - beganMs), timeoutMs / 2);
    return await exchange({ ...lookup, server: { host: address, port } }, { timeoutMs: leftMs, signal }, clock);
  } catch {
    return { ok: false, reason: 'other' };
  }
}

/** @param lookup at an address */
function exchange(
  { host, server, protocol }: Lookup,
  { timeoutMs, signal }: ProbeLimits,
  clock: Pick<Clock, 'monotonicMs'>,
): Promise<Outcome<'dns'>> {
  return new Promise((resolve) => {
    const waiting = new Set(createQueries(host));
    const verdicts: Answered[] = [];
    let startedMs = 0;
    let isOver = false;
    const end = (unanswered?: Reason) => {
      if (isOver) return;
      isOver = true;
      const seconds = (clock.monotonicMs() - startedMs) / 1_000;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      close();
      resolve(outcomeOf(unanswered === undefined ? verdicts : [...verdicts, unanswered], seconds));
    };
    const onMessage = (bytes: Buffer) => {
      const judged = judgeFor(waiting, bytes, protocol);
      if (judged === undefined) {
        // Over UDP it may be forged, or late, and the answer yet to come; on a connection none but the server writes.
        if (protocol === 'tcp') end('malformed');
        return;
      }
      waiting.delete(judged.query);
      verdicts.push(judged.verdict);
      if (waiting.size === 0) end();
    };
    const abort = () => end('other');
    const queries = [...waiting].map(({ bytes }) => bytes);
    const close = OPEN_WIRE[protocol](server, queries, {
      onStart: () => (startedMs = clock.monotonicMs()),
      onMessage,
      onFailure: (error) => end(reasonOfSocketError(error)),
    });
    // Where this process was held up, answers may have come that are yet to be read: that is before what is immediate.
    const timer = setTimeout(() => setImmediate(end, 'timeout'), timeoutMs);
    signal.addEventListener('abort', abort);
  });
}

function judgeFor(
  waiting: ReadonlySet<DnsQuery>,
  bytes: Buffer,
  protocol: DnsProtocol,
): { readonly query: DnsQuery; readonly verdict: Answered } | undefined {
  for (const query of waiting) {
    const verdict = judgeAnswer(query, bytes, protocol);
    if (verdict !== 'foreign') return { query, verdict };
  }
  return undefined;
}

function outcomeOf(verdicts: readonly Answered[], seconds: number): Outcome<'dns'> {
  const first = PRECEDENCE.find((verdict) => verdicts.includes(verdict)) ?? 'other';
  return first === 'addresses' ? { ok: true, seconds } : { ok: false, reason: first };
}
