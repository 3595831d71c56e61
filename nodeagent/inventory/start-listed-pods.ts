import type { KubeApi } from '../../runtime/kube/api.js';
import { createKubeClient, type KubeClientOptions } from '../../runtime/kube/client.js';
import { ListedPods, type ListedPodsOptions } from './listed-pods.js';

export interface ListedPodsSource {
  /** A file; without one, the service account of the pod that the agent runs in. */
  readonly kubeconfig: string | undefined;
  readonly nodeName: string;
}

export interface ListedPodsDeps
  extends
    Pick<ListedPodsOptions, 'clock' | 'log' | 'onListed' | 'onGone' | 'onEnding'>,
    Pick<KubeClientOptions, 'env' | 'serviceAccountDirectory'> {
  /** Of the agent. */
  readonly version: string;
}

export interface RunningListedPods {
  readonly pods: ListedPods;
  /** For what else is asked of it. */
  readonly api: KubeApi;
  readonly close: () => Promise<void>;
}

/** The list and its watch, one more while either is given up, and two for ResourceClaims. */
const MAX_CONNECTIONS = 5;

/**
 * Begins to follow the pods of this node. Whether the API answers makes no difference to the start.
 * @throws {StartError} when neither a kubeconfig nor a service account says where the API is
 */
export async function startListedPods(
  { kubeconfig, nodeName }: ListedPodsSource,
  { env, version, serviceAccountDirectory, ...deps }: ListedPodsDeps,
): Promise<RunningListedPods> {
  const { clock, log } = deps;
  const client = await createKubeClient({
    ...{ kubeconfig, env, clock, log },
    userAgent: `podnet-nodeagent/${version}`,
    maxConnections: MAX_CONNECTIONS,
    outside: '--pod-source netns',
    ...(serviceAccountDirectory !== undefined && { serviceAccountDirectory }),
  });
  const pods = new ListedPods({ ...deps, api: client, node: nodeName });
  const stop = new AbortController();
  const running = pods.run(stop.signal);
  log.info({ api: client.server, node: nodeName }, "following this node's pods");
  return {
    pods,
    api: client,
    close: async () => {
      stop.abort();
      await running;
      client.close();
    },
  };
}
