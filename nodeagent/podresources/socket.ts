import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { Deadline } from '../../runtime/kube/deadline.js';
import { errorMessage } from '../../runtime/logger.js';
import { GrpcError, reasonOfConnect } from '../grpc/errors.js';

/** Connecting to a unix socket takes no time, unless nobody accepts. */
const CONNECT_TIMEOUT_MS = 1_000;

/**
 * What a socket is told apart by from another one under the same path: a server that is started again makes a new one. An inode number
 * alone may be that of the one before.
 * @throws {GrpcError} where there is none, or it may not be looked at
 */
export function socketIdentity(path: string): string {
  const found = ifNoError('stat', () => statSync(path, { bigint: true }));
  // a directory is what a container runtime makes of a mount without a source
  if (!found.isSocket()) throw new GrpcError('it is no socket', 'not_found');
  return `${found.dev}:${found.ino}:${found.ctimeNs}`;
}

/**
 * Whether there is somebody who may be asked: costs nothing, where gRPC would have to be loaded to learn that nobody is.
 * @throws {GrpcError}
 */
export async function tryConnect(path: string, signal: AbortSignal): Promise<void> {
  const deadline = new Deadline(CONNECT_TIMEOUT_MS, signal);
  const socket = connect({ path });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', (error) => reject(explain('connect', error)));
      const giveUp = (): void => reject(new GrpcError('connect: nobody accepts', 'unreachable'));
      if (deadline.signal.aborted) giveUp();
      else deadline.signal.addEventListener('abort', giveUp, { once: true });
    });
  } finally {
    deadline.close();
    socket.on('error', () => undefined).destroy();
  }
}

function ifNoError<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw explain(what, error);
  }
}

function explain(what: string, error: unknown): GrpcError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  return new GrpcError(`${what} ${code ?? errorMessage(error)}`, reasonOfConnect(code));
}
