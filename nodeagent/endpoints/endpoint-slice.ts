import { isIPv4, isIPv6 } from 'node:net';
import { isRecord, isText } from '../../runtime/kube/objects.js';
import { isLabelValue, isNamespace, isObjectName, isToken } from '../inventory/report-names.js';

/** A port that all endpoints of a slice have. */
export interface EndpointPort {
  /** Empty where it has none. */
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

/** The pod behind an endpoint. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  /** Empty where it is not told. */
  readonly uid: string;
}

export interface Endpoint {
  /** Of the family of its slice. */
  readonly address: string;
  /** Whether it is to be sent traffic: always so where the Service publishes addresses that are not ready. */
  readonly isReady: boolean;
  /** Whether it is ready, whatever its Service publishes. */
  readonly isServing: boolean;
  readonly isTerminating: boolean;
  /** Empty where none is told that is one. */
  readonly node: string;
  /** Empty where none is told that is one. */
  readonly zone: string;
  readonly pod?: PodRef;
}

/** Why an endpoint is left out. */
export type EndpointProblem = 'bad_entry' | 'no_address' | 'too_many';

export interface EndpointSlice {
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
  /** How many were left out, by reason. */
  readonly problems: ReadonlyMap<EndpointProblem, number>;
}

/** As many as the API takes (kubernetes, pkg/apis/discovery/validation, maxEndpoints and maxAddresses). */
const MAX_ENDPOINTS = 1_000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 100;
const PORT_MAX = 65_535;
const FAMILIES: Readonly<Record<string, (text: string) => boolean>> = { IPv4: isIPv4, IPv6: isIPv6 };

/**
 * Keeps of a slice what is dialled and asked. An entry that is no good costs itself. Of an endpoint with several addresses the first
 * is taken: of the others the API says nothing. A slice of names (FQDN) has no endpoints: nothing can be said of a name's nodes.
 * @returns undefined for what is no EndpointSlice of discovery.k8s.io/v1
 * @see k8s.io/api/discovery/v1, EndpointSlice
 */
export function decodeEndpointSlice(object: unknown): EndpointSlice | undefined {
  if (!isRecord(object) || !isText(object['addressType'])) return undefined;
  const { addressType } = object;
  const isAddress = FAMILIES[addressType];
  const listed = listIn(object['endpoints']);
  const ports = decodePorts(object['ports']);
  if (listed === undefined || ports === undefined) return undefined;
  if (isAddress === undefined) return addressType === 'FQDN' ? EMPTY : undefined;
  const problems = new Map<EndpointProblem, number>();
  const leaveOut = (reason: EndpointProblem, count: number): void => {
    if (count > 0) problems.set(reason, (problems.get(reason) ?? 0) + count);
  };
  leaveOut('too_many', listed.length - MAX_ENDPOINTS);
  const endpoints: Endpoint[] = [];
  for (const value of listed.slice(0, MAX_ENDPOINTS)) {
    const endpoint = isRecord(value) ? endpointOf(value, isAddress) : 'bad_entry';
    if (typeof endpoint === 'string') leaveOut(endpoint, 1);
    else endpoints.push(endpoint);
  }
  return { endpoints, ports, problems };
}

const EMPTY: EndpointSlice = { endpoints: [], ports: [], problems: new Map() };

/** An empty list may be written as null; undefined for what is no list. */
function listIn(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : undefined;
}

type Json = Readonly<Record<string, unknown>>;

function endpointOf(value: Json, isAddress: (text: string) => boolean): Endpoint | EndpointProblem {
  const addresses = listIn(value['addresses'])?.slice(0, MAX_ADDRESSES) ?? [];
  const address = addresses.find((one): one is string => typeof one === 'string' && isAddress(one));
  if (address === undefined) return 'no_address';
  const conditions = isRecord(value['conditions']) ? value['conditions'] : {};
  // nil is "unknown, and in most cases ready" for the first, the same as ready for the second, and "no" for the last
  const isReady = booleanOf(conditions['ready']) ?? true;
  const { nodeName, zone } = value;
  const pod = podOf(value['targetRef']);
  return {
    address,
    isReady,
    isServing: booleanOf(conditions['serving']) ?? isReady,
    isTerminating: booleanOf(conditions['terminating']) ?? false,
    node: isText(nodeName) && isObjectName(nodeName) ? nodeName : '',
    zone: isText(zone) && isLabelValue(zone) ? zone : '',
    ...(pod !== undefined && { pod }),
  };
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function podOf(value: unknown): PodRef | undefined {
  if (!isRecord(value) || value['kind'] !== 'Pod') return undefined;
  const { namespace, name, uid } = value;
  if (!isText(namespace) || !isNamespace(namespace) || !isText(name) || !isObjectName(name)) return undefined;
  return { namespace, name, uid: isText(uid) && isToken(uid) ? uid : '' };
}

/** Of a slice or of a Service; those that are no good cost themselves. Undefined for what is no list. */
export function decodePorts(value: unknown): EndpointPort[] | undefined {
  return listIn(value)?.slice(0, MAX_PORTS).flatMap(portOf);
}

/** Without a number it stands for all ports, of which none is the one to dial. */
function portOf(value: unknown): EndpointPort[] {
  if (!isRecord(value)) return [];
  const { name, protocol, port } = value;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > PORT_MAX) return [];
  return [{ name: isText(name) ? name : '', protocol: isText(protocol) ? protocol : 'TCP', port }];
}

/** The port of that name, else the first of the protocol. */
export function portFor(protocol: string, name: string, ports: readonly EndpointPort[]): number | undefined {
  const usable = ports.filter((port) => port.protocol === protocol);
  return (usable.find((port) => port.name === name) ?? usable[0])?.port;
}
