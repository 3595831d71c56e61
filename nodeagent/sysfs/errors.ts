/** What is there is no regular file, or holds more than we are willing to read. */
export class SysfsUnfitError extends Error {
  override readonly name = 'SysfsUnfitError';
  readonly code = 'NODEAGENT_SYSFS_UNFIT';

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
  }
}

/** The agent or the machine has run out of something: this says nothing of the file that was asked for. */
const EXHAUSTED = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** Of a system error, such as ENOENT; empty of any other. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/**
 * What sysfs says; undefined where it says nothing: gone (also between two calls), not ours to read, not of the kind that was expected,
 * or an error of the driver that was to answer.
 */
export function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return undefined;
  }
}

/** Whether an error says something of what was asked for. */
export function isAnswer(error: unknown): boolean {
  const code = codeOf(error);
  return code !== '' && !EXHAUSTED.has(code);
}
