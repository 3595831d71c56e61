import { errorMessage } from './logger.js';
import { renderHostPort, type HostPort } from './options/kinds.js';

/** Why a program cannot serve where it was told to; where somebody else does, with the flag that has it serve elsewhere. */
export function listenProblem(address: HostPort, error: unknown, way: string): string {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return `cannot serve on ${renderHostPort(address)}: ${errorMessage(error)}${isTaken ? `; ${way}` : ''}`;
}
