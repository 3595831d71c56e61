import { errorMessage } from '../../runtime/logger.js';
import { renderDuration } from '../../runtime/duration.js';
import type { Progress } from './exchange.js';
import { SendError, type SendFailure } from './sink.js';

/** What is known of a request that did not succeed. */
export interface Failed {
  /** As the SDK threw it. */
  readonly error: unknown;
  readonly progress: Progress;
  /** Who gave up waiting, if anybody. */
  readonly gaveUp: 'timeout' | 'program' | undefined;
  readonly timeoutMs: number;
}

const GATEWAY_FAILURES: readonly number[] = [502, 504];

/** @see CloudWatch API reference, Common Errors; and the codes of the other services of AWS, which proxies and STS answer with */
const THROTTLED =
  /throttl|^(RequestLimitExceeded|TooManyRequests|LimitExceeded|BandwidthLimitExceeded|PriorRequestNotComplete|SlowDown)/i;
const FORBIDDEN = /^(AccessDenied|NotAuthorized|UnauthorizedOperation|OptInRequired)/;
const WRONG_CREDENTIALS =
  /^(InvalidClientTokenId|UnrecognizedClient|AuthFailure|ExpiredToken|InvalidAccessKeyId|InvalidToken|InvalidIdentityToken|MissingAuthenticationToken|IncompleteSignature)/;
const WRONG_SIGNATURE = /^(SignatureDoesNotMatch|InvalidSignature|RequestExpired|RequestTimeTooSkewed)/;
/** Of an endpoint that is another service's. */
const NOT_CLOUDWATCH = /^(UnknownOperation|InvalidAction|MissingAction|NotFound)/;

/**
 * What became of a request: whether its values may have been taken, and what to do. Messages are AWS's own only where they explain
 * something, and never with a key, a token or a signature in them; the error of the SDK, which has the whole exchange, stays here.
 */
export function sendErrorOf(failed: Failed): SendError {
  const { error, progress, gaveUp } = failed;
  if (gaveUp !== undefined) return unanswered(failed, gaveUp);
  if (progress.statusCode !== undefined) return refused(progress.statusCode, error);
  if (progress.isSent) return new SendError('lost', `CloudWatch did not answer: ${shown(errorMessage(error))}`);
  if (progress.isBegun)
    return new SendError('unavailable', `CloudWatch cannot be reached: ${shown(errorMessage(error))}`);
  return withoutCredentials(error);
}

function unanswered({ progress, timeoutMs }: Failed, gaveUp: 'timeout' | 'program'): SendError {
  const when =
    gaveUp === 'timeout'
      ? `within ${renderDuration(timeoutMs)}`
      : 'until it was given up: the program ends, or another replica may publish';
  if (progress.isSent) return new SendError('lost', `no answer from CloudWatch ${when}`);
  const what = progress.isBegun ? 'no connection to CloudWatch' : 'no AWS credentials';
  return new SendError('unavailable', `${what} ${when}`);
}

/** There was an answer, or at least the beginning of one. */
function refused(statusCode: number, error: unknown): SendError {
  const code = codeOf(error);
  const told = code === undefined ? `HTTP ${statusCode}` : `${code}, HTTP ${statusCode}`;
  const failure = failureOf(statusCode, code);
  const said = code === undefined ? '' : `: ${shown(errorMessage(error))}`;
  const message: Record<SendFailure, string> = {
    throttled: `CloudWatch throttles (${told})`,
    denied: denial(told, code, said),
    unavailable: `CloudWatch is not available (${told})`,
    unconfigured: '',
    invalid: `CloudWatch takes none of these values (${told})${said}`,
    lost: `the answer cannot be understood (${told})`,
  };
  return new SendError(failure, message[failure]);
}

/**
 * An answer of 5xx says that the service failed with the request, so its values were not taken. 502 and 504 are of a gateway that got no
 * answer itself (RFC 9110, 15.6.3 and 15.6.5), and an unreadable 2xx of whoever stands between: then nobody knows. Refused for good is
 * only what CloudWatch itself finds wrong; a proxy's or another service's 4xx ends when the way is mended.
 */
function failureOf(statusCode: number, code: string | undefined): SendFailure {
  if (statusCode === 429 || (code !== undefined && THROTTLED.test(code))) return 'throttled';
  if (statusCode < 300 || GATEWAY_FAILURES.includes(statusCode)) return 'lost';
  if (statusCode === 401 || statusCode === 403) return 'denied';
  if (code === undefined || statusCode >= 500 || statusCode < 400 || NOT_CLOUDWATCH.test(code)) return 'unavailable';
  const isDenied = [FORBIDDEN, WRONG_CREDENTIALS, WRONG_SIGNATURE].some((codes) => codes.test(code));
  if (isDenied) return 'denied';
  return statusCode === 400 || statusCode === 413 ? 'invalid' : 'unavailable';
}

function denial(told: string, code: string | undefined, said: string): string {
  if (code !== undefined && FORBIDDEN.test(code)) {
    return `AWS denies it (${told})${said}: allow cloudwatch:PutMetricData for the role of this service account`;
  }
  if (code !== undefined && WRONG_SIGNATURE.test(code)) {
    return `AWS does not take the signature (${told}): check the secret access key, the region and this machine's clock`;
  }
  return `AWS does not take the credentials (${told}): they are wrong or have expired`;
}

/** Nothing was sent to CloudWatch. */
function withoutCredentials(error: unknown): SendError {
  const message = shown(errorMessage(error));
  if (isNetworkError(error)) return new SendError('unavailable', `no AWS credentials: ${message}`);
  const way =
    'give the service account a role (EKS Pod Identity or IRSA), or the node one that the pod may use (IMDSv2, hop limit 2), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
  return new SendError('denied', `no AWS credentials: ${message}: ${way}`);
}

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'TimeoutError' || ('syscall' in error && 'code' in error) || isNetworkError(error.cause);
}

/** The code of AWS's answer; undefined when it is not one of AWS. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('$fault' in error)) return undefined;
  return /^[A-Za-z.]{3,80}$/.test(error.name) && error.name !== 'Unknown' ? error.name : undefined;
}

const SHOWN_LENGTH = 300;

/** Text of others, for a log: short, in one line, and without what looks like a key, a token or a signature. */
function shown(text: string): string {
  return text
    .replace(/\b(AKIA|ASIA)[A-Z0-9]{12,}/g, '…')
    .replace(/[A-Za-z0-9+/=_-]{40,}/g, '…')
    .replace(/\s+|[^\x20-\x7e…]/g, ' ')
    .slice(0, SHOWN_LENGTH);
}
