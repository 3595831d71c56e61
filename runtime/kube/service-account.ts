import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { errorMessage } from '../logger.js';
import { StartError } from '../start-error.js';
import type { Credentials } from './credentials.js';

/** Where a kubelet mounts the service account of a pod. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The service account of the pod that this runs in, without the library of kubeconfig.ts: three files and two variables do not
 * need its memory.
 * @param outside the flag for whoever is outside of a cluster
 * @throws {StartError}
 */
export async function readServiceAccount(
  env: Readonly<Record<string, string | undefined>>,
  directory: string,
  outside?: string,
): Promise<Credentials> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === '') {
    const flags = outside === undefined ? '--kubeconfig' : `--kubeconfig, or ${outside}`;
    throw new StartError(`this is not a pod of Kubernetes (KUBERNETES_SERVICE_HOST is not set): give ${flags}`);
  }
  const [token, ca, namespace] = await Promise.all(
    ['token', 'ca.crt', 'namespace'].map((name) => readOwn(join(directory, name))),
  );
  return {
    server: new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`),
    token,
    ca,
    isVerified: true,
    namespace,
  };
}

async function readOwn(file: string): Promise<string> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (text === '') throw new StartError(`${file} is empty`);
    return text;
  } catch (error) {
    if (error instanceof StartError) throw error;
    const hint = 'is automountServiceAccountToken false?';
    throw new StartError(`cannot read the service account of this pod: ${errorMessage(error)}; ${hint}`, {
      cause: error,
    });
  }
}
