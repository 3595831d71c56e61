import { isIP } from 'node:net';
import { isRecord, textsOf } from '../../runtime/kube/objects.js';
import type { HostPort } from '../../runtime/options/kinds.js';
import { decodePorts, portFor } from '../endpoints/endpoint-slice.js';

/** The Service in front of the agents. */
export interface DialledService {
  /** Its own, one of each family at most; none where it is headless, or has no port for TCP. */
  readonly addresses: readonly HostPort[];
  /** Of its pods; empty where it has none. */
  readonly selector: Readonly<Record<string, string>>;
}

/** One of each family (kubernetes, pkg/apis/core/validation, ValidateServiceClusterIPsRelatedFields). */
const MAX_ADDRESSES = 2;

/** @returns undefined for what is no Service */
export function decodeDialledService(object: unknown): DialledService | undefined {
  const spec = isRecord(object) ? object['spec'] : undefined;
  if (!isRecord(spec)) return undefined;
  const { clusterIP, clusterIPs = [clusterIP], ports, type } = spec;
  const isNamed = type === 'ExternalName';
  const listed: readonly unknown[] = Array.isArray(clusterIPs) && !isNamed ? clusterIPs.slice(0, MAX_ADDRESSES) : [];
  const hosts = listed.filter((one): one is string => typeof one === 'string' && isIP(one) !== 0);
  const port = portFor('TCP', 'probe', decodePorts(ports) ?? []);
  return {
    addresses: port === undefined ? [] : hosts.map((host) => ({ host, port })),
    selector: isNamed ? {} : textsOf(spec['selector']),
  };
}
