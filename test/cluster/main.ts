// npm run test:e2e: against the cluster of KUBECONFIG.
import process from 'node:process';
import { systemClock } from '../../runtime/clock.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { createProcessIo } from '../../runtime/process-io.js';
import { clusterTestProgram } from './options.js';
import { runClusterTest } from './run.js';

const POLL_MS = 1_000;
const io = createProcessIo(process.argv.slice(2));
const invocation = parseOptions(clusterTestProgram, io.argv, io.env);
if (invocation.kind === 'print') io.writeOut(invocation.text);
else if (invocation.kind === 'refuse') {
  for (const error of invocation.errors) io.writeError(`test:e2e: ${error}\n`);
  process.exitCode = 2;
} else {
  const { env, stop, writeOut: write } = io;
  process.exitCode = await runClusterTest(invocation.options, {
    clock: systemClock,
    env,
    write,
    stop,
    pollMs: POLL_MS,
  });
}
