import { KubeError, type KubeApi } from '../../runtime/kube/api.js';
import { isRecord } from '../../runtime/kube/objects.js';
import { sleep } from '../../runtime/sleep.js';

/** How a review is asked for. */
export interface ReviewLimits {
  /** For all tries together. */
  readonly timeoutMs: number;
  /** Pauses between tries. */
  readonly retryDelaysMs: readonly number[];
}

/** apiserver, options/authentication.go: 10 s, and five tries of which the first waits 500 ms and each next one half as long again. */
export const REVIEW_LIMITS: ReviewLimits = { timeoutMs: 10_000, retryDelaysMs: [500, 750, 1_125, 1_688] };

/**
 * Posts a review and returns its `status`, an object of whatever shape. A server that is unreachable, overloaded or broken is asked again.
 * @throws {KubeError}
 */
export async function postReview(
  api: KubeApi,
  path: string,
  body: object,
  { timeoutMs, retryDelaysMs }: ReviewLimits,
): Promise<Readonly<Record<string, unknown>>> {
  const signal = AbortSignal.timeout(timeoutMs);
  const isOver = (): boolean => signal.aborted;
  for (const delayMs of [...retryDelaysMs, undefined]) {
    try {
      return statusOf(await api.request({ method: 'POST', path, body, timeoutMs, signal }), path);
    } catch (error) {
      if (delayMs === undefined || isOver() || !isPassing(error)) throw error;
    }
    await sleep(delayMs, signal);
    if (isOver()) break;
  }
  throw new KubeError(`POST ${path}: no answer within ${timeoutMs} ms`, undefined, '');
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  const { statusCode } = error;
  return statusCode === undefined || statusCode === 429 || statusCode >= 500;
}

function statusOf(answer: unknown, path: string): Readonly<Record<string, unknown>> {
  const status = isRecord(answer) ? answer['status'] : undefined;
  // Not worth another try: something answers that is no kube-apiserver.
  if (!isRecord(status)) throw new KubeError(`POST ${path}: the answer is not a review`, 200, '');
  return status;
}
