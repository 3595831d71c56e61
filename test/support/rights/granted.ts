import { at, listAt, nameOf, textAt } from '../../cluster/json.js';
import type { KubeObject } from '../kube-api/objects.js';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
const KINDS = ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];

/** The roles and bindings among objects. */
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

const OF_A_MACHINE = /^--(path\.|cri-endpoint|server-ca-file|(probe-)?listen-address)/;

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
