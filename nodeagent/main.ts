import { hostname } from 'node:os';
import { systemClock } from '../runtime/clock.js';
import { createLogger } from '../runtime/logger.js';
import { createProcessIo } from '../runtime/process-io.js';
import { runProgram } from '../runtime/run-program.js';
import { VERSION } from '../runtime/version.js';
import { hostIpOf } from './ipam/options.js';
import { nodeagentProgram } from './options.js';
import { startNodeagent } from './start.js';

/** `podnet nodeagent`. @returns the exit code */
export async function runNodeagent(argv: readonly string[]): Promise<number> {
  const io = createProcessIo(argv);
  const program = nodeagentProgram(VERSION, defaultNodeName(io.env), hostIpOf(io.env));
  return runProgram(program, io, async (options) => {
    const log = createLogger('nodeagent', { level: options.logLevel, format: options.logFormat, write: io.writeError });
    return startNodeagent(options, { clock: systemClock, log, version: VERSION, env: io.env });
  });
}

/** $NODE_NAME, as the downward API gives it; else the host name, as the kubelet would write it. */
export function defaultNodeName(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['NODE_NAME'];
  return given !== undefined && given !== '' ? given : hostname().toLowerCase();
}
