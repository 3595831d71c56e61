import { setImmediate as nextTurn } from 'node:timers/promises';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import type { Backoff } from '../../runtime/backoff.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { sleep } from '../../runtime/sleep.js';
import type { ReportDraft } from '../report/build.js';
import { readAnswer, type ReadAnswer } from './answer.js';
import type { Credentials } from './credentials.js';
import { encode, type EncodeLimits } from './encode.js';
import { PushConnectionError, type HttpsAnswer, type HttpsClient, type HttpsPayload } from './https-client.js';
import { retryAfterMs } from './retry-after.js';

/** Makes the report with the newest samples behind a sequence, at most so many. */
export type ReportBuilder = (afterSequence: number, maxSamples: number) => ReportDraft;

export const PUSH_RESULTS = ['ok', 'refused', 'failed'] as const;

export interface PushMetrics {
  pushed(result: (typeof PUSH_RESULTS)[number], seconds: number): void;
  /** @param reason of the Status that belongs to the answer's code, or `other` */
  refused(reason: string): void;
}

export interface PusherDeps {
  /** As in --server, for the log. */
  readonly server: string;
  readonly userAgent: string;
  readonly client: HttpsClient;
  readonly credentials: Pick<Credentials, 'token' | 'doubtToken'>;
  readonly backoff: Backoff;
  readonly build: ReportBuilder;
  /** What a server takes; a report that would be larger has fewer samples, the newest. */
  readonly limits: EncodeLimits;
  readonly monotonicMs: () => number;
  readonly metrics: PushMetrics;
  readonly log: Logger;
  /** Called with each answer that is one. */
  readonly onAnswer?: (answer: ReadAnswer) => void;
}

/** The server answered, and not with what was asked for. */
class PushRefusedError extends Error {
  override readonly name = 'PushRefusedError';
  readonly code = 'NODEAGENT_PUSH_REFUSED';

