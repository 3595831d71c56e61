import { KubeError } from '../../runtime/kube/api.js';
import type { Clock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/sleep.js';

/** What a look came to: what was waited for, or what was seen instead. */
export type Look<T> = { readonly value: T } | { readonly seen: string };

export interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly pollMs: number;
  /** Hears what is seen while it takes long, once for each change. */
  readonly say: (line: string) => void;
}

/** Somebody asked the run to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly code = 'E2E_INTERRUPTED';
}

/** Something did not come true in its time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  readonly code = 'E2E_TIMEOUT';
}

/** After this long a person wants to know what is being waited for, and again after as long, if that is something else. */
const SILENT_MS = 5_000;
/** What is seen may be many lines of kubectl. */
const SHOWN_CHARACTERS = 400;

/**
 * Looks again and again until it is there. An API that fails is looked at again, too.
 * @throws {TimeoutError} with what was last seen
 * @throws {Interrupted}
 */
export async function until<T>(what: string, look: () => Promise<Look<T>>, patience: Patience): Promise<T> {
  const { clock, signal, timeoutMs, pollMs, say } = patience;
  const startedMs = clock.monotonicMs();
  let told = { text: '', atMs: startedMs };
  for (;;) {
    stopIfAborted(signal);
    const found = await looked(look, signal);
    if ('value' in found) return found.value;
    const nowMs = clock.monotonicMs();
    if (nowMs - startedMs > timeoutMs) {
      throw new TimeoutError(`${what}: not within ${Math.round(timeoutMs / 1_000)} s; last seen: ${found.seen}`);
    }
    if (nowMs - told.atMs > SILENT_MS && found.seen !== told.text) {
      told = { text: found.seen, atMs: nowMs };
      say(`      waiting for ${what}: ${found.seen.slice(0, SHOWN_CHARACTERS)}`);
    }
    await sleep(pollMs, signal);
  }
}

/** Looks again and again for a time, and throws when it is not as it was. */
export async function holds(look: () => Promise<void>, forMs: number, patience: Patience): Promise<void> {
  const { clock, signal, pollMs } = patience;
  const untilMs = clock.monotonicMs() + forMs;
  do {
    stopIfAborted(signal);
    await look();
    await sleep(pollMs, signal);
  } while (clock.monotonicMs() < untilMs);
}

export function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted('interrupted');
}

async function looked<T>(look: () => Promise<Look<T>>, signal: AbortSignal): Promise<Look<T>> {
  try {
    return await look();
  } catch (error) {
    stopIfAborted(signal);
    if (!(error instanceof KubeError)) throw error;
    return { seen: error.message };
  }
}
