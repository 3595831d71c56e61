import { systemClock } from '../runtime/clock.js';
import { createLogger } from '../runtime/logger.js';
import { createProcessIo } from '../runtime/process-io.js';
import { runProgram } from '../runtime/run-program.js';
import { VERSION } from '../runtime/version.js';
import { apiserverProgram } from './options.js';
import { startApiserver } from './start.js';

/** `podnet apiserver`. @returns the exit code */
export async function runApiserver(argv: readonly string[]): Promise<number> {
  const io = createProcessIo(argv);
  return runProgram(apiserverProgram(VERSION), io, async (options) => {
    const log = createLogger('apiserver', { level: options.logLevel, format: options.logFormat, write: io.writeError });
    const { env, writeOut } = io;
    return startApiserver(options, { clock: systemClock, log, version: VERSION, env, writeOut });
  });
}
