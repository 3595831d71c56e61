import { isText, metadataOf } from '../../runtime/kube/objects.js';
import { networkStatusText } from '../../runtime/kube/pod-annotations.js';
import { parseNetworkStatus, type AnnotationProblem } from '../inventory/network-status.js';
import { DEFAULT_NETWORK } from './peers.js';
import { familyOf } from './server-address.js';

/** A secondary network that a pod has addresses on. */
interface PodNetwork {
  /** Of its NetworkAttachmentDefinition, without its namespace. */
  readonly network: string;
  readonly nadNamespace: string;
  readonly ips: readonly string[];
}

/** The secondary networks of a pod of an agent. */
export interface PodNetworks {
  readonly uid: string;
  /** In the order of the annotation; one with several interfaces is there several times. */
  readonly networks: readonly PodNetwork[];
  readonly problems: ReadonlySet<AnnotationProblem>;
}

/** Namespaces of the NetworkAttachmentDefinitions by their names: one network for each name. */
export type NetworkNamespaces = ReadonlyMap<string, string>;

/** Why an address that a pod has on a network is not dialled. */
export type NetworkProblem = AnnotationProblem | 'other_namespace' | 'reserved_name';

/** Means nothing without the interface that it is to be sent from. */
const LINK_LOCAL = /^fe[89ab]/i;

/**
 * Keeps the addresses on secondary networks.
 * @param object a pod, of which the metadata is enough
 * @returns undefined for what is none
 */
export function decodePodNetworks(object: unknown): PodNetworks | undefined {
  const { uid, annotations } = metadataOf(object);
  if (!isText(uid)) return undefined;
  const text = networkStatusText(annotations) ?? '';
  const { attachments, devices, problems } = parseNetworkStatus(text, { withIps: true });
  const networks = [...attachments.values(), ...devices].flatMap(({ network, nadNamespace, isDefault, ips = [] }) => {
    const usable = ips.filter((ip) => !LINK_LOCAL.test(ip));
    return isDefault || network === '' || usable.length === 0 ? [] : [{ network, nadNamespace, ips: usable }];
  });
  return { uid, networks, problems };
}

/**
 * The networks that an agent can dial over. Of two with one name, in two namespaces, the first of the annotation has the name.
 * @param ownAddresses where the Service has it: an entry with one of these is the default network, marked as such or not
 */
export function namespacesOf({ networks }: PodNetworks, ownAddresses: readonly string[]): NetworkNamespaces {
  const namespaces = new Map<string, string>();
  for (const { network, nadNamespace, ips } of networks) {
    if (network === DEFAULT_NETWORK || ips.some((ip) => ownAddresses.includes(ip))) continue;
    if (!namespaces.has(network)) namespaces.set(network, nadNamespace);
  }
  return namespaces;
}

/** The addresses of a pod on these networks, one of each family; of others nothing. */
export function addressesOn(
  { networks }: PodNetworks,
  namespaces: NetworkNamespaces,
): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, string[]>();
  for (const { network, nadNamespace, ips } of networks) {
    if (namespaces.get(network) !== nadNamespace) continue;
    const found = addresses.get(network) ?? [];
    for (const ip of ips) {
      if (!found.some((one) => familyOf(one) === familyOf(ip))) found.push(ip);
    }
    addresses.set(network, found);
  }
  return addresses;
}

/** What of a pod's networks is not dialled although it might be meant to. */
export function problemsOf({ networks, problems }: PodNetworks, namespaces: NetworkNamespaces): Set<NetworkProblem> {
  const found = new Set<NetworkProblem>(problems);
  for (const { network, nadNamespace } of networks) {
    const own = namespaces.get(network);
    if (network === DEFAULT_NETWORK) found.add('reserved_name');
    else if (own !== undefined && own !== nadNamespace) found.add('other_namespace');
  }
  return found;
}
