import { errorMessage } from '../../runtime/logger.js';
import type { Sleep } from '../../runtime/sleep.js';
import { SendError, type Datum, type Sink } from './sink.js';

export interface SendLimits {
  /** Time that the request may take: nobody else may send as long as that. */
  readonly ownMs: number;
  /** Gives it up at once. */
  readonly abort: AbortController;
  /** After it the request may end, not for long. */
  readonly stop: AbortSignal;
  readonly sleep: Sleep;
}

/** cni-metrics-helper waits as long (HTTP_TIMEOUT). */
const MAX_SEND_MS = 10_000;
const MAX_CLOSING_MS = 3_000;

/** Sends values once. @returns why they were not taken: of what nobody foresaw it is not known whether they were */
export async function sendWithin(
  sink: Sink,
  batch: readonly Datum[],
  { ownMs, abort, stop, sleep }: SendLimits,
): Promise<SendError | undefined> {
  const over = new AbortController();
  const abortAfter = (milliseconds: number): void => {
    void sleep(milliseconds, over.signal).then(() => abort.abort());
  };
  abortAfter(Math.min(ownMs, MAX_SEND_MS));
  stop.addEventListener('abort', () => abortAfter(MAX_CLOSING_MS), { signal: over.signal });
  try {
    await sink.send(batch, abort.signal);
    return undefined;
  } catch (error) {
    return error instanceof SendError ? error : new SendError('lost', errorMessage(error), { cause: error });
  } finally {
    over.abort();
  }
}
