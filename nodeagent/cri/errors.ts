import type { SourceOff } from '../source-states.js';

/** The container runtime could not be asked, or refused. */
export class CriError extends Error {
  override readonly name = 'CriError';
  readonly code = 'NODEAGENT_CRI';

  constructor(
    message: string,
    readonly reason: SourceOff,
    /** It does not know what was asked for. */
    readonly isNotFound = false,
  ) {
    super(message);
  }
}

/** What gRPC says of a call that failed. */
export interface GrpcFailure {
  /** As in google.rpc.Code. */
  readonly code: number;
  readonly details: string;
}

const GRPC = { notFound: 5, permissionDenied: 7, unimplemented: 12, unavailable: 14, unauthenticated: 16 } as const;
const MAX_DETAILS = 300;

export function explainFailure(what: string, { code, details }: GrpcFailure): CriError {
  const failedConnect = code === GRPC.unavailable ? /\bconnect (E[A-Z]+)/.exec(details) : null;
  const message = `${what}: ${failedConnect?.[0] ?? details.slice(0, MAX_DETAILS)}`;
  const reason = failedConnect === null ? reasonOf(code) : reasonOfConnect(failedConnect[1]);
  return new CriError(message, reason, code === GRPC.notFound);
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

/** @param systemError of connect(2) */
function reasonOfConnect(systemError: string | undefined): SourceOff {
  if (systemError === 'ENOENT' || systemError === 'ENOTDIR') return 'not_found';
  return systemError === 'EACCES' || systemError === 'EPERM' ? 'not_permitted' : 'unreachable';
}
