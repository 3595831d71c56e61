import type { RunningPod } from './containerd/pods.js';
import { IMAGE } from './containerd/config.js';
import type { KubeApiServer } from './kube-api.js';
import type { KubeObject } from './kube-api/objects.js';

/** What Multus would call the networks of a pod, by interface: that of eth0 is the cluster's. */
export const NETWORKS: Readonly<Record<string, string>> = { eth0: 'cbr0', eth1: 'telco/storage' };

export interface PodObjectOptions {
  readonly node: string;
  /** Names of containers that ended and were not started again. */
  readonly ended?: readonly string[];
  /** RFC 3339; set while it is being deleted. */
  readonly deletionTimestamp?: string;
}

/** What the Kubernetes API has of a pod that runs, as its kubelet tells it. */
export function podObject(
  pod: RunningPod,
  { node, ended = [], deletionTimestamp }: PodObjectOptions,
): KubeObject & { readonly metadata: Readonly<Record<string, unknown>> } {
  const { namespace, name, uid, labels, hostNetwork, interfaces, containers } = pod;
  const address = interfaces[0]?.address;
  return {
    metadata: {
      ...{ namespace, name, uid, labels },
      creationTimestamp: new Date(pod.createdMs).toISOString().replace(/\.\d+Z$/, 'Z'),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ...(!hostNetwork && { annotations: { 'k8s.v1.cni.cncf.io/network-status': networkStatus(pod) } }),
    },
    spec: {
      containers: containers.map((container) => ({ name: container.name, image: IMAGE })),
      ...{ nodeName: node, restartPolicy: 'Always', hostNetwork },
    },
    status: {
      phase: 'Running',
      ...(address !== undefined && { podIP: address, podIPs: [{ ip: address }] }),
      containerStatuses: containers.map(({ name: container, id, restartCount }) => ({
        ...{ name: container, image: IMAGE, containerID: `containerd://${id}`, restartCount },
        state: ended.includes(container) ? { terminated: { exitCode: 137, reason: 'Error' } } : { running: {} },
        ready: !ended.includes(container),
      })),
      qosClass: 'Burstable',
    },
  };
}

/** As Multus writes it. */
function networkStatus({ interfaces }: RunningPod): string {
  return JSON.stringify(
    interfaces.map(({ name, address, mac }) => ({
      ...{ name: NETWORKS[name] ?? name, interface: name, ips: [address], mac },
      ...(name === 'eth0' && { default: true }),
      dns: {},
    })),
  );
}

/** Pods of one node as a test's API server has them: what is told of them reaches whoever watches. */
export class PodObjects {
  readonly #api: KubeApiServer;
  readonly #node: string;

  constructor(api: KubeApiServer, node: string) {
    this.#api = api;
    this.#node = node;
  }

  /** Creates or modifies it. */
  put(pod: RunningPod, options: Omit<PodObjectOptions, 'node'> = {}): void {
    this.#api.put(pathOf(pod), podObject(pod, { node: this.#node, ...options }));
  }

  remove(pod: RunningPod): void {
    this.#api.remove(pathOf(pod));
  }
}

function pathOf({ namespace, name }: RunningPod): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}
