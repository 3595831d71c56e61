import type { TestContext } from 'node:test';
import { ListedPods, type ListedPodsOptions } from '../../nodeagent/inventory/listed-pods.js';
import { Backoff } from '../../runtime/backoff.js';
import { startKubernetes, type Kubernetes } from './kube-client.js';
import { createShiftedClock, eventually, type ShiftedClock } from './programs.js';

export const NODE = 'node-a';
export const PODS = '/api/v1/namespaces/default/pods';
export const NETWORK_STATUS = 'k8s.v1.cni.cncf.io/network-status';

/** The pods of a node, followed over a real connection, and what is told of them. */
export interface Followed extends Kubernetes {
  readonly clock: ShiftedClock;
  readonly pods: ListedPods;
  /** Names of pods, in the order in which they were told of. */
  readonly gone: string[];
  readonly terminating: string[];
  /** Names of the pods, sorted, as soon as they are these. */
  readonly lists: (expected: string) => Promise<void>;
  readonly watched: () => Promise<void>;
  /** The watch ends with 410, and another is open. */
  readonly expire: () => Promise<void>;
}

export async function followPods(
  t: TestContext,
  prepare: (kubernetes: Kubernetes) => void = () => undefined,
  options: Partial<ListedPodsOptions> = {},
): Promise<Followed> {
  const kubernetes = await startKubernetes(t);
  prepare(kubernetes);
  return followPodsOf(kubernetes, options);
}

/** The same, where the server is there already. */
export function followPodsOf(kubernetes: Kubernetes, options: Partial<ListedPodsOptions> = {}): Followed {
  const { api } = kubernetes;
  const clock = createShiftedClock();
  const gone: string[] = [];
  const terminating: string[] = [];
  const pods = new ListedPods({
    ...{ api: kubernetes.client, node: NODE, clock, log: kubernetes.log },
    onGone: ({ name, uid }) => gone.push(`${name}:${uid}`),
    onTerminating: ({ name }) => terminating.push(name),
    backoff: new Backoff({ firstMs: 10, maxMs: 40, random: () => 0 }),
    ...options,
  });
  void pods.run(kubernetes.signal);
  const lists = async (expected: string): Promise<void> => {
    await eventually(
      () =>
        [...pods.pods()]
          .map(({ name, uid }) => `${name}:${uid}`)
          .sort()
          .join(' '),
      (seen) => seen === expected,
    );
  };
  const watched = async (): Promise<void> => {
    await eventually(
      () => [pods.isSynced, api.openWatches].join(),
      (seen) => seen === 'true,1',
    );
  };
  const expire = async (): Promise<void> => {
    const asked = api.requests.length;
    api.expireWatches();
    await eventually(
      () => api.requests.length > asked && api.openWatches === 1,
      (isWatched) => isWatched,
    );
  };
  return { ...kubernetes, clock, pods, gone, terminating, lists, watched, expire };
}

/** A running pod; its uid is the one given. */
export function listedPod(uid: string, metadata: object = {}, spec: object = {}) {
  return {
    metadata: { uid, ...metadata },
    spec: { nodeName: NODE, containers: [{ name: 'c', image: 'x' }], ...spec },
    status: { phase: 'Running', podIP: '10.0.0.1' },
  };
}

/** Metadata with a network annotation of this text. */
export function annotated(text: string) {
  return { annotations: { [NETWORK_STATUS]: text } };
}
