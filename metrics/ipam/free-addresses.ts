import type { IpamFamily } from '../../openapi/ipam-report.js';

/**
 * How many IP addresses ipamd could still give to pods: those that the node can have, less those that pods have.
 * @param families of ipamd, none of them refused
 * @returns undefined where one of the two is not known, or where nothing is known of what the node can have (0, before ipamd has asked)
 */
export function freeAddresses(families: readonly IpamFamily[]): number | undefined {
  const most = onlyValue(families, 'awscni_ip_max');
  const assigned = onlyValue(families, 'awscni_assigned_ip_addresses');
  if (most === undefined || assigned === undefined || most <= 0 || assigned < 0) return undefined;
  return Math.max(0, most - assigned);
}

function onlyValue(families: readonly IpamFamily[], name: string): number | undefined {
  const samples = families.find((family) => family.name === name)?.samples ?? [];
  return samples.length === 1 ? samples[0]?.value : undefined;
}
