import { isIP } from 'node:net';
import { isRecord, isText } from '../../runtime/kube/objects.js';
import { parseNetworkStatus } from './network-status.js';

/** The addresses of a pod, as the Kubernetes API has them. */
export interface ListedAddresses {
  /** Empty: it has none yet, or nobody has told. */
  readonly known: readonly string[];
  /** Whether it has no others: a network annotation without a fault tells some of each of its networks. */
  readonly areAll: boolean;
}

/** The API takes two, one of each family; what is more than this is not a kubelet's. */
const MAX_POD_IPS = 16;

/** @param statusText the network annotation; empty: there is none */
export function listedAddresses(status: Readonly<Record<string, unknown>>, statusText: string): ListedAddresses {
  const { podIP, podIPs } = status;
  const listed = (Array.isArray(podIPs) ? podIPs.slice(0, MAX_POD_IPS) : []) as readonly unknown[];
  const ofDefault = [podIP, ...listed.map((one) => (isRecord(one) ? one['ip'] : undefined))];
  const { attachments, devices, problems } = parseNetworkStatus(statusText, { withIps: true });
  const networks = [...attachments.values(), ...devices];
  const known = [...ofDefault, ...networks.flatMap(({ ips }) => ips ?? [])];
  return {
    known: [...new Set(known.filter(isText))].filter((text) => isIP(text) !== 0),
    areAll: networks.length > 0 && problems.size === 0 && networks.every(({ ips }) => ips !== undefined),
  };
}
