import type { HostPort } from '../../runtime/options/kinds.js';
import { portFor, type Endpoint, type EndpointSlice, type PodRef } from '../endpoints/endpoint-slice.js';
import { familyOf, type Family } from './server-address.js';

/** The agent of a node, as the endpoints of its Service have it. */
export interface EndpointPod {
  readonly node: string;
  /** Empty where none is known. */
  readonly zone: string;
  /** Tells it from the one before it on the node. */
  readonly identity: string;
  readonly isServing: boolean;
  /** One of each family at most. */
  readonly addresses: readonly HostPort[];
  /** Undefined where the endpoint is no pod's. */
  readonly pod: PodRef | undefined;
}

/** Why endpoints are left out that could be decoded, and nodes beyond those that there may be. */
export type ChoiceProblem = 'no_node' | 'no_port' | 'too_many';

export interface ChosenPods {
  /** One for each node, in the order of their names. */
  readonly pods: readonly EndpointPod[];
  /** How many were left out, by reason. */
  readonly problems: ReadonlyMap<ChoiceProblem, number>;
}

interface Candidate {
  readonly endpoint: Endpoint;
  readonly identity: string;
  zone: string;
  isServing: boolean;
  readonly addresses: Map<Family, HostPort>;
}

/** More nodes than a cluster has. */
const MAX_PODS = 10_000;

/**
 * The agent of each node. In the middle of a rolling update, or while the slices are being rearranged, a node has several endpoints: of
 * those that are not being deleted one that is ready is taken, else the first by name. It follows from the slices alone: agents that saw
 * the same choose the same. One that is not ready keeps its place, for it may be the one that fails.
 * @param slices by their names
 * @param usualPort where a slice has none for TCP; 0: there is none
 */
export function choosePods(slices: ReadonlyMap<string, EndpointSlice>, usualPort: number): ChosenPods {
  const candidates = new Map<string, Candidate>();
  // of an endpoint that two slices have, one is old: what is being deleted never comes back
  const terminating = new Set<string>();
  const problems = new Map<ChoiceProblem, number>();
  const leaveOut = (reason: ChoiceProblem, count = 1): void =>
    void problems.set(reason, (problems.get(reason) ?? 0) + count);
  for (const [, { endpoints, ports }] of [...slices].sort(byKey)) {
    const port = portFor('TCP', 'probe', ports) ?? usualPort;
    for (const endpoint of endpoints) {
      const { node, isTerminating, pod } = endpoint;
      const identity = identityOf(endpoint);
      if (node === '') leaveOut('no_node');
      else if (isTerminating) terminating.add(pod === undefined ? '' : identity);
      else if (port === 0) leaveOut('no_port');
      else collect(candidates, identity, endpoint, port);
    }
  }
  const chosen = new Map<string, Candidate>();
  for (const candidate of candidates.values()) {
    if (terminating.has(candidate.identity)) continue;
    const before = chosen.get(candidate.endpoint.node);
    if (before === undefined || isBefore(candidate, before)) chosen.set(candidate.endpoint.node, candidate);
  }
  const inOrder = [...chosen].sort(byKey).map(([, candidate]) => podOf(candidate));
  if (inOrder.length > MAX_PODS) leaveOut('too_many', inOrder.length - MAX_PODS);
  return { pods: inOrder.slice(0, MAX_PODS), problems };
}

/** Equal for the endpoints of one pod; those of a node that are no pod's are taken together. */
export function identityOf({ pod, node }: Endpoint): string {
  if (pod === undefined) return `node/${node}`;
  return pod.uid === '' ? `pod/${pod.namespace}/${pod.name}` : pod.uid;
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function collect(candidates: Map<string, Candidate>, identity: string, endpoint: Endpoint, port: number): void {
  const { address, zone, isServing } = endpoint;
  const found = candidates.get(identity) ?? { endpoint, identity, zone, isServing, addresses: new Map() };
  const family = familyOf(address);
  if (!found.addresses.has(family)) found.addresses.set(family, { host: address, port });
  if (found.zone === '') found.zone = zone;
  found.isServing ||= isServing;
  candidates.set(identity, found);
}

function isBefore(one: Candidate, other: Candidate): boolean {
  if (one.isServing !== other.isServing) return one.isServing;
  const [name = '', otherName = ''] = [one.endpoint.pod?.name, other.endpoint.pod?.name];
  return name === otherName ? one.identity < other.identity : name < otherName;
}

function podOf({ endpoint, identity, zone, isServing, addresses }: Candidate): EndpointPod {
  const inOrder = [addresses.get('ipv4'), addresses.get('ipv6')].filter((one) => one !== undefined);
  return { node: endpoint.node, zone, identity, isServing, addresses: inOrder, pod: endpoint.pod };
}
