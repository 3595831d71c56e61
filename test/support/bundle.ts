import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';

/** The bundle that is shipped, in a directory that every user may read. */
export interface Bundle {
  readonly file: string;
  remove(): Promise<void>;
}

export async function makeBundle(): Promise<Bundle> {
  const { BUNDLE, bundle } = (await import(join(process.cwd(), 'scripts/bundle.mjs'))) as {
    BUNDLE: string;
    bundle: () => Promise<void>;
  };
  await bundle();
  const directory = await mkdtemp(join(tmpdir(), 'podnet-bundle-'));
  await chmod(directory, 0o755);
  await cp(dirname(BUNDLE), directory, { recursive: true });
  const file = join(directory, basename(BUNDLE));
  return { file, remove: () => rm(directory, { recursive: true }) };
}

/** A program that was started, and what it has printed so far. */
export interface Run {
  readonly child: ChildProcessWithoutNullStreams;
  out(): string;
  error(): string;
  /** Exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** @param options.ownGroup of processes, so that they can be signalled together, as a terminal does */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly ownGroup?: boolean } = {},
): Run {
  const { CI: _ci, NODE_V8_COVERAGE: _coverage, NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const child = spawn(command, args, {
    ...{ stdio: 'pipe', env: { ...env, ...options.env } },
    detached: options.ownGroup ?? false,
  });
  let out = '';
  let error = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text));
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, out: () => out, error: () => error, ended };
}
