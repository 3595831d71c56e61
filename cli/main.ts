import process from 'node:process';
import { defaultNodeName } from '../nodeagent/main.js';
import { createProcessIo } from '../runtime/process-io.js';
import { runProgram } from '../runtime/run-program.js';
import type { Screen } from './live-table.js';
import { standaloneProgram, startStandalone } from './standalone.js';
import { LiveTerminal } from './terminal.js';
import { occupyTerminal } from './terminal-signals.js';
import { renderInvitation, startWatch } from './watch.js';

/** Of a terminal that says it has no size, as some pseudo-terminals do. */
const UNKNOWN_SCREEN: Screen = { columns: 80, rows: 24 };

/** `podnet standalone`. @returns the exit code */
export async function runStandalone(argv: readonly string[]): Promise<number> {
  const io = createProcessIo(argv);
  return runProgram(standaloneProgram(defaultNodeName(io.env)), io, async (options) => {
    const terminal = process.stdout.isTTY ? new LiveTerminal(io.out, screen) : undefined;
    // A log that goes elsewhere goes there; on the terminal it must not run into the table.
    const writeError = terminal !== undefined && process.stderr.isTTY ? terminal.print : io.writeError;
    const standalone = await startStandalone(options, { writeError });
    io.writeOut(renderInvitation(standalone));
    const leave = terminal && occupyTerminal(terminal);
    const watch = startWatch(standalone, { out: io.out, terminal, screen });
    return {
      close: async () => {
        watch.close();
        leave?.();
        await standalone.close();
      },
    };
  });
}

function screen(): Screen {
  const { columns, rows } = process.stdout;
  return {
    columns: columns > 0 ? columns : UNKNOWN_SCREEN.columns,
    rows: rows > 0 ? rows : UNKNOWN_SCREEN.rows,
  };
}
