import { isRecord, isText } from './objects.js';

/** The controller at the top of a pod. */
export interface WorkloadName {
  readonly kind: string;
  readonly name: string;
}

const APPS_KINDS = ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet'];

/**
 * What runs a pod, as far as names tell: a ReplicaSet with a pod-template-hash is its Deployment.
 * @param owners `metadata.ownerReferences` of the pod
 */
export function workloadOf(owners: unknown, labels: Readonly<Record<string, string>>): WorkloadName | undefined {
  const owner: unknown = Array.isArray(owners)
    ? owners.find((one) => isRecord(one) && one['controller'] === true)
    : undefined;
  if (!isRecord(owner)) return undefined;
  const { kind, name, apiVersion } = owner;
  if (!isText(kind) || !isText(name)) return undefined;
  // Kinds of apps/v1 have namesakes in other groups: those are not what deployments.apps and the like are asked for.
  const group = isText(apiVersion) ? apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/'))) : 'apps';
  if (APPS_KINDS.includes(kind) && group !== 'apps') return { kind: `${kind}.${group}`, name };
  const suffix = `-${labels['pod-template-hash'] ?? ''}`;
  const isOfDeployment =
    kind === 'ReplicaSet' && suffix.length > 1 && name.endsWith(suffix) && name.length > suffix.length;
  return isOfDeployment ? { kind: 'Deployment', name: name.slice(0, -suffix.length) } : { kind, name };
}
