import type { ProcessIo, Running } from '../runtime/run-program.js';
import { APISERVER_OPTIONS, apiserverProgram } from '../apiserver/options.js';
import { startApiserver, type Apiserver } from '../apiserver/start.js';
import { nodeagentOptions, nodeagentProgram } from '../nodeagent/options.js';
import { startNodeagent, type Nodeagent, type NodeagentDeps } from '../nodeagent/start.js';
import { systemClock } from '../runtime/clock.js';
import { createLogger, type Logger } from '../runtime/logger.js';
import { choice, defaultsOf, duration, type OptionValues } from '../runtime/options/kinds.js';
import type { Program } from '../runtime/options/parse.js';
import { LOG_LEVELS } from '../runtime/logger.js';
import { VERSION } from '../runtime/version.js';

export interface Standalone extends Running {
  readonly apiserver: Apiserver;
  readonly nodeagent: Nodeagent;
}

export function standaloneOptions(hostName: string) {
  const { securePort, bindAddress, writeCaFile, window, history, podLabels } = APISERVER_OPTIONS;
  const { nodeName, pathProcfs, pathSysfs, listenAddress, listenRateLimit, listenRateBurst } =
    nodeagentOptions(hostName);
  return {
    ...{ securePort, bindAddress, writeCaFile, window, history, podLabels, nodeName, pathProcfs, pathSysfs },
    ...{ listenAddress, listenRateLimit, listenRateBurst },
    interval: duration({ flag: 'interval', default: 1_000, min: 100, max: 60_000, help: 'Time between two samples.' }),
    logLevel: choice({
      flag: 'log-level',
      choices: LOG_LEVELS,
      default: 'warn',
      help: 'Least severity that is logged.',
    }),
  };
}
export type StandaloneOptions = OptionValues<ReturnType<typeof standaloneOptions>>;

export function standaloneProgram(hostName: string): Program<ReturnType<typeof standaloneOptions>> {
  return {
    name: 'podnet standalone',
    summary:
      'Both programs on this machine, without Kubernetes: every network namespace is a pod of the namespace "default".',
    version: VERSION,
    options: standaloneOptions(hostName),
    check: (options) => [
      ...(apiserverProgram(VERSION).check?.(apiserverOptionsOf(options)) ?? []),
      ...(nodeagentProgram(VERSION, hostName).check?.(nodeagentOptionsOf(options, [])) ?? []),
    ],
  };
}

/** Starts an apiserver and an agent that pushes to it. If the second cannot start, the first is stopped again. */
export async function startStandalone(
  options: StandaloneOptions,
  { writeError }: Pick<ProcessIo, 'writeError'>,
  describe?: NodeagentDeps['describe'],
): Promise<Standalone> {
  const logger = (program: string): Logger =>
    createLogger(program, { level: options.logLevel, format: 'text', write: writeError });
  const deps = { clock: systemClock, version: VERSION, env: {} };
  const apiserver = await startApiserver(apiserverOptionsOf(options), { ...deps, log: logger('apiserver') });
  try {
    const nodeagent = await startNodeagent(nodeagentOptionsOf(options, [apiserver.url]), {
      ...deps,
      log: logger('nodeagent'),
      serverCa: apiserver.ca,
      ...(describe !== undefined && { describe }),
    });
    return {
      apiserver,
      nodeagent,
      close: async () => {
        await Promise.all([nodeagent.close(), apiserver.close()]);
      },
    };
  } catch (error) {
    await apiserver.close();
    throw error;
  }
}

function apiserverOptionsOf(options: StandaloneOptions): Parameters<typeof startApiserver>[0] {
  return {
    ...defaultsOf(APISERVER_OPTIONS),
    ...options,
    standalone: true,
    logFormat: 'text',
  };
}

function nodeagentOptionsOf(
  options: StandaloneOptions,
  server: readonly string[],
): Parameters<typeof startNodeagent>[0] {
  return {
    ...defaultsOf(nodeagentOptions(options.nodeName)),
    ...options,
    server,
    tokenFile: undefined,
    podSource: 'netns',
    pathKubeletSocket: '',
    logFormat: 'text',
  };
}
