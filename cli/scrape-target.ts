import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { APISERVER_OPTIONS } from '../apiserver/options.js';
import { nodeagentOptions } from '../nodeagent/options.js';
import { systemClock } from '../runtime/clock.js';
import { createKubeClient } from '../runtime/kube/client.js';
import { KubeError } from '../runtime/kube/api.js';
import { isRecord } from '../runtime/kube/objects.js';
import { readServiceAccount } from '../runtime/kube/service-account.js';
import { createLogger, errorMessage } from '../runtime/logger.js';
import { renderHostPort, type ObjectName } from '../runtime/options/kinds.js';
import { environmentName } from '../runtime/options/parse.js';
import { StartError } from '../runtime/start-error.js';
import { VERSION } from '../runtime/version.js';

/** Where /metrics is, and what it takes to ask there. */
export interface ScrapeTarget {
  readonly url: URL;
  /** What the certificate has to be for, where that is not the host of the URL. */
  readonly certifiedName?: string;
  /** PEM of what to trust instead of the system's authorities. */
  readonly ca?: string;
  readonly token?: string;
}

export interface TargetOptions {
  readonly server: string | undefined;
  readonly serverCaFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly service: ObjectName;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** On loopback an answer takes none. */
const CONNECT_TIMEOUT_MS = 1_000;
const API_TIMEOUT_MS = 10_000;

/** What is wrong with --server. */
export function serverProblem(server: string): string[] {
  const wrong = `--server: must be https://host:port of a server or http://host:port of an agent, not "${server}"`;
  if (/[?#@]/.test(server) || !URL.canParse(server)) return [wrong];
  const { protocol, pathname } = new URL(server);
  return /^https?:$/.test(protocol) && /^\/(metrics)?$/.test(pathname) ? [] : [wrong];
}

/**
 * What was given, or the program of this pod: an agent, else a server, by the port that is open on loopback.
 * @param asked what only a server can choose by; undefined: nothing is chosen
 * @throws {StartError}
 */
export async function chooseTarget(
  { server, service }: Pick<TargetOptions, 'server' | 'service'>,
  { env, asked }: { readonly env: Environment; readonly asked: string | undefined },
): Promise<Pick<ScrapeTarget, 'url' | 'certifiedName'>> {
  if (server !== undefined) return { url: new URL('/metrics', server) };
  const agent = agentUrl(env);
  if (!isOfServer(env) && (await isListening(agent))) {
    if (asked === undefined) return { url: agent };
    throw new StartError(`here is an agent, and only a server can choose by ${asked}: give --server`);
  }
  const certifiedName = `${service.name}.${service.namespace}.svc`;
  const own = serverUrl(env);
  if (await isListening(own)) return { url: own, certifiedName };
  const tried = isOfServer(env) ? own.host : `${agent.host}, ${own.host}`;
  throw new StartError(`nothing listens here on ${tried}: give --server with the URL of a server or an agent`);
}

/** Whether the environment is that of a server's container. In the network of a node somebody else's program may be at an agent's usual port. */
function isOfServer(env: Environment): boolean {
  const isGiven = (flag: string): boolean => (env[environmentName(flag)] ?? '') !== '';
  return isGiven('secure-port') && !isGiven('listen-address');
}

/** The variable is that of the agent, whose container this may be. */
function agentUrl(env: Environment): URL {
  const { listenAddress } = nodeagentOptions('');
  const { host, port } = fromEnvironment(env, 'listen-address', listenAddress);
  const isEverywhere = host === '' || host === '0.0.0.0';
  const reached = isEverywhere ? '127.0.0.1' : host === '::' ? '::1' : host;
  return new URL(`http://${renderHostPort({ host: reached, port })}/metrics`);
}

/** As that of the agent: a flag would be an argument of another process, which this one does not see. */
function serverUrl(env: Environment): URL {
  const port = fromEnvironment(env, 'secure-port', APISERVER_OPTIONS.securePort);
  return new URL(`https://127.0.0.1:${port}/metrics`);
}

function fromEnvironment<T>(
  env: Environment,
  flag: string,
  { parse, default: usual }: { readonly parse: (texts: readonly string[]) => T; readonly default: T },
): T {
  const name = environmentName(flag);
  const given = env[name] ?? '';
  try {
    return given === '' ? usual : parse([given]);
  } catch (error) {
    throw new StartError(`${name}: ${errorMessage(error)}`, { cause: error });
  }
}

async function isListening({ hostname, port }: URL): Promise<boolean> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const socket = connect({ host, port: Number(port), timeout: CONNECT_TIMEOUT_MS });
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      for (const failure of ['error', 'timeout'] as const) socket.once(failure, () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

/**
 * Who asks, and what the server has to prove. A token goes to nobody else than a server whose certificate was verified; over plain HTTP none
 * is sent. In a pod only podnet's own authority counts, as its service account is shown to whoever that vouches for.
 * @throws {StartError}
 */
export async function identify(
  target: Pick<ScrapeTarget, 'url' | 'certifiedName'>,
  options: Omit<TargetOptions, 'server'>,
  { env, serviceAccountDirectory }: { readonly env: Environment; readonly serviceAccountDirectory: string },
): Promise<ScrapeTarget> {
  if (target.url.protocol === 'http:') return target;
  const isPod = (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
  const { serverCaFile, tokenFile, service } = options;
  const given = serverCaFile === undefined ? undefined : await readGiven('server-ca-file', serverCaFile);
  const ca = given ?? (isPod ? await publishedCa(service, env, serviceAccountDirectory) : undefined);
  const shown = tokenFile === undefined ? undefined : await readGiven('token-file', tokenFile);
  // An authority that was given vouches for whomever it likes: our own account is not for them.
  if (isPod && shown === undefined && given !== undefined && target.certifiedName === undefined) {
    throw new StartError(
      '--server with --server-ca-file (or its variable): which token to show is not known: give --token-file',
    );
  }
  const token = shown ?? (isPod ? (await readServiceAccount(env, serviceAccountDirectory)).token : undefined);
  if (token !== undefined && !/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
    const whose = tokenFile === undefined ? 'the service account of this pod' : `--token-file ${tokenFile}`;
    throw new StartError(`${whose}: does not hold a token`);
  }
  return { ...target, ...(ca !== undefined && { ca }), ...(token !== undefined && { token }) };
}

async function readGiven(flag: string, file: string): Promise<string> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (text === '') throw new StartError(`--${flag} ${file}: is empty`);
    return text;
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`--${flag} ${file}: cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}

/** As the servers publish it: by the Kubernetes API, whose own authority the pod has. */
async function publishedCa(service: ObjectName, env: Environment, serviceAccountDirectory: string): Promise<string> {
  const log = createLogger('metrics', { level: 'error', format: 'text', write: () => undefined });
  const userAgent = `podnet-metrics/${VERSION}`;
  const api = await createKubeClient({ env, serviceAccountDirectory, clock: systemClock, log, userAgent });
  const name = `${service.name}-ca`;
  const whose = `ConfigMap ${service.namespace}/${name}`;
  try {
    const path = `/api/v1/namespaces/${service.namespace}/configmaps/${name}`;
    const found = await api.request({ method: 'GET', path, timeoutMs: API_TIMEOUT_MS });
    const data = isRecord(found) ? found['data'] : undefined;
    const ca = isRecord(data) ? data['ca.crt'] : undefined;
    if (typeof ca === 'string' && ca.trim() !== '') return ca;
    throw new StartError(`${whose} has no ca.crt: give --server-ca-file`);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    throw new StartError(
      `whom to trust is not known, ${whose} cannot be read: ${error.message}: give --server-ca-file, or --service`,
      { cause: error },
    );
  } finally {
    api.close();
  }
}
