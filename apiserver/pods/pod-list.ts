/** What the API server says of a pod, and all that is kept of it. */
export interface ApiPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The controller at the top, as far as names tell: a ReplicaSet with a pod-template-hash is its Deployment. */
  readonly workload?: { readonly kind: string; readonly name: string };
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  /** Whether it is being deleted. */
  readonly isTerminating: boolean;
  /** Networks of its network-status annotation, `<namespace>/<name>` or a bare name. */
  readonly networks: readonly string[];
}

/** The pods that exist, as the API server says: scheduled, and not yet finished. */
export interface PodList {
  /** Whether the list is whole and still being watched. What it says of pods is then the truth. */
  readonly isCurrent: boolean;
  /** Whether it has ever been whole. */
  readonly isSynced: boolean;
  get(namespace: string, name: string): ApiPod | undefined;
  inNamespace(namespace: string): Iterable<ApiPod>;
  all(): Iterable<ApiPod>;
  /** Those that have a pod. */
  namespaces(): Iterable<string>;
}

/** On which node a pod is. The list does not tell; it is asked for only where two nodes report one pod. */
export interface PodNodes {
  /** Undefined while it is being asked for, or cannot be. */
  nodeOf(pod: Pick<ApiPod, 'namespace' | 'name' | 'uid'>): string | undefined;
}
