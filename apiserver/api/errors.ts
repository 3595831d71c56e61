import type { Status } from '../../openapi/kubernetes.js';

/** Reasons of `Status` that this server gives, with their HTTP codes (apimachinery meta/v1 StatusReason). */
export const REASONS = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestTimeout: 408,
  Conflict: 409,
  RequestEntityTooLarge: 413,
  RequestURITooLong: 414,
  UnsupportedMediaType: 415,
  ExpectationFailed: 417,
  TooManyRequests: 429,
  RequestHeaderFieldsTooLarge: 431,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;
export type Reason = keyof typeof REASONS;

/** An error whose message is meant for the client: it is answered as a `Status`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly statusCode: number;

  constructor(
    readonly reason: Reason,
    message: string,
    readonly details?: Status['details'],
  ) {
    super(message);
    this.statusCode = REASONS[reason];
  }
}

export const RESOURCE_NOT_FOUND = 'the server could not find the requested resource';
export const TOO_MANY_REQUESTS = 'Too many requests, please try again later.';
export const METHOD_NOT_ALLOWED = 'the server does not allow this method on the requested resource';

/** The `Status` of whatever was thrown. What is not meant for the client says no more than that something failed. */
export function statusOf(error: unknown): Status {
  if (error instanceof ApiError) return status(error.reason, error.message, error.details);
  const code = clientErrorCode(error);
  const reason = (Object.keys(REASONS) as Reason[]).find((one) => REASONS[one] === code);
  if (reason === undefined || !(error instanceof Error)) return status('InternalError', 'internal error');
  return status(reason, error.message);
}

export function status(reason: Reason, message: string, details?: Status['details']): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details !== undefined && { details }),
    code: REASONS[reason],
  };
}

/** fastify's own errors carry a status code; those of 4xx are the client's doing and safe to tell. */
function clientErrorCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}
