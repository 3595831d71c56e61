import { metricsProgram, printMetrics, type MetricsDeps } from '../../cli/metrics.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { StartError } from '../../runtime/start-error.js';

/** What `podnet metrics` came to. */
export interface Printed {
  readonly text: string;
  /** Empty when all went well. */
  readonly problem: string;
}

/** Prints into memory, in an environment. */
export async function printInto(argv: readonly string[], deps: Partial<MetricsDeps> = {}): Promise<Printed> {
  const env = deps.env ?? {};
  const invocation = parseOptions(metricsProgram('0.0.0'), argv, env);
  if (invocation.kind !== 'run') return { text: '', problem: JSON.stringify(invocation) };
  const chunks: Uint8Array[] = [];
  const textSoFar = (): string => Buffer.concat(chunks).toString('utf8');
  try {
    await printMetrics(invocation.options, {
      ...{ env, serviceAccountDirectory: '/nowhere', signal: new AbortController().signal },
      write: async (bytes) => {
        chunks.push(bytes);
        return Promise.resolve(true);
      },
      ...deps,
    });
    return { text: textSoFar(), problem: '' };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { text: textSoFar(), problem: error.message };
  }
}
