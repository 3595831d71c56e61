import { randomUUID } from 'node:crypto';
import type { User } from '../../../apiserver/auth/user.js';
import { sleep } from '../../../runtime/sleep.js';
import { at, numberAt, textAt } from '../../cluster/json.js';
import type { KubeApiServer } from '../kube-api.js';
import { asObject } from '../kube-api/serve.js';
import type { Aggregator } from './aggregator.js';
import { syncAutoscaler } from './autoscaler.js';

export interface ControllerDeps {
  readonly api: KubeApiServer;
  readonly aggregator: Aggregator;
}

const AUTOSCALER: User = {
  name: 'system:serviceaccount:kube-system:horizontal-pod-autoscaler',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
  extra: {},
};

/** What a controller manager does to these objects, a round at a time, until aborted. */
export async function runControllers(deps: ControllerDeps, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.aggregator.probe();
    if (signal.aborted) return;
    syncNamespaces(deps);
    syncDeployments(deps);
    for (const [path] of objectsOf(deps, 'horizontalpodautoscalers')) {
      await syncAutoscaler(path, { ...deps, user: AUTOSCALER });
    }
    await sleep(everyMs, signal);
  }
}

function objectsOf({ api }: ControllerDeps, resource: string): [string, ReturnType<KubeApiServer['put']>][] {
  return [...api.objects].filter(([path]) => path.split('/').at(-2) === resource);
}

/** A namespace goes with all that is in it, and not while something registered does not say what it has. */
function syncNamespaces({ api, aggregator }: ControllerDeps): void {
  for (const [path, { metadata }] of objectsOf({ api, aggregator }, 'namespaces')) {
    if (metadata['deletionTimestamp'] === undefined || !aggregator.allAvailable) continue;
    const inside = [...api.objects.keys()].filter((one) => one.includes(`/namespaces/${metadata.name}/`));
    for (const one of inside) api.remove(one);
    api.remove(path);
  }
}

/** As many pods as a Deployment wants, of a ReplicaSet as the real ones are. */
function syncDeployments(deps: ControllerDeps): void {
  for (const [path, deployment] of objectsOf(deps, 'deployments')) {
    const { name, namespace } = deployment.metadata;
    const pods = `/api/v1/namespaces/${String(namespace)}/pods`;
    const app = textAt(deployment, 'spec', 'selector', 'matchLabels', 'app');
    const own = objectsOf(deps, 'pods').filter(
      ([one, pod]) => one.startsWith(`${pods}/`) && textAt(pod, 'metadata', 'labels', 'app') === app,
    );
    const wanted = numberAt(deployment, 'spec', 'replicas') ?? 1;
    for (const [one] of own.slice(wanted)) deps.api.remove(one);
    for (let i = own.length; i < wanted; i++) {
      const template = at(deployment, 'spec', 'template');
      const labels = { ...asObject(at(template, 'metadata', 'labels')), 'pod-template-hash': 'abc12' };
      const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-abc12`, controller: true };
      deps.api.put(`${pods}/${name}-abc12-${randomUUID().slice(0, 5)}`, {
        metadata: { labels, ownerReferences: [replicaSet] },
        ...{ spec: at(template, 'spec'), status: { phase: 'Pending' } },
      });
    }
    if (numberAt(deployment, 'status', 'replicas') !== wanted) {
      const each = { updatedReplicas: wanted, readyReplicas: wanted, availableReplicas: wanted };
      deps.api.put(path, { ...deployment, status: { replicas: wanted, ...each } });
    }
  }
}
