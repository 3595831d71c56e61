import process from 'node:process';
import { createProcessIo } from '../runtime/process-io.js';
import { choice, duration, objectName, optionalText, toggle, type OptionValues } from '../runtime/options/kinds.js';
import type { Program } from '../runtime/options/parse.js';
import { runProgram } from '../runtime/run-program.js';
import { SERVICE_ACCOUNT_DIRECTORY } from '../runtime/kube/service-account.js';
import { StartError } from '../runtime/start-error.js';
import { VERSION } from '../runtime/version.js';
import { scrape } from './scrape.js';
import { chooseTarget, identify, serverProblem } from './scrape-target.js';
import { writeFully } from './write-fully.js';

/**
 * In an agent's container PODNET_SERVER says where it pushes, and PODNET_TOKEN_FILE with what: neither is what this command asks or shows,
 * so its names in the environment are its own. The Service of the servers is the same one for all.
 */
const own = (name: string): { flag: string; twin: string } => ({
  flag: name,
  twin: `PODNET_METRICS_${name.toUpperCase().replaceAll('-', '_')}`,
});

const METRICS_OPTIONS = {
  server: optionalText({
    ...own('server'),
    placeholder: 'url',
    defaultText: 'the agent or the server of this pod',
    help: 'Whose /metrics: https://host:port of a server, http://host:port of an agent.',
  }),
  serverCaFile: optionalText({
    ...own('server-ca-file'),
    placeholder: 'file',
    defaultText: "in a pod the ConfigMap <service>-ca, elsewhere the system's authorities",
    help: 'What to trust as the authority of the server, PEM. In a pod, with --server, it needs --token-file, too.',
  }),
  tokenFile: optionalText({
    ...own('token-file'),
    placeholder: 'file',
    defaultText: 'in a pod that of its service account, elsewhere none',
    help: 'Token to show to a server, whose user may get the path /metrics. It is never sent over plain HTTP.',
  }),
  service: objectName({
    flag: 'service',
    default: { namespace: 'podnet-system', name: 'podnet-apiserver' },
    help: 'The Service in front of the servers: the name in the certificate of the one of this pod, and of the ConfigMap.',
  }),
  namespace: optionalText({ ...own('namespace'), placeholder: 'name', help: 'Of this namespace alone, of a server.' }),
  node: optionalText({ ...own('node'), placeholder: 'name', help: 'Of this node alone, of a server.' }),
  family: optionalText({ ...own('family'), placeholder: 'name', help: 'Of this family alone, of a server.' }),
  shard: optionalText({ ...own('shard'), placeholder: 'i/n', help: 'Of this part of the nodes alone, of a server.' }),
  exposerOnly: toggle({
    ...own('exposer-only'),
    default: false,
    help: 'As Prometheus scrapes several servers as one: nothing, unless this one is the one that shows the series.',
  }),
  ownOnly: toggle({ ...own('own-only'), default: false, help: 'What a server says of itself, and nothing else.' }),
  format: choice({
    ...own('format'),
    choices: ['text', 'openmetrics'],
    default: 'text',
    help: 'Which of the two formats that Prometheus reads.',
  }),
  timeout: duration({
    ...own('timeout'),
    ...{ default: 30_000, min: 100, max: 600_000 },
    help: 'How long the answer may take to begin, and how long it may stand still.',
  }),
};
export type MetricsOptions = OptionValues<typeof METRICS_OPTIONS>;

const ACCEPT = {
  text: 'text/plain;version=0.0.4',
  openmetrics: 'application/openmetrics-text;version=1.0.0',
} as const;

export function metricsProgram(version: string): Program<typeof METRICS_OPTIONS> {
  return {
    name: 'podnet metrics',
    summary: 'Prints what a scrape of /metrics would give, from a server or an agent; in their pods it needs no flag.',
    version,
    options: METRICS_OPTIONS,
    check: checkOptions,
  };
}

/** What a server is asked for; an agent shows all it has. */
export function scrapeQuery(options: MetricsOptions): URLSearchParams {
  const { namespace, node, family, shard } = options;
  return new URLSearchParams({
    ...(namespace !== undefined && { namespace }),
    ...(node !== undefined && { node }),
    ...(family !== undefined && { family }),
    ...(shard !== undefined && { shard }),
    ...(options.exposerOnly && { exposer: 'only' }),
    ...(options.ownOnly && { own: 'only' }),
  });
}

function checkOptions(options: MetricsOptions): string[] {
  const { server, tokenFile, serverCaFile } = options;
  const [asked] = scrapeQuery(options).keys();
  const isPlain = server !== undefined && /^http:/i.test(server);
  return [
    ...(server === undefined ? [] : serverProblem(server)),
    ...(isPlain && asked !== undefined ? [`--server: an agent shows all it has, it cannot choose by ${asked}`] : []),
    ...(isPlain && tokenFile !== undefined ? ['--token-file: a token is not sent over plain HTTP'] : []),
    ...(isPlain && serverCaFile !== undefined ? ['--server-ca-file: plain HTTP has no certificate'] : []),
  ];
}

/** What is there besides the options. */
export interface MetricsDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly serviceAccountDirectory: string;
  /** @returns whether there is still somebody who reads */
  readonly write: (bytes: Uint8Array) => Promise<boolean>;
  readonly signal: AbortSignal;
}

/**
 * Prints one scrape.
 * @throws {StartError} with what is wrong where, and the way out
 */
export async function printMetrics(options: MetricsOptions, deps: MetricsDeps): Promise<void> {
  const query = scrapeQuery(options);
  const [asked] = query.keys();
  const chosen = await chooseTarget(options, { env: deps.env, asked });
  const target = await identify(chosen, options, deps);
  target.url.search = query.toString();
  await scrape(
    { ...target, accept: ACCEPT[options.format], timeoutMs: options.timeout, signal: deps.signal },
    deps.write,
  );
}

/** `podnet metrics`. @returns the exit code: 0 when all was printed, 1 when it was not, 2 for wrong flags */
export async function runMetrics(argv: readonly string[]): Promise<number> {
  const io = createProcessIo(argv);
  return runProgram(metricsProgram(VERSION), io, async (options) => {
    const { env, stop: signal } = io;
    const reader = writeFully(process.stdout);
    try {
      const serviceAccountDirectory = SERVICE_ACCOUNT_DIRECTORY;
      await printMetrics(options, { env, serviceAccountDirectory, write: reader.write, signal });
    } catch (error) {
      // Who reads no more has had what he wanted: what comes of it is no failure.
      if (!reader.hasGone || !(error instanceof StartError)) throw error;
    }
    return undefined;
  });
}
