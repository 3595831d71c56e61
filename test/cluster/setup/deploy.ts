import type { Cluster } from '../cluster.js';
import { listAt, nameOf, numberAt, textAt } from '../json.js';
import { APPS, type AppName } from '../names.js';
import { wait, type Run } from '../run-context.js';
import { TimeoutError, type Look } from '../wait.js';
import { LOADS } from './workloads.js';

/** Pods of an app, as the API has them now. */
export async function podsOf(
  { cluster, names }: Pick<Run, 'cluster' | 'names'>,
  app: AppName,
): Promise<readonly unknown[]> {
  const selector = encodeURIComponent(`${names.selector},app=${app}`);
  return cluster.list(`/api/v1/namespaces/${names.load}/pods?labelSelector=${selector}`);
}

/** `spec.replicas` of the Deployment of an app. */
export async function replicasOf({ cluster, names }: Pick<Run, 'cluster' | 'names'>, app: AppName): Promise<number> {
  const deployment = await cluster.get(`/apis/apps/v1/namespaces/${names.load}/deployments/${app}`);
  return numberAt(deployment, 'spec', 'replicas') ?? NaN;
}

/** Until as many pods of every app run as there are to be. */
export async function untilRunning(run: Run): Promise<void> {
  for (const app of APPS) {
    await wait(run, `the pods of ${app}`, async () => {
      const pods = await podsOf(run, app);
      const running = pods.filter((pod) => textAt(pod, 'status', 'phase') === 'Running');
      if (running.length >= LOADS.start.replicas) return { value: undefined };
      return { seen: `${running.length} of ${pods.length} run${await whyNot(run.cluster, run.names.load, pods)}` };
    });
  }
}

/** Until a node was found for a pod; false where none is found in time. */
export async function areScheduled(run: Run, timeoutMs: number): Promise<boolean> {
  const look = async (): Promise<Look<undefined>> => {
    const pods = await podsOf(run, APPS[0]);
    const isScheduled = pods.some((pod) => textAt(pod, 'spec', 'nodeName') !== '');
    return isScheduled ? { value: undefined } : { seen: `${pods.length} pods, none of which is on a node` };
  };
  const patience = { ...run.patience, timeoutMs: Math.min(timeoutMs, run.patience.timeoutMs) };
  try {
    await wait({ ...run, patience }, 'a scheduled pod', look);
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}

/** What Kubernetes says of a pod that does not run, or of the Deployment that has none. */
async function whyNot(cluster: Cluster, namespace: string, pods: readonly unknown[]): Promise<string> {
  const stuck = pods.find((pod) => textAt(pod, 'status', 'phase') !== 'Running');
  const waiting = listAt(stuck, 'status', 'containerStatuses').map((one) => textAt(one, 'state', 'waiting', 'message'));
  const conditions = listAt(stuck, 'status', 'conditions').map((one) => textAt(one, 'message'));
  const said = [...waiting, ...conditions].find((text) => text !== '');
  if (said !== undefined) return `: ${nameOf(stuck)}: ${said}`;
  const events = await cluster.list(`/api/v1/namespaces/${namespace}/events`);
  const warning = events.filter((event) => textAt(event, 'type') === 'Warning').at(-1);
  return warning === undefined ? '' : `: ${textAt(warning, 'message')}`;
}
