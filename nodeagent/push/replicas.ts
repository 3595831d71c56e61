import { portFor, type Endpoint, type EndpointSlice } from '../endpoints/endpoint-slice.js';
import { renderHostPort, type HostPort, type ObjectName } from '../../runtime/options/kinds.js';

/** Where reports are pushed to. */
export interface PushTarget {
  /** Its origin, such as https://10.0.0.1:10250: what it is called in the log and in labels. */
  readonly server: string;
  /** What its certificate has to be for; without one, the host of the origin. */
  readonly certifiedName?: string;
}

/** Far more replicas than anybody runs; each gets every report of every agent. */
const MAX_REPLICAS = 32;

/**
 * The replicas behind a Service, ready or not: a new one has to be filled before it is ready. Not those that are being deleted. A pod
 * with an address of each family is one replica, and reached by IPv4. The port is the one named `https`, else the slice's first for TCP.
 *
 * Whoever answers at an address has to prove that it is the Service: pods have no names, and addresses go from one pod to the next.
 * @returns at most 32, ordered by address
 */
export function replicasOf(slices: Iterable<EndpointSlice>, { namespace, name }: ObjectName): PushTarget[] {
  const found = new Map<string, HostPort>();
  // of an endpoint that two slices have, one is old: what is being deleted never comes back
  const terminating = new Set<string>();
  for (const { endpoints, ports } of slices) {
    const port = portFor('TCP', 'https', ports);
    for (const endpoint of endpoints) {
      const identity = identityOf(endpoint);
      if (endpoint.isTerminating) terminating.add(identity);
      else if (port !== undefined) keepBetter(found, identity, { host: endpoint.address, port });
    }
  }
  const origins = [...found].filter(([identity]) => !terminating.has(identity)).map(([, address]) => originOf(address));
  const certifiedName = `${name}.${namespace}.svc`;
  return [...new Set(origins)]
    .sort()
    .slice(0, MAX_REPLICAS)
    .map((server) => ({ server, certifiedName }));
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
function originOf(address: HostPort): string {
  return new URL(`https://${renderHostPort(address)}`).origin;
}
