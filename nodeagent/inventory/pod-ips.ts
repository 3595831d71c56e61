import { isIP } from 'node:net';
import { isRecord } from '../../runtime/kube/objects.js';
import type { AddressOwners } from '../ipam/host-local-owners.js';
import type { ListedPod } from './listed-pod.js';
import { parseNetworkStatus } from './network-status.js';

/** Of one pod: far more than it has. */
const MAX_IPS = 256;

/**
 * The addresses of a pod, as its status and its network annotation tell them.
 * @param networkStatus the annotation; empty where there is none
 * @returns undefined where there are none, and there may be some
 */
export function podIpsOf(
  { podIP, podIPs }: Readonly<Record<string, unknown>>,
  networkStatus: string,
): ListedPod['ips'] | undefined {
  const { attachments, devices, problems } = parseNetworkStatus(networkStatus, { withIps: true });
  const networks = [...attachments.values(), ...devices];
  const listed: readonly unknown[] = Array.isArray(podIPs) ? podIPs.slice(0, MAX_IPS) : [];
  const told = [podIP, ...listed.map((one) => (isRecord(one) ? one['ip'] : undefined))];
  const all = [...told, ...networks.flatMap(({ ips = [] }) => ips)];
  const addresses = [...new Set(all.filter((one): one is string => typeof one === 'string' && isIP(one) !== 0))];
  const areAll = networks.length > 0 && problems.size === 0 && addresses.length <= MAX_IPS;
  return addresses.length === 0 && !areAll ? undefined : { addresses: addresses.slice(0, MAX_IPS), areAll };
}

/** @param pods undefined while it is not known which there are. @param sandboxIds of the runtime, where it answers */
export function addressOwners(
  pods: Iterable<ListedPod> | undefined,
  sandboxIds: ReadonlySet<string> | undefined,
): AddressOwners | undefined {
  if (pods === undefined && sandboxIds === undefined) return undefined;
  const living = pods && [...pods].filter(({ hostNetwork, phase }) => !hostNetwork && phase !== 'ended');
  return {
    ...(sandboxIds !== undefined && { sandboxIds }),
    ...(living !== undefined && {
      pods: living.map(({ ips = { addresses: [], areAll: false }, creationTimestamp }) => ({
        ...ips,
        createdMs: Date.parse(creationTimestamp),
      })),
    }),
  };
}
