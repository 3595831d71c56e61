import { errorMessage } from '../../runtime/logger.js';
import type { SourceOff } from '../source-states.js';

/** A server on the node could not be asked, or refused. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code = 'NODEAGENT_GRPC';

  constructor(
    message: string,
    readonly reason: SourceOff,
    /** It does not know what was asked for. */
    readonly isNotFound = false,
  ) {
    super(message);
  }
}

/** What a call failed with, in words; the code says nothing more where it is always the same. */
export function messageOf(error: unknown): string {
  return error instanceof GrpcError ? error.message : errorMessage(error);
}

/** What gRPC says of a call that failed. */
export interface GrpcFailure {
  /** As in google.rpc.Code. */
  readonly code: number;
  readonly details: string;
}

const GRPC = { notFound: 5, permissionDenied: 7, unimplemented: 12, unavailable: 14, unauthenticated: 16 } as const;
const MAX_DETAILS = 300;

export function explainFailure(what: string, { code, details }: GrpcFailure): GrpcError {
  const failedConnect = code === GRPC.unavailable ? /\bconnect (E[A-Z]+)/.exec(details) : null;
  const message = `${what}: ${failedConnect?.[0] ?? details.slice(0, MAX_DETAILS)}`;
  const reason = failedConnect === null ? reasonOf(code) : reasonOfConnect(failedConnect[1]);
  return new GrpcError(message, reason, code === GRPC.notFound);
}

function reasonOf(code: number): SourceOff {
  switch (code) {
    case GRPC.unavailable:
      return 'unreachable';
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return 'not_permitted';
    case GRPC.unimplemented:
      return 'unsupported';
    default:
      return 'failed';
  }
}

/** @param systemError of stat(2) or connect(2) of a unix socket, such as ENOENT */
export function reasonOfConnect(systemError: string | undefined): SourceOff {
  if (systemError === 'ENOENT' || systemError === 'ENOTDIR') return 'not_found';
  return systemError === 'EACCES' || systemError === 'EPERM' ? 'not_permitted' : 'unreachable';
}
