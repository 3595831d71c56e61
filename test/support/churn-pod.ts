import type { KubeObject } from './kube-api/objects.js';

/** A pod of a test in which pods come and go: everything of it is its own, so that whatever is mixed up shows. */
export interface ChurnPod {
  readonly number: number;
  readonly namespace: string;
  /** Others may have had it, or get it. */
  readonly name: string;
  readonly uid: string;
  /** Inside of it. */
  readonly interfaces: readonly string[];
  /** The other end of the first, where that is in the node's namespace. */
  readonly hostInterface: string | undefined;
  readonly creationTimestamp: string;
  /** Networks as last annotated. */
  revision: number;
  isMalformed: boolean;
  phase: 'Pending' | 'Running' | 'Succeeded';
  isDeleted: boolean;
  /** Whether anything has been done that ends it. */
  isEnding: boolean;
  /** When the API began and ceased to list it, counted in changes of the API. */
  listedAt: number;
  unlistedAt: number;
}

/** Of every uid there is in the test: they can be told from anything else in a memory. */
export const UID_PREFIX = 'c4a75d1e-0b1f-4000-8000-';
/** One of so many has its first interface in common with the node. */
const HOST_EVERY = 5;

export function createChurnPod(number: number, name: string, prefix: string): ChurnPod {
  const hostInterface = number % HOST_EVERY === 0 ? `${prefix}${number}` : undefined;
  return {
    ...{ number, name, hostInterface },
    namespace: 'churn',
    uid: `${UID_PREFIX}${String(number).padStart(12, '0')}`,
    interfaces: hostInterface === undefined ? [`e${number}`, `p${number}`] : [`e${number}`],
    creationTimestamp: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    ...{ revision: 0, isMalformed: false, phase: 'Pending', isDeleted: false, isEnding: false },
    ...{ listedAt: Infinity, unlistedAt: Infinity },
  };
}

/** What `ip` is to do in its namespace. Pairs that are up count what IPv6 tells its neighbours. */
export function linksOf({ interfaces, hostInterface }: ChurnPod): string[] {
  const [first = '', second = ''] = interfaces;
  const peer = hostInterface === undefined ? `peer name ${second}` : `peer name ${hostInterface} netns 1`;
  return [`link add ${first} type veth ${peer}`, ...interfaces.map((name) => `link set ${name} up`)];
}

export function pathOf({ namespace, name }: ChurnPod): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

export function networkOf({ number, revision }: Pick<ChurnPod, 'number' | 'revision'>): string {
  return `n${number}-r${revision}`;
}

export function objectOf(pod: ChurnPod, node: string): KubeObject {
  const { namespace, name, uid, creationTimestamp, number, phase, isDeleted, isMalformed } = pod;
  const isWaiting = phase === 'Pending';
  return {
    metadata: {
      ...{ namespace, name, uid, creationTimestamp, labels: { app: name } },
      ...(isDeleted && { deletionTimestamp: creationTimestamp }),
      ...(!isWaiting && {
        annotations: { 'k8s.v1.cni.cncf.io/network-status': isMalformed ? `[{"name": n${number}` : networkStatus(pod) },
      }),
    },
    spec: { nodeName: node, hostNetwork: false, containers: [{ name: 'main', image: 'busybox' }] },
    status: { phase, ...(!isWaiting && { podIP: `10.1.${number >> 8}.${number & 255}` }) },
  };
}

function networkStatus({ interfaces, number, revision }: ChurnPod): string {
  const network = networkOf({ number, revision });
  return JSON.stringify(interfaces.map((name) => ({ name: network, interface: name, ips: [], dns: {} })));
}
