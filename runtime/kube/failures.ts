import { KubeError } from './api.js';

/** Whether the API no longer has the version or the page that was asked for. */
export function isExpired(error: unknown): error is KubeError {
  return error instanceof KubeError && error.statusCode === 410;
}

/** The server was restored from a backup, and its versions are behind ours. */
export function isFromTheFuture(error: unknown): error is KubeError {
  return error instanceof KubeError && /too large resource version/i.test(error.message);
}

/** Servers that do not know `sendInitialEvents`, or have it turned off, find it invalid. */
export function isUnknownQuery(error: unknown): boolean {
  return error instanceof KubeError && (error.statusCode === 422 || error.statusCode === 400);
}

/** Something came that cannot be read: too large, or not what it ought to be. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof KubeError && (error.cause instanceof RangeError || error.cause instanceof SyntaxError);
}
