import process from 'node:process';
import { defaultNodeName } from '../nodeagent/main.js';
import { createProcessIo } from '../runtime/process-io.js';
import { runProgram } from '../runtime/run-program.js';
import { standaloneProgram, startStandalone } from './standalone.js';
import { Messages, renderInvitation, startWatch } from './watch.js';

/** `podnet standalone`. @returns the exit code */
export async function runStandalone(argv: readonly string[]): Promise<number> {
  const io = createProcessIo(argv);
  return runProgram(standaloneProgram(defaultNodeName(io.env)), io, async (options) => {
    const messages = new Messages();
    const standalone = await startStandalone(options, {
      writeError: process.stdout.isTTY ? messages.write : io.writeError,
    });
    io.writeOut(renderInvitation(standalone));
    const watch = startWatch(standalone, { stdout: process.stdout, messages });
    return {
      close: async () => {
        watch.close();
        await standalone.close();
      },
    };
  });
}
