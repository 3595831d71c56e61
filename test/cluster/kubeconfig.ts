import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { errorMessage } from '../../runtime/logger.js';
import { NoCluster } from './no-cluster.js';

export interface KubeconfigOptions {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Files in a directory that nobody else can read, gone when the run ends. */
export interface Kubeconfigs {
  /** With what the user's own says, credentials of a command included: for our client and for kubectl. */
  readonly admin: string;
  readonly server: URL;
  /** Name of the context. */
  readonly context: string;
  /** Writes one more, whose user has nothing but a token; of another server where one is given. @returns its path */
  ofToken(name: string, token: string, server?: { readonly url: string; readonly ca: string }): Promise<string>;
  /** A directory for what a program keeps while it runs. */
  readonly home: string;
  remove(): Promise<void>;
}

/** Commands give tokens that may live no longer than 15 minutes. */
const RENEW_MS = 240_000;

/**
 * Reads the kubeconfig as kubectl does and writes what it comes to into a file of its own. podnet's client starts no programs, while
 * the kubeconfigs of cloud providers want one to be run for a token.
 * @throws {NoCluster}
 */
export async function resolveKubeconfig(options: KubeconfigOptions): Promise<Kubeconfigs> {
  const config = load(await filesOf(options), options.context);
  const home = await mkdtemp(join(tmpdir(), 'podnet-e2e-'));
  const admin = join(home, 'admin.kubeconfig');
  const address = clusterOf(config);
  let cluster = address;
  const renew = async (): Promise<void> => {
    const { ca, user } = await credentialsOf(config);
    cluster = { ...address, ...ca };
    await write(admin, cluster, user);
  };
  try {
    await renew();
  } catch (error) {
    await rm(home, { recursive: true });
    throw error;
  }
  // the last one stays while the command fails, and requests tell why they are refused
  const timer = setInterval(() => void renew().catch(() => undefined), RENEW_MS);
  timer.unref();
  return {
    ...{ admin, home, context: config.getCurrentContext(), server: new URL(String(address['server'])) },
    ofToken: async (name, token, server) => {
      const file = join(home, `${server === undefined ? name : `${name}-direct`}.kubeconfig`);
      const other = server && { server: server.url, ...encoded('certificate-authority-data', server.ca) };
      await write(file, other ?? cluster, { token });
      return file;
    },
    remove: async () => {
      clearInterval(timer);
      await rm(home, { recursive: true, force: true });
    },
  };
}

const HOW =
  'set KUBECONFIG to the kubeconfig of a cluster (kind, k3s, a bare kube-apiserver with a controller manager)';

async function filesOf({ kubeconfig, env }: KubeconfigOptions): Promise<string[]> {
  const wanted = kubeconfig === undefined ? (env['KUBECONFIG'] ?? '').split(delimiter) : [kubeconfig];
  const named = wanted.filter((file) => file !== '');
  const files = named.length > 0 ? named : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => [file],
        () => [],
      ),
    ),
  );
  if (found.flat().length > 0) return found.flat();
  throw new NoCluster(`there is no cluster: ${files.join(', ')} cannot be read; ${HOW}`);
}

function load(files: readonly string[], context: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    for (const [i, file] of files.entries()) {
      const one = i === 0 ? config : new KubeConfig();
      one.loadFromFile(file);
      if (i > 0) config.mergeConfig(one, true);
    }
  } catch (error) {
    // of YAML's complaint only the reason: its message quotes the file, and there are secrets in it
    const why = error instanceof Error && 'reason' in error ? String(error.reason) : errorMessage(error);
    throw new NoCluster(`there is no cluster: ${files.join(', ')}: ${why}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

type ClusterEntry = Readonly<Record<string, string | boolean>>;

function clusterOf(config: KubeConfig): ClusterEntry {
  const cluster = config.getCurrentCluster();
  const context = config.getCurrentContext();
  if (cluster === null || config.getCurrentUser() === null) {
    throw new NoCluster(
      `there is no cluster: context "${context}" of the kubeconfig names no cluster, or no user; ${HOW}`,
    );
  }
  const { server, skipTLSVerify, tlsServerName, proxyUrl } = cluster;
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:') {
    throw new NoCluster(`context "${context}": the server must be an https:// address, not "${server}"`);
  }
  if (proxyUrl) throw new NoCluster(`context "${context}": the cluster is behind a proxy, which podnet cannot use`);
  return {
    server,
    ...(skipTLSVerify && { 'insecure-skip-tls-verify': true }),
    ...(tlsServerName !== undefined && tlsServerName !== '' && { 'tls-server-name': tlsServerName }),
  };
}

/** What proves who asks; a command of the kubeconfig is run for it. */
async function credentialsOf(
  config: KubeConfig,
): Promise<{ ca: ClusterEntry; user: Readonly<Record<string, string>> }> {
  const user = config.getCurrentUser();
  if (user?.impersonateUser)
    throw new NoCluster(`user "${user.name}" impersonates another one: use an administrator's`);
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw new NoCluster(
      `user "${user?.name ?? ''}" of the kubeconfig has no usable credentials: ${errorMessage(error)}`,
    );
  }
  const { headers, cert, key, ca } = options;
  const authorization = Object.entries(headers ?? {}).find(([name]) => name === 'Authorization')?.[1];
  const token = typeof authorization === 'string' ? authorization.replace(/^Bearer /, '') : undefined;
  const proof = {
    ...(token !== undefined && { token }),
    ...encoded('client-certificate-data', cert),
    ...encoded('client-key-data', key),
  };
  return { ca: encoded('certificate-authority-data', ca), user: proof };
}

function encoded(name: string, value: RequestOptions['cert'] | RequestOptions['key']): Record<string, string> {
  return typeof value === 'string' || Buffer.isBuffer(value) ? { [name]: Buffer.from(value).toString('base64') } : {};
}

async function write(file: string, cluster: ClusterEntry, user: Readonly<Record<string, string>>): Promise<void> {
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'e2e', cluster }],
    users: [{ name: 'e2e', user }],
    contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'e2e' } }],
    'current-context': 'e2e',
  };
  await writeFile(file, JSON.stringify(document), { mode: 0o600 }); // JSON is YAML
}
