/** A procfs file was readable but did not have the shape its parser expects. */
export class ProcParseError extends Error {
  override readonly name = 'ProcParseError';
  readonly code = 'NODEAGENT_PROC_PARSE';

  constructor(
    readonly file: string,
    readonly line: number,
    reason: string,
  ) {
    super(`${file}:${line}: ${reason}`);
  }
}

/** A procfs file is larger than we are willing to read. */
export class ProcTooLargeError extends Error {
  override readonly name = 'ProcTooLargeError';
  readonly code = 'NODEAGENT_PROC_TOO_LARGE';

  constructor(file: string, maxBytes: number) {
    super(`${file}: larger than ${maxBytes} bytes`);
  }
}

const GONE = new Set(['ENOENT', 'ESRCH', 'EINVAL', 'ENOTDIR']);
const DENIED = new Set(['EACCES', 'EPERM']);

/** The process, or the file, is not there (any more). A zombie has no namespaces: its net/ gives EINVAL. */
export function isGone(error: unknown): boolean {
  return hasCode(error, GONE);
}

/** The process is there and is not ours to look at. */
export function isDenied(error: unknown): boolean {
  return hasCode(error, DENIED);
}

function hasCode(error: unknown, codes: ReadonlySet<string>): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.has(error.code);
}

/**
 * What a file says; undefined where it is gone, never was there (a module that is not loaded), is not ours to read, or is larger
 * than what we read.
 */
export function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isGone(error) || isDenied(error) || error instanceof ProcTooLargeError) return undefined;
    throw error;
  }
}
