import { errorMessage } from '../../runtime/logger.js';
import type { Sleep } from '../../runtime/sleep.js';
import { SendError, type Datum, type Sink } from './sink.js';

export interface SendLimits {
  /** Time for which nobody else may send, as of when it is asked: it grows while the request is under way. */
  readonly ownMs: () => number;
  /** Gives it up at once. */
  readonly abort: AbortController;
  /** After it the request may end, not for long. */
  readonly stop: AbortSignal;
  readonly sleep: Sleep;
}

/** Between two looks at whether it is still ours, at most. */
const LOOK_EVERY_MS = 10_000;
const MAX_CLOSING_MS = 3_000;

/** Sends values once. @returns why they were not taken: of what nobody foresaw it is not known whether they were */
export async function sendWithin(
  sink: Sink,
  batch: readonly Datum[],
  { ownMs, abort, stop, sleep }: SendLimits,
): Promise<SendError | undefined> {
  const over = new AbortController();
  const abortWhenNotOwn = async (): Promise<void> => {
    for (let leftMs = ownMs(); leftMs > 0 && !over.signal.aborted; leftMs = ownMs()) {
      await sleep(Math.min(leftMs, LOOK_EVERY_MS), over.signal);
    }
    abort.abort();
  };
  void abortWhenNotOwn();
  const abortSoon = (): void => void sleep(MAX_CLOSING_MS, over.signal).then(() => abort.abort());
  stop.addEventListener('abort', abortSoon, { signal: over.signal });
  try {
    await sink.send(batch, abort.signal, () => ownMs() > 0);
    return undefined;
  } catch (error) {
    return error instanceof SendError ? error : new SendError('lost', errorMessage(error), { cause: error });
  } finally {
    over.abort();
  }
}
