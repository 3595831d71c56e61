import type { KubeObject } from './kube-api/objects.js';

export interface NodePodObject {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly phase?: string;
  readonly isTerminating?: boolean;
}

const CREATED = '2026-11-20T10:00:00Z';

export function pathOfPod({ namespace = 'default', name }: Pick<NodePodObject, 'namespace' | 'name'>): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

/** What the Kubernetes API has of a pod of test/support/node-pods.ts. */
export function nodePodObject(pod: NodePodObject): KubeObject {
  const { name, uid, node, namespace = 'default', annotations = {}, phase = 'Running', isTerminating = false } = pod;
  return {
    metadata: {
      ...{ namespace, name, uid, annotations, labels: { app: name }, creationTimestamp: CREATED },
      ...(isTerminating && { deletionTimestamp: CREATED }),
    },
    spec: { nodeName: node, hostNetwork: false, containers: [{ name: 'main', image: 'registry.example/app:1' }] },
    status: { phase, podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
  };
}
