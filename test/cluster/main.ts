// npm run test:e2e: against the cluster of KUBECONFIG.
import process from 'node:process';
import { systemClock } from '../../runtime/clock.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { createProcessIo } from '../../runtime/process-io.js';
import { clusterTestProgram } from './options.js';
import { runClusterTest } from './run.js';

const POLL_MS = 1_000;
/** A scheduler needs no longer, unless it has nowhere to put a pod. */
const SCHEDULED_WITHIN_MS = 60_000;
/** npm hands on the signal of a Ctrl-C that the terminal has sent to this process already. */
const SAME_SIGNAL_MS = 2_000;
const INTERRUPTED = 130;

const io = createProcessIo(process.argv.slice(2));
endOnSecondSignal();
const invocation = parseOptions(clusterTestProgram, io.argv, io.env);
if (invocation.kind === 'print') io.writeOut(invocation.text);
else if (invocation.kind === 'refuse') {
  for (const error of invocation.errors) io.writeError(`test:e2e: ${error}\n`);
  process.exitCode = 2;
} else {
  const { env, stop, writeOut: write } = io;
  process.exitCode = await runClusterTest(invocation.options, {
    ...{ clock: systemClock, env, write, stop },
    ...{ pollMs: POLL_MS, scheduledWithinMs: SCHEDULED_WITHIN_MS },
  });
}

/** A run that is killed while it cleans up leaves APIServices without a server: it has to be meant. */
function endOnSecondSignal(): void {
  let firstMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const nowMs = systemClock.monotonicMs();
      firstMs ??= nowMs;
      if (nowMs - firstMs > SAME_SIGNAL_MS) process.exit(INTERRUPTED);
    });
  }
}
