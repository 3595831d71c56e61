/** A program cannot start, for a reason that whoever started it can mend: told in one line, without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code = 'PODNET_START';
}
