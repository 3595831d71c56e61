import process from 'node:process';
import type { ProcessIo } from './run-program.js';

/** This process, for mains only. The first SIGINT or SIGTERM asks the program to end, a second one ends it on the spot. */
export function createProcessIo(argv: readonly string[]): ProcessIo {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stop.abort());
  }
  return {
    argv,
    env: process.env,
    writeOut: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    stop: stop.signal,
  };
}
