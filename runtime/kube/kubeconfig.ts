import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
// The whole file is imported lazily: the library costs 20 MiB and 40 ms in the bundle. A named import, so that esbuild leaves out
// the 85 % of it that nobody uses.
import { KubeConfig, type Cluster, type User } from '@kubernetes/client-node';
import { errorMessage } from '../logger.js';
import { StartError } from '../start-error.js';
import type { Credentials } from './credentials.js';

/**
 * What the current context of a kubeconfig says.
 * @throws {StartError} also when it wants a command to be run: the programs start no other programs
 */
export async function readKubeconfig(file: string): Promise<Credentials> {
  const config = parse(await readText(file, file), file);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) {
    throw new StartError(`kubeconfig ${file}: its current-context names no cluster, or no user`);
  }
  checkUser(user, file);
  const read = async (path: string | undefined, data: string | undefined): Promise<string | undefined> => {
    if (data) return Buffer.from(data, 'base64').toString('utf8');
    return path ? readText(resolve(dirname(file), path), file) : undefined;
  };
  return {
    server: serverOf(cluster, file),
    ca: await read(cluster.caFile, cluster.caData),
    cert: await read(user.certFile, user.certData),
    key: await read(user.keyFile, user.keyData),
    token: user.token?.trim(),
    serverName: cluster.tlsServerName,
    isVerified: !cluster.skipTLSVerify,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
  };
}

function parse(text: string, file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
  } catch (error) {
    // without the cause, and of YAML's complaint only the reason: the message quotes the file, and there are secrets in it
    const isYaml = error instanceof Error && 'reason' in error && typeof error.reason === 'string';
    throw new StartError(`kubeconfig ${file} is not one: ${isYaml ? String(error.reason) : errorMessage(error)}`);
  }
  return config;
}

function checkUser(user: User, file: string): void {
  const refuse = (what: string): StartError => {
    const use = 'use a token, a token-file, or a client certificate with its key';
    return new StartError(`kubeconfig ${file}: user "${user.name}" ${what}: ${use}`);
  };
  if (user.exec) throw refuse('gets its credentials from a command (exec), and podnet starts no programs');
  if (user.authProvider) throw refuse('has an auth-provider, which podnet does not have');
  if (user.username) throw refuse('has a password, which Kubernetes no longer takes');
  if (user.impersonateUser) throw refuse('impersonates another user, which podnet does not do');
  const hasCertificate = Boolean(user.certData ?? user.certFile) && Boolean(user.keyData ?? user.keyFile);
  if (!user.token && !hasCertificate) throw refuse('has no credentials that podnet knows');
}

function serverOf({ server }: Cluster, file: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw new StartError(`kubeconfig ${file}: its server must be an https:// address without a password`);
  }
  return url;
}

async function readText(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new StartError(`kubeconfig ${file}: ${errorMessage(error)}`, { cause: error });
  }
}
