import process from 'node:process';
import { createOutput, type Output } from './output.js';
import type { ProcessIo } from './run-program.js';

/** What mains have besides. */
export interface MainIo extends ProcessIo {
  /** Where `writeOut` writes. */
  readonly out: Output;
}

/**
 * This process, for mains only, once. The first SIGINT, SIGTERM or SIGHUP asks the program to end, a second one ends it on the spot.
 * Text to somebody who does not read it is dropped in the end; it stops nothing.
 */
export function createProcessIo(argv: readonly string[]): MainIo {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => stop.abort());
  }
  // Whoever read our output has gone (`podnet standalone | head`): there is nobody left to work for.
  process.stdout.on('error', () => stop.abort());
  const out = createOutput(process.stdout);
  const error = createOutput(process.stderr);
  process.once('exit', () => {
    out.finish();
    error.finish();
  });
  return {
    argv,
    env: process.env,
    writeOut: (text) => void out.write(text),
    writeError: (text) => void error.write(text),
    stop: stop.signal,
    out,
  };
}
