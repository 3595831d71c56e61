import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { apiserverProgram } from '../../apiserver/options.js';
import { startApiserver, type Apiserver } from '../../apiserver/start.js';
import type { NodeReport } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import { createLogger } from '../../runtime/logger.js';
import { parseOptions } from '../../runtime/options/parse.js';
import { VERSION } from '../../runtime/version.js';
import { conditionOf, textAt } from '../cluster/json.js';
import { connectOverHttp1, type Connection } from './connections.js';
import { CA_CONFIG_MAP, putEmptyAuthority } from './empty-authority.js';
import { startKubeCluster, type KubeCluster } from './kube-cluster.js';
import { createShiftedClock, eventually } from './programs.js';
import { freePort } from './prometheus.js';

const NAMESPACE = 'podnet-system';
const SERVICE = 'podnet-apiserver';
const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const GROUP_VERSIONS = [
  ['custom.metrics.k8s.io', 'v1beta2', 200],
  ['custom.metrics.k8s.io', 'v1beta1', 100],
  ['external.metrics.k8s.io', 'v1beta1', 100],
  ['podnet.dev', 'v1alpha1', 100],
] as const;

/** A small cluster with the real server in it, registered, and reports of what agents its tests play. */
export interface ServedCluster {
  readonly cluster: KubeCluster;
  readonly server: Apiserver;
  readonly port: number;
  /** PEM, as the ConfigMap has it. */
  readonly ca: string;
  /** A token of a service account of podnet-system for the API server, or for an audience and of a pod. */
  token(account: string, spec?: object): Promise<string>;
  /** As the agent of the report's node. */
  push(report: NodeReport): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param flags of the server besides
 * @param prepare puts into the cluster what is to be there before the server is
 */
export async function startServedCluster(
  flags: readonly string[] = [],
  prepare: (cluster: KubeCluster) => void = () => undefined,
): Promise<ServedCluster> {
  const cluster = await startKubeCluster();
  const port = await freePort();
  putEmptyAuthority(cluster.api);
  register(cluster, port);
  grantPushing(cluster);
  prepare(cluster);
  const server = await startServer(cluster, port, flags);
  const connections: Connection[] = [];
  const connect = (to: { readonly url: string; readonly ca: string }): Connection => {
    const connection = connectOverHttp1(to);
    connections.push(connection);
    return connection;
  };
  const api = connect({ url: cluster.url, ca: await authorityOf(cluster) });
  const token: ServedCluster['token'] = async (account, spec = {}) => {
    const answer = await api.ask<unknown>(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${account}/token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${cluster.api.token}`, 'content-type': 'application/json' },
      payload: Buffer.from(JSON.stringify({ spec })),
    });
    if (answer.statusCode !== 201) throw new Error(answer.text);
    return textAt(answer.body, 'status', 'token');
  };
  const ca = await published(cluster);
  const pushing = connect({ url: `https://127.0.0.1:${port}`, ca });
  const tokens = new Map<string, Promise<string>>();
  const agentToken = (node: string, role: string): Promise<string> => {
    const name = `agent-${role}-${node}`;
    const known = tokens.get(name);
    if (known !== undefined) return known;
    cluster.api.put(`/api/v1/namespaces/${NAMESPACE}/pods/${name}`, {
      metadata: { labels: { 'app.kubernetes.io/component': 'nodeagent' } },
      spec: { nodeName: node, containers: [{ name: 'nodeagent', image: 'podnet' }] },
      status: { phase: 'Running' },
    });
    const issued = token('podnet-nodeagent', { audiences: ['podnet'], boundObjectRef: { kind: 'Pod', name } });
    tokens.set(name, issued);
    return issued;
  };
  return {
    ...{ cluster, server, port, ca, token },
    push: async (report) => {
      const bearer = await agentToken(report.node, report.role);
      const { statusCode, text } = await pushing.ask<unknown>(NODE_REPORTS_PATH, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-encoding': 'gzip',
          authorization: `Bearer ${bearer}`,
        },
        payload: gzipSync(JSON.stringify(report)),
      });
      if (statusCode !== 200) throw new Error(text);
    },
    close: async () => {
      for (const connection of connections) connection.close();
      await server.close();
      await cluster.close();
    },
  };
}

/** Service and APIServices, as the manifests have them. */
export function register({ api }: KubeCluster, port: number): void {
  const service = `/api/v1/namespaces/${NAMESPACE}/services/${SERVICE}`;
  api.put(service, { spec: { type: 'ExternalName', externalName: '127.0.0.1', ports: [{ name: 'https', port }] } });
  for (const [group, version, versionPriority] of GROUP_VERSIONS) {
    api.put(`${API_SERVICES}/${version}.${group}`, {
      metadata: { labels: { 'app.kubernetes.io/name': 'podnet', 'app.kubernetes.io/part-of': 'podnet' } },
      spec: {
        ...{ group, version, versionPriority, groupPriorityMinimum: 100 },
        service: { namespace: NAMESPACE, name: SERVICE, port },
      },
    });
  }
}

/** What an agent may; the server has the administrator's kubeconfig here. */
function grantPushing({ api }: KubeCluster): void {
  const rules = [{ apiGroups: ['podnet.dev'], resources: ['nodereports'], verbs: ['create'] }];
  api.put(`${RBAC}/clusterroles/podnet-nodeagent`, { rules });
  api.put(`${RBAC}/clusterrolebindings/podnet-nodeagent`, {
    roleRef: { kind: 'ClusterRole', name: 'podnet-nodeagent' },
    subjects: [{ kind: 'ServiceAccount', namespace: NAMESPACE, name: 'podnet-nodeagent' }],
  });
  for (const name of ['podnet-nodeagent', 'podnet-apiserver']) {
    api.put(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}`, {});
  }
}

async function startServer(cluster: KubeCluster, port: number, flags: readonly string[]): Promise<Apiserver> {
  const argv = ['--kubeconfig', cluster.kubeconfig, '--secure-port', String(port), '--bind-address', '127.0.0.1'];
  const invocation = parseOptions(apiserverProgram(VERSION), [...argv, '--shutdown-delay', '0ms', ...flags], {});
  if (invocation.kind !== 'run') throw new TypeError(JSON.stringify(invocation));
  const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });
  return startApiserver(invocation.options, { clock: createShiftedClock(), log, version: VERSION, env: {} });
}

async function authorityOf({ kubeconfig }: KubeCluster): Promise<string> {
  const config: unknown = JSON.parse(await readFile(kubeconfig, 'utf8'));
  const encoded = textAt(config, 'clusters', 0, 'cluster', 'certificate-authority-data');
  return Buffer.from(encoded, 'base64').toString('utf8');
}

/** Waits until the server has written its authority, and the cluster has seen it answer. */
async function published({ api }: KubeCluster): Promise<string> {
  await eventually(
    () => [...api.objects].filter(([path]) => path.startsWith(`${API_SERVICES}/`)).map(([, object]) => object),
    (registered) => registered.every((object) => conditionOf(object, 'Available').status === 'True'),
  );
  return textAt(api.objects.get(CA_CONFIG_MAP), 'data', 'ca.crt');
}

/** What a kubelet mounts for a service account, in a directory. @returns the variables of a pod */
export async function mountServiceAccount(
  directory: string,
  { cluster, token }: Pick<ServedCluster, 'cluster' | 'token'>,
  account: string,
): Promise<Record<string, string>> {
  await writeFile(join(directory, 'token'), await token(account));
  await writeFile(join(directory, 'ca.crt'), await authorityOf(cluster));
  await writeFile(join(directory, 'namespace'), NAMESPACE);
  const { hostname, port } = new URL(cluster.url);
  return { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
}
