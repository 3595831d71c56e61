import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKubeApi, type KubeApiServer } from './kube-api.js';
import { isRecord, mergePatch } from './kube-api/merge-patch.js';
import { asObject, type KubeApiRequest } from './kube-api/serve.js';

/** A small API server that helm installs into: what it makes is kept, and nothing comes of it. */
export interface HelmCluster {
  readonly api: KubeApiServer;
  readonly kubeconfig: string;
  /** Its version. */
  kubernetes: string;
  close(): Promise<void>;
}

type Kind = readonly [kind: string, resource: string, isNamespaced: boolean];

const VERSION = 'v1.31.0';
/** What the chart makes and looks for. Without one of these in discovery helm knows no path to it, and says so. */
const KINDS: Readonly<Record<string, readonly Kind[]>> = {
  v1: [
    ['Namespace', 'namespaces', false],
    ['ConfigMap', 'configmaps', true],
    ['ResourceQuota', 'resourcequotas', true],
    ['Secret', 'secrets', true],
    ['Service', 'services', true],
    ['ServiceAccount', 'serviceaccounts', true],
  ],
  'apiregistration.k8s.io/v1': [['APIService', 'apiservices', false]],
  'apps/v1': [
    ['DaemonSet', 'daemonsets', true],
    ['Deployment', 'deployments', true],
  ],
  'networking.k8s.io/v1': [['NetworkPolicy', 'networkpolicies', true]],
  'policy/v1': [['PodDisruptionBudget', 'poddisruptionbudgets', true]],
  'rbac.authorization.k8s.io/v1': [
    ['ClusterRole', 'clusterroles', false],
    ['ClusterRoleBinding', 'clusterrolebindings', false],
    ['Role', 'roles', true],
    ['RoleBinding', 'rolebindings', true],
  ],
};
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

export async function startHelmCluster(): Promise<HelmCluster> {
  const api = await createKubeApi({ token: 'administrator' });
  const documents = discovery();
  const directory = await mkdtemp(join(tmpdir(), 'podnet-helm-cluster-'));
  const running: HelmCluster = {
    ...{ api, kubeconfig: join(directory, 'config'), kubernetes: VERSION },
    close: async () => {
      await api.close();
      await rm(directory, { recursive: true });
    },
  };
  api.misbehave((request) => {
    const path = request.path.replace(/\?.*/, '');
    const version = path === '/version' ? { gitVersion: running.kubernetes } : undefined;
    const body = request.method === 'GET' ? (version ?? documents.get(path)) : patched(api, path, request);
    return body && { status: 200, headers: { 'content-type': 'application/json' }, body };
  });
  const cluster = { server: api.url, 'certificate-authority-data': Buffer.from(api.ca).toString('base64') };
  const document = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'test' },
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token: api.token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  };
  await writeFile(running.kubeconfig, JSON.stringify(document), { mode: 0o600 }); // helm warns of others that can read it
  return running;
}

/** Of what helm and kubectl change by a strategic merge patch, nothing has lists that are merged by a key: it is as good as a plain one. */
function patched(api: KubeApiServer, path: string, { headers, body }: KubeApiRequest): object | undefined {
  if (headers['content-type'] !== STRATEGIC_PATCH) return undefined;
  if (hasList(body)) throw new TypeError(`a list in a patch of ${path}`);
  return api.put(path, asObject(mergePatch(api.objects.get(path), body)));
}

function hasList(value: unknown): boolean {
  return Array.isArray(value) || (isRecord(value) && Object.values(value).some(hasList));
}

/** By path: the documents that say which kinds there are. */
function discovery(): ReadonlyMap<string, object> {
  const lists = Object.entries(KINDS).map(([groupVersion, kinds]) => {
    const resources = kinds.map(([kind, name, namespaced]) => ({
      name,
      singularName: '',
      namespaced,
      kind,
      verbs: VERBS,
    }));
    const path = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
    return [path, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources }] as const;
  });
  const groups = Object.keys(KINDS)
    .filter((groupVersion) => groupVersion.includes('/'))
    .map((groupVersion) => {
      const [name, version] = groupVersion.split('/');
      return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
    });
  return new Map<string, object>([
    ...lists,
    ['/api', { kind: 'APIVersions', apiVersion: 'v1', versions: ['v1'] }],
    ['/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups }],
  ]);
}