  constructor(
    readonly statusCode: number,
    message: string,
    /** It asks not to be tried again for so long. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** How a push ended. */
interface Pushed {
  readonly isDone: boolean;
  readonly retryAfterMs: number;
}

const NOTHING = 0;
const OK = 200;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const TOO_LARGE = 413;
const TOO_MANY = 429;
const UNAVAILABLE = 503;
const REASONS: ReadonlyMap<number, string> = new Map([
  [OK, 'BadAnswer'],
  [400, 'BadRequest'],
  [UNAUTHORIZED, 'Unauthorized'],
  [FORBIDDEN, 'Forbidden'],
  [404, 'NotFound'],
  [409, 'Conflict'],
  [TOO_LARGE, 'RequestEntityTooLarge'],
  [TOO_MANY, 'TooManyRequests'],
  [500, 'InternalError'],
  [UNAVAILABLE, 'ServiceUnavailable'],
]);
const OTHER_REASON = 'other';
export const PUSH_REFUSAL_REASONS: readonly string[] = [...REASONS.values(), OTHER_REASON];

/**
 * Keeps one server supplied: pushes when there is something new, one request at a time, and after a failure waits and then sends
 * all that the server lacks. A server that says how long to wait is given that time, and the backoff on top: those that it told the same do
 * not come back together.
 *
 * A connection is a session: on a kept one the server has what it confirmed and gets the rest; on a new one it may be another
 * process (a restart, another replica), and gets the whole history, so that it answers every window after this one push.
 */
export class Pusher {
  readonly #deps: PusherDeps;
  #confirmed = NOTHING;
  /** Halved when a report is too large, until a push has gone through: the next one of that size is that of another connection. */
  #maxSamples = Infinity;
  #wake: (() => void) | undefined;
  #isPending = false;
  /** What fails from now on is no trouble: whatever is pushed to may be ending, too. */
  #isEnding = false;
  #underWay: Promise<Pushed> | undefined;
  #lastProblem = '';
  /** How far back this server wants samples; undefined until it has said so. */
  historyMs: number | undefined;

  constructor(deps: PusherDeps) {
    this.#deps = deps;
  }

  /** There is a new sample. */
  notify(): void {
    this.#isPending = true;
    this.#wake?.();
  }

  /** Until nothing is left to push, or a push has failed. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    await nextTurn(); // one that was just told of begins by then
    while (this.#underWay !== undefined) await this.#underWay;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { backoff, client } = this.#deps;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      if (!this.#isPending) {
        await this.#waitForWork();
        continue;
      }
      this.#isPending = false;
      this.#underWay = this.#push(signal);
      const { isDone, retryAfterMs } = await this.#underWay;
      this.#underWay = undefined;
      if (isDone) {
        backoff.reset();
      } else {
        this.#isPending = true;
        await sleep(retryAfterMs + backoff.next(), signal);
      }
    }
    client.close();
  }

  async #waitForWork(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }

  async #push(signal: AbortSignal): Promise<Pushed> {
    const { monotonicMs, metrics } = this.#deps;
    const startedMs = monotonicMs();
    try {
      this.#accept(await this.#send(signal));
      metrics.pushed('ok', (monotonicMs() - startedMs) / 1_000);
      return { isDone: true, retryAfterMs: 0 };
    } catch (error) {
      if (signal.aborted) return { isDone: false, retryAfterMs: 0 };
      const isRefused = error instanceof PushRefusedError;
      if (isRefused) this.#noteRefusal(error.statusCode);
      metrics.pushed(isRefused ? 'refused' : 'failed', (monotonicMs() - startedMs) / 1_000);
      if (!this.#isEnding) this.#tell(errorMessage(error));
      return { isDone: false, retryAfterMs: isRefused ? error.retryAfterMs : 0 };
    }
  }

  #noteRefusal(statusCode: number): void {
    const { metrics, credentials } = this.#deps;
    metrics.refused(REASONS.get(statusCode) ?? OTHER_REASON);
    if (statusCode === UNAUTHORIZED || statusCode === FORBIDDEN) credentials.doubtToken();
  }

  /** An idle connection that the server had closed tells nothing of the server: once, the report goes out again on a new one. */
  async #send(signal: AbortSignal): Promise<ReadAnswer> {
    try {
      return await this.#sendOnce(signal);
    } catch (error) {
      if (!(error instanceof PushConnectionError) || !error.onKeptConnection || signal.aborted) throw error;
      return this.#sendOnce(signal);
    }
  }

  async #sendOnce(signal: AbortSignal): Promise<ReadAnswer> {
    const { client, credentials, userAgent } = this.#deps;
    let sent = 0;
    const compose = async (isKept: boolean): Promise<HttpsPayload> => {
      const token = await credentials.token();
      // On a new connection it may be another process: what the old one had counts no more, also if this push comes to nothing.
      if (!isKept) this.#confirmed = NOTHING;
      const report = await this.#encode(this.#confirmed);
      sent = report.samples;
      const headers = {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        'user-agent': userAgent,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      };
      return { headers, body: report.body };
    };
    const answer = await client.post(NODE_REPORTS_PATH, compose, signal);
    if (answer.statusCode === TOO_LARGE) this.#maxSamples = Math.max(1, Math.floor(sent / 2));
    if (answer.statusCode !== OK) throw refusalOf(answer);
    const read = readAnswer(parseJson(answer.body));
    if (read === undefined) throw new PushRefusedError(answer.statusCode, 'the answer is not a NodeReportAnswer');
    return read;
  }

  async #encode(afterSequence: number): Promise<{ readonly samples: number; readonly body: Buffer }> {
    const { build, limits } = this.#deps;
    for (;;) {
      const { samples, pieces } = build(afterSequence, this.#maxSamples);
      const body = await encode(pieces, limits);
      if (body !== undefined) return { samples, body };
      if (samples <= 1) throw new RangeError('the report of one sample is larger than a server takes');
      this.#maxSamples = Math.floor(samples / 2);
    }
  }

  #accept(answer: ReadAnswer): void {
    const { lastSequence, historyMs, rejected, rejectedCount } = answer;
    this.#deps.onAnswer?.(answer);
    this.#confirmed = lastSequence;
    this.#maxSamples = Infinity;
    this.historyMs = historyMs;
    const [first] = rejected;
    this.#tell(first === undefined ? '' : `${rejectedCount} entries left out, first ${first.entry}: ${first.message}`);
  }

  /** One line per change of state, not per push. */
  #tell(problem: string): void {
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    const { log, server } = this.#deps;
    if (problem === '') log.info({ server }, 'pushing');
    else log.warn({ server, problem }, 'a push did not go well');
  }
}

function refusalOf({ statusCode, retryAfter, body }: HttpsAnswer): PushRefusedError {
  const isBusy = statusCode === TOO_MANY || statusCode === UNAVAILABLE;
  const message = `HTTP ${statusCode}: ${statusMessage(body)}`;
  return new PushRefusedError(statusCode, message, isBusy ? retryAfterMs(retryAfter) : 0);
}

/** The message of a `Status`, or the beginning of whatever came. */
function statusMessage(body: string): string {
  const parsed = parseJson(body);
  const isStatus =
    typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string';
  return isStatus ? String(parsed.message) : body.slice(0, 200);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
