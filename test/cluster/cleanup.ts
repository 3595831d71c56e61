import { errorMessage } from '../../runtime/logger.js';
import type { Cluster } from './cluster.js';
import { listAt, nameOf, textAt } from './json.js';
import { RUN_LABEL } from './names.js';
import { API_SERVICES } from './setup/registration.js';
import { until, type Patience } from './wait.js';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
/** Without a namespace of the run around them; what is registered goes first, so that nothing is stale while the rest goes. */
const OUTSIDE = [
  `${RBAC}/namespaces/kube-system/rolebindings`,
  `${RBAC}/clusterrolebindings`,
  `${RBAC}/clusterroles`,
  '/api/v1/nodes',
];
const NAMESPACES = '/api/v1/namespaces';

export interface CleanupOptions {
  /** Of one run, or of all. */
  readonly selector?: string;
  /** Nobody answers for them once the run is over, and then no namespace of the cluster could be deleted. */
  readonly onlyApiServices?: boolean;
  readonly patience: Patience;
}

/**
 * Deletes everything that bears the label, and waits until it is gone.
 * @returns what could not be deleted, with the reason; empty when nothing is left
 */
export async function cleanUp(cluster: Cluster, options: CleanupOptions): Promise<string[]> {
  const { selector = RUN_LABEL, onlyApiServices = false, patience } = options;
  const problems: string[] = [];
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      problems.push(`${what}: ${errorMessage(error)}`);
    }
  };
  const removeAll = (collection: string): Promise<void> =>
    attempt(collection, async () => {
      for (const name of await cluster.names(collection, selector)) await cluster.remove(`${collection}/${name}`);
    });
  await removeAll(API_SERVICES);
  if (onlyApiServices) return problems;
  await attempt('namespaces', () => removeNamespaces(cluster, selector, patience));
  for (const collection of OUTSIDE) await removeAll(collection);
  return problems;
}

/** Nobody lets the pods of nodes go that have no kubelet: they are taken off, or their namespace would stay for ever. */
async function removeNamespaces(cluster: Cluster, selector: string, patience: Patience): Promise<void> {
  for (const name of await cluster.names(NAMESPACES, selector)) await cluster.remove(`${NAMESPACES}/${name}`);
  await until(
    'namespaces to be gone',
    async () => {
      const left = await cluster.names(NAMESPACES, selector);
      if (left.length === 0) return { value: undefined };
      const played = await cluster.names('/api/v1/nodes', RUN_LABEL);
      for (const namespace of left) await releasePods(cluster, namespace, played);
      return { seen: await whyLeft(cluster, left[0] ?? '') };
    },
    patience,
  );
}

async function releasePods(cluster: Cluster, namespace: string, nodes: readonly string[]): Promise<void> {
  const pods = `${NAMESPACES}/${namespace}/pods`;
  for (const pod of await cluster.list(pods)) {
    const isPlayed = nodes.includes(textAt(pod, 'spec', 'nodeName'));
    if (isPlayed) await cluster.remove(`${pods}/${nameOf(pod)}`, { gracePeriodSeconds: 0 });
  }
}

async function whyLeft(cluster: Cluster, name: string): Promise<string> {
  const conditions = listAt(await cluster.find(`${NAMESPACES}/${name}`), 'status', 'conditions');
  const said = conditions.filter((one) => textAt(one, 'status') === 'True').map((one) => textAt(one, 'message'));
  return [`namespace ${name} is there`, ...said].join('; ');
}
