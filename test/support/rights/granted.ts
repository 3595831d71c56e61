import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { at, listAt, nameOf, textAt } from '../../cluster/json.js';
import { run } from '../bundle.js';
import type { KubeObject } from '../kube-api/objects.js';
import { asObject } from '../kube-api/serve.js';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
const KINDS = ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];

/** Everything that is installed with these components, in this order, as kubectl renders it: in a user's own kustomization. */
export async function rendered(...components: readonly string[]): Promise<readonly KubeObject[]> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-kustomization-'));
  const pathOf = (what: string): string => relative(directory, resolve('manifests', what));
  const kustomization = {
    ...{ kind: 'Kustomization', resources: [pathOf('base')] },
    components: components.map((component) => pathOf(`components/${component}`)),
  };
  try {
    await writeFile(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization)); // JSON is YAML
    return await kustomize(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The rights among it. */
export function rightsIn(objects: readonly KubeObject[]): readonly KubeObject[] {
  return objects.filter(({ kind = '' }) => KINDS.includes(kind));
}

/** Where the Kubernetes API has an object of these kinds. */
export function pathOfRight(right: KubeObject): string {
  const { kind = '' } = right;
  if (!KINDS.includes(kind)) throw new TypeError(`${kind} is no right`);
  const namespace = textAt(right, 'metadata', 'namespace');
  const scope = namespace === '' ? '' : `/namespaces/${namespace}`;
  return `/apis/${RBAC_GROUP}/v1${scope}/${kind.toLowerCase()}s/${nameOf(right)}`;
}

/** How a program is started, but for where things are on a machine and on what it listens. */
export interface Told {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const OF_A_MACHINE = /^--(path\.|cri-endpoint|server-ca-file|secure-port|tls-|(probe-)?listen-address)/;

/** What the workload of this name tells its program. */
export function toldTo(name: string, installed: readonly KubeObject[]): Told {
  const workload = installed.find((one) => nameOf(one) === name && at(one, 'spec', 'template') !== undefined);
  const container = at(workload, 'spec', 'template', 'spec', 'containers', 0);
  const flags = listAt(container, 'args').map(String);
  const variables = listAt(container, 'env').map((one) => [textAt(one, 'name'), textAt(one, 'value')] as const);
  return {
    argv: flags.filter((flag) => flag.startsWith('--') && !OF_A_MACHINE.test(flag)),
    env: Object.fromEntries(variables.filter(([key, value]) => key.startsWith('PODNET_') && value !== '')),
  };
}

async function kustomize(directory: string): Promise<readonly KubeObject[]> {
  const kubectl = run('kubectl', ['kustomize', directory]);
  if ((await kubectl.ended) !== 0) throw new Error(kubectl.error());
  return parseAllDocuments(kubectl.out()).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return asObject(document.toJS());
  });
}
