import type { IpamFamily } from '../../openapi/ipam-report.js';

/**
 * How many IP addresses ipamd could still give to pods: those that the node can have, less those that pods have.
 *
 * In an IPv6 cluster awscni_ip_max is still that of IPv4 (amazon-vpc-cni-k8s, ipamd.go, GetIPv4Limit), and the node has more addresses than
 * that by its first prefix: a maximum below what the node has bounds nothing. So without what the node has nothing is known.
 * @param families of ipamd, none of them refused
 * @returns undefined where it is not known; also before ipamd knows what the node can have (0)
 */
export function freeAddresses(families: readonly IpamFamily[]): number | undefined {
  const most = maximumAddresses(families);
  const assigned = soleValue(families, 'awscni_assigned_ip_addresses');
  const total = soleValue(families, 'awscni_total_ip_addresses');
  if (most === undefined || assigned === undefined || total === undefined) return undefined;
  if (most <= 0 || assigned < 0 || most < total) return undefined;
  return Math.max(0, most - assigned);
}

/** How many IP addresses the node can have: it changes with its interfaces that are not ipamd's. */
export function maximumAddresses(families: readonly IpamFamily[]): number | undefined {
  return soleValue(families, 'awscni_ip_max');
}

/** The value of a family with one sample and no labels. */
function soleValue(families: readonly IpamFamily[], name: string): number | undefined {
  const [sample, ...others] = families.find((family) => family.name === name)?.samples ?? [];
  if (sample === undefined || others.length > 0 || Object.keys(sample.labels).length > 0) return undefined;
  return sample.value;
}
