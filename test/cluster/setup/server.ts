import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { apiserverProgram } from '../../../apiserver/options.js';
import { startApiserver, type Apiserver } from '../../../apiserver/start.js';
import { parseOptions } from '../../../runtime/options/parse.js';
import { VERSION } from '../../../runtime/version.js';
import { textAt } from '../json.js';
import { wait, type Run } from '../run-context.js';

/** Tokens of Kubernetes before this name no node (ServiceAccountTokenPodNodeInfo, on by default since 1.30). */
const MINOR_WITH_NODES_IN_TOKENS = 30;

export function hasNodesInTokens({ minor }: Run): boolean {
  return minor === undefined || minor >= MINOR_WITH_NODES_IN_TOKENS;
}

/** The server of a run, as agents on this machine reach it. */
export interface OwnServer {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  close(): Promise<void>;
}

/** The port has to stand in the Service and the APIServices before the server looks for them. */
export async function freePort(wanted: number): Promise<number> {
  const socket = createServer().listen(wanted);
  await once(socket, 'listening');
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, 'close');
  return port;
}

/** Starts the apiserver in this process with the rights of its own service account. */
export async function startOwnServer(run: Run, port: number, groups: readonly string[]): Promise<OwnServer> {
  const { names, cluster, kubeconfigs, clock, log, env } = run;
  const token = await requestToken(run, 'server');
  const flags = {
    '--kubeconfig': await kubeconfigs.ofToken('server', token),
    '--service': `${names.service.namespace}/${names.service.name}`,
    '--secure-port': String(port),
    '--api-groups': groups.join(','),
    '--shutdown-delay': '0s',
  };
  const argv = [...Object.entries(flags).flat(), ...(hasNodesInTokens(run) ? [] : ['--allow-unbound-agents'])];
  const invocation = parseOptions(apiserverProgram(VERSION), argv, {});
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  const server: Apiserver = await startApiserver(invocation.options, { clock, log, version: VERSION, env });
  try {
    // as agents do: from the ConfigMap
    const path = `/api/v1/namespaces/${names.system}/configmaps/${names.service.name}-ca`;
    const ca = await wait(run, 'the ConfigMap with the authority', async () => {
      const found = textAt(await cluster.find(path), 'data', 'ca.crt');
      return found === '' ? { seen: 'there is none' } : { value: found };
    });
    return { url: `https://127.0.0.1:${port}`, ca, close: () => server.close() };
  } catch (error) {
    await server.close();
    throw error;
  }
}

const TOKEN_SECONDS = 3_600;

/** A token of a service account of the run; for an audience and of a pod where that is said. */
export async function requestToken(
  { cluster, names }: Run,
  account: string,
  of: { readonly audience?: string; readonly pod?: { readonly name: string; readonly uid: string } } = {},
): Promise<string> {
  const { audience, pod } = of;
  const answer = await cluster.post(`/api/v1/namespaces/${names.system}/serviceaccounts/${account}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      expirationSeconds: TOKEN_SECONDS,
      ...(audience !== undefined && { audiences: [audience] }),
      ...(pod !== undefined && { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }),
    },
  });
  const token = textAt(answer, 'status', 'token');
  if (token === '') throw new TypeError(`the answer to the TokenRequest of ${account} has no token`);
  return token;
}
