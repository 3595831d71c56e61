import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
const MAX_OUTPUT = 64 * 1024 ** 2;
/** Of a build, on a machine that is busy. */
const TIMEOUT_MS = 300_000;

/** Runs a program to its end. @returns what it printed @throws {Error} with what it complained of */
export async function execute(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { stdout } = await execFileAsync(command, args, {
    ...options,
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT,
    timeout: TIMEOUT_MS,
  });
  return stdout;
}
