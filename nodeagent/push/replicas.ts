import { portFor, type Endpoint, type EndpointSlice } from '../endpoints/endpoint-slice.js';
import { renderHostPort, type HostPort, type ObjectName } from '../../runtime/options/kinds.js';

/** Where reports are pushed to. */
export interface PushTarget {
  /** Its origin, such as https://10.0.0.1:10250: what it is called in the log and in labels. */
  readonly server: string;
  /** What its certificate has to be for; without one, the host of the origin. */
  readonly certifiedName?: string;
}

/** The replicas of the apiserver, as far as they are known. */
export interface Replicas {
  /** Ordered by address. */
  readonly targets: readonly PushTarget[];
  /** How many more than are pushed to. */
  readonly tooMany: number;
  /** How many have no port that could be pushed to. */
  readonly withoutPort: number;
}

/** Whoever knows which replicas there are. */
export interface ReplicaSource {
  start(): void;
  close(): Promise<void>;
}

/** Far more replicas than anybody runs; each gets every report of every agent. */
export const MAX_REPLICAS = 32;

/**
 * The replicas behind a Service, ready or not: a new one has to be filled before it is ready. Not those that are being deleted. A pod
 * with an address of each family is one replica, and reached by IPv4. The port is the one named `https`, else the slice's first for TCP.
 *
 * Whoever answers at an address has to prove that it is the Service: pods have no names, and addresses go from one pod to the next.
 */
export function replicasOf(slices: Iterable<EndpointSlice>, service: ObjectName): Replicas {
  const found = new Map<string, HostPort>();
  // of an endpoint that two slices have, one is old: what is being deleted never comes back
  const terminating = new Set<string>();
  const portless = new Set<string>();
  for (const { endpoints, ports } of slices) {
    const port = portFor('TCP', 'https', ports);
    for (const endpoint of endpoints) {
      const identity = identityOf(endpoint);
      if (endpoint.isTerminating) terminating.add(identity);
      else if (port === undefined) portless.add(identity);
      else keepBetter(found, identity, { host: endpoint.address, port });
    }
  }
  const isLeft = (identity: string): boolean => !terminating.has(identity);
  const origins = [...found].filter(([identity]) => isLeft(identity)).map(([, address]) => originOf(address));
  const withoutPort = [...portless].filter((identity) => isLeft(identity) && !found.has(identity)).length;
  return { ...atMost(MAX_REPLICAS, origins, certifiedNameOf(service)), withoutPort };
}

/** Each once, the first so many in order. */
export function atMost(
  max: number,
  origins: readonly string[],
  certifiedName: string,
): Pick<Replicas, 'targets' | 'tooMany'> {
  const all = [...new Set(origins)].sort();
  const targets = all.slice(0, max).map((server) => ({ server, certifiedName }));
  return { targets, tooMany: all.length - targets.length };
}

/** What kube-apiserver asks a Service's certificate to be for, too. */
export function certifiedNameOf({ namespace, name }: ObjectName): string {
  return `${name}.${namespace}.svc`;
}

function identityOf({ pod, address }: Endpoint): string {
  if (pod === undefined) return `address/${address}`;
  return pod.uid === '' ? `pod/${pod.namespace}/${pod.name}` : pod.uid;
}

/** IPv4 before IPv6, then by address, whatever the order of the slices. */
function keepBetter(found: Map<string, HostPort>, identity: string, address: HostPort): void {
  const before = found.get(identity);
  if (before === undefined || rankOf(address) < rankOf(before)) found.set(identity, address);
}

function rankOf(address: HostPort): string {
  return `${address.host.includes(':') ? 6 : 4} ${renderHostPort(address)}`;
}

/** As the URL of it is written. */
export function originOf(address: HostPort): string {
  return new URL(`https://${renderHostPort(address)}`).origin;
}
