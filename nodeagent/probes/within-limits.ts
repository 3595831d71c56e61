import { isIP } from 'node:net';
import type { Outcome, ProbeLimits } from './probe.js';
import { resolveServer } from './server-address.js';

/** Of the time of a probe that its server's name may take: what is left then must do for the server, which would be blamed else. */
export const RESOLVING_SHARE = 0.5;

/**
 * Waits for something to be settled, for as long as the limits let it. What has arrived by then, and was not looked at because this process was
 * held up, is looked at first: a server is not late because its prober is.
 * @param late what it comes to at the timeout, or when aborted
 * @param begin starts it, unless it is too late already; returns what tidies up, called once it has come to something
 * @throws what `begin` throws
 */
export async function settledWithin<T>(
  { timeoutMs, signal }: ProbeLimits,
  late: () => T,
  begin: (settle: (value: T) => void) => () => void,
): Promise<T> {
  const tidy: (() => void)[] = [];
  try {
    return await new Promise<T>((resolve) => {
      const onLate = (): void => resolve(late());
      if (signal.aborted) {
        onLate();
        return;
      }
      const timer = setTimeout(() => setImmediate(onLate), timeoutMs);
      signal.addEventListener('abort', onLate);
      tidy.push(() => clearTimeout(timer));
      tidy.push(() => signal.removeEventListener('abort', onLate));
      tidy.push(begin(resolve));
    });
  } finally {
    for (const one of tidy) one();
  }
}

/**
 * Probes the address of a host, with what is left of the time after its name was resolved. It rejects where the probe does, for a
 * fault of ours, which the prober logs and counts.
 * @returns with reason `dns` where the name has no address
 */
export async function probeAddressOf<Failed extends Outcome>(
  host: string,
  limits: ProbeLimits,
  nowMs: () => number,
  probe: (address: string, left: ProbeLimits) => Promise<Failed>,
): Promise<Failed | { readonly ok: false; readonly reason: 'dns' }> {
  if (isIP(host) !== 0) return probe(host, limits);
  const begunMs = nowMs();
  const address = await resolveWithin(host, { ...limits, timeoutMs: limits.timeoutMs * RESOLVING_SHARE });
  if (address === undefined) return { ok: false, reason: 'dns' };
  const leftMs = Math.max(0, limits.timeoutMs - (nowMs() - begunMs));
  return probe(address, { ...limits, timeoutMs: leftMs });
}

/** It is asked for whole milliseconds, and goes on by itself to its end when nobody waits any more. */
function resolveWithin(host: string, limits: ProbeLimits): Promise<string | undefined> {
  return settledWithin<string | undefined>(
    limits,
    () => undefined,
    (settle) => {
      resolveServer(host, Math.ceil(limits.timeoutMs)).then(settle, () => settle(undefined));
      return () => undefined;
    },
  );
}
