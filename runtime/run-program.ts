import type { OptionTable, OptionValues } from './options/kinds.js';
import { parseOptions, type Program } from './options/parse.js';
import { StartError } from './start-error.js';

/** What a program has of the process it runs in; mains hand it over. */
export interface ProcessIo {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Aborted when the process is asked to end. */
  readonly stop: AbortSignal;
}

export interface Running {
  close(): Promise<void>;
}

/**
 * Runs a program to its end: reads its options, starts it, waits until it is asked to end, closes it; one that has ended by itself
 * leaves nothing to close. What cannot be started is said in one line each.
 * @returns the exit code
 */
export async function runProgram<Table extends OptionTable>(
  program: Program<Table>,
  io: ProcessIo,
  start: (options: OptionValues<Table>, operands: readonly string[]) => Promise<Running | undefined>,
): Promise<number> {
  const invocation = parseOptions(program, io.argv, io.env);
  if (invocation.kind === 'print') {
    io.writeOut(invocation.text);
    return 0;
  }
  if (invocation.kind === 'refuse') {
    for (const error of invocation.errors) io.writeError(`${program.name}: ${error}\n`);
    return 2;
  }
  try {
    const running = await start(invocation.options, invocation.operands ?? []);
    if (running === undefined) return 0;
    await untilAborted(io.stop);
    await running.close();
    return 0;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    io.writeError(`${program.name}: ${error.message}\n`);
    return 1;
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
