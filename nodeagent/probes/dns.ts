import type { ProbeReason } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import type { HostPort } from '../../runtime/options/kinds.js';
import { connectFailure } from './connect-failures.js';
import { createQueries, judgeAnswer, type DnsProtocol, type DnsQuery, type Verdict } from './dns-message.js';
import { OPEN_WIRE } from './dns-wire.js';
import type { Outcome, ProbeLimits } from './probe.js';
import { probeAddressOf, settledWithin } from './within-limits.js';

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

/**
 * Looks a name up as getaddrinfo(3) does: A and AAAA at once, at one server. Its time is that until both are answered, over TCP with the
 * connection made for them. It fails if either does; a name without addresses of one family does not.
 *
 * The name of a server may take half of the time there is to be resolved; that is no part of the latency. It rejects for a fault of ours alone, which the prober logs and counts as `other`.
 */
export function lookUp(
  { host, server, protocol }: Lookup,
  limits: ProbeLimits,
  clock: Pick<Clock, 'monotonicMs'>,
): Promise<Outcome<'dns'>> {
  const nowMs = (): number => clock.monotonicMs();
  return probeAddressOf(server.host, limits, nowMs, (address, left) =>
    exchange({ host, protocol, server: { host: address, port: server.port } }, left, nowMs),
  );
}

/** @param lookup at an address */
function exchange(
  { host, server, protocol }: Lookup,
  limits: ProbeLimits,
  nowMs: () => number,
): Promise<Outcome<'dns'>> {
  const waiting = new Set(createQueries(host));
  const verdicts: Answered[] = [];
  let startedMs = 0;
  const outcome = (...unanswered: readonly Reason[]): Outcome<'dns'> =>
    outcomeOf([...verdicts, ...unanswered], (nowMs() - startedMs) / 1_000);
  const late = (): Outcome<'dns'> => outcome('timeout');
  return settledWithin(limits, late, (settle) => {
    const onMessage = (bytes: Buffer): void => {
      const judged = judgeFor(waiting, bytes, protocol);
      if (judged === undefined) {
        // Over UDP it may be forged, or late, and the answer yet to come; on a connection none but the server writes.
        if (protocol === 'tcp') settle(outcome('malformed'));
        return;
      }
      waiting.delete(judged.query);
      verdicts.push(judged.verdict);
      if (waiting.size === 0) settle(outcome());
    };
    const queries = [...waiting].map(({ bytes }) => bytes);
    return OPEN_WIRE[protocol](server, queries, {
      onStart: () => (startedMs = nowMs()),
      onMessage,
      onFailure: (error) => settle(outcome(error === undefined ? 'reset' : connectFailure(error))),
    });
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
