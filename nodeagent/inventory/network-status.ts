import { isIP } from 'node:net';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { isRecord } from '../../runtime/kube/objects.js';
import type { Attachment, Device } from './pod.js';
import { isInterfaceName, isNamespace, isNetworkName, isPciAddress } from './report-names.js';

/** What may be wrong with a network annotation. */
export type AnnotationProblem = 'not_json' | 'not_a_list' | 'too_large' | 'bad_entry' | 'duplicate_interface';

/** What a network annotation says, as far as it can be believed. */
export interface NetworkStatus {
  /** By interface name. */
  readonly attachments: ReadonlyMap<string, Attachment>;
  /** Entries that name no interface, in their order. */
  readonly devices: readonly Device[];
  readonly problems: ReadonlySet<AnnotationProblem>;
}

interface Entry extends Device {
  /** Empty: it names none. */
  readonly interfaceName: string;
  /** Whether all that it says of its device, and of the addresses that are asked for, can be used. */
  readonly isWhole: boolean;
}

/** All annotations of an object together have no more bytes (apimachinery, TotalAnnotationSizeLimitB). */
const MAX_LENGTH = 256 * 1024;
/** Of one interface: far more than it has. */
const MAX_IPS = 64;
/** As many as a report may have of interfaces. */
const MAX_ENTRIES = REPORT_LIMITS.interfacesPerPod;
/** What the interface of the default route is on where nobody says the name of its network. */
const DEFAULT_NETWORK = 'default';

export interface NetworkStatusOptions {
  /** Keep the addresses too: most who ask have no use for them. */
  readonly withIps?: boolean;
}

/**
 * Parses the annotation k8s.v1.cni.cncf.io/network-status: a list with an entry for each interface of a pod. It is whatever somebody
 * wrote: an entry that is no good costs itself, and a text that is no list costs all names of its pod. Blank: there is none.
 * @see Kubernetes Network Custom Resource Definition De-facto Standard 1.3, section 5; NPWG device information specification 1.1, section 3
 */
export function parseNetworkStatus(text: string, { withIps = false }: NetworkStatusOptions = {}): NetworkStatus {
  if (text.trim() === '') return statusOf([], []);
  if (text.length > MAX_LENGTH) return statusOf([], ['too_large']);
  const list = parseJson(text);
  if (list === undefined) return statusOf([], ['not_json']);
  if (!Array.isArray(list)) return statusOf([], ['not_a_list']);
  const entries = list.slice(0, MAX_ENTRIES).map((value) => parseEntry(value, withIps));
  const isBad = entries.some((entry) => entry?.isWhole !== true);
  return statusOf(
    entries.filter((entry) => entry !== undefined),
    [...(list.length > MAX_ENTRIES ? ['too_large' as const] : []), ...(isBad ? ['bad_entry' as const] : [])],
  );
}

function statusOf(entries: readonly Entry[], found: readonly AnnotationProblem[]): NetworkStatus {
  const attachments = new Map<string, Attachment>();
  const devices: Device[] = [];
  const problems = new Set(found);
  let hasDefault = false;
  for (const { interfaceName, isWhole: _isWhole, ...entry } of entries) {
    if (attachments.has(interfaceName)) {
      problems.add('duplicate_interface');
      continue;
    }
    // a pod has one default interface, and Multus has been seen to write its default network twice (multus-cni issue 468)
    const one: Device = { ...entry, isDefault: entry.isDefault && !hasDefault };
    hasDefault ||= entry.isDefault;
    if (interfaceName === '') devices.push(one);
    else attachments.set(interfaceName, one);
  }
  return { attachments: withoutSharedDevices(attachments), devices, problems };
}

/** Multus writes the device of an attachment to each of its interfaces: to which of several it belongs is then not known. */
function withoutSharedDevices(attachments: ReadonlyMap<string, Attachment>): ReadonlyMap<string, Attachment> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { pciAddress } of attachments.values()) {
    if (pciAddress !== undefined) (seen.has(pciAddress) ? shared : seen).add(pciAddress);
  }
  if (shared.size === 0) return attachments;
  return new Map(
    [...attachments].map(([name, { pciAddress = '', ...rest }]) => [
      name,
      { ...rest, ...(pciAddress !== '' && !shared.has(pciAddress) && { pciAddress }) },
    ]),
  );
}

function parseEntry(value: unknown, withIps: boolean): Entry | undefined {
  if (!isRecord(value)) return undefined;
  const { name, interface: interfaceName = '', default: isDefault = false } = value;
  if (typeof name !== 'string' || typeof interfaceName !== 'string' || typeof isDefault !== 'boolean') return undefined;
  if (interfaceName !== '' && !isInterfaceName(interfaceName)) return undefined;
  const network = splitName(name);
  if (network === undefined) return undefined;
  const pciAddress = pciAddressOf(value['device-info']);
  const ips = withIps ? ipsOf(value['ips']) : NO_IPS;
  return {
    interfaceName,
    isWhole: pciAddress !== undefined && ips.areWhole,
    nadNamespace: network.nadNamespace,
    network: network.network === '' && isDefault ? DEFAULT_NETWORK : network.network,
    isDefault,
    ...(pciAddress !== undefined && pciAddress !== '' && { pciAddress }),
    ...(ips.found.length > 0 && { ips: ips.found }),
  };
}

const NO_IPS = { found: [], areWhole: true } as const;

/** Without a prefix length, as the specification has them. What is no address costs itself. */
function ipsOf(value: unknown): { readonly found: readonly string[]; readonly areWhole: boolean } {
  if (value === undefined || value === null) return NO_IPS;
  if (!Array.isArray(value)) return { ...NO_IPS, areWhole: false };
  const listed: readonly unknown[] = value.slice(0, MAX_IPS);
  const found = listed.filter((one): one is string => typeof one === 'string' && isIP(one) !== 0);
  return { found, areWhole: found.length === value.length };
}

/** `<namespace>/<name>` of a NetworkAttachmentDefinition, or the bare name of a CNI's own network, which Multus may not know. */
function splitName(name: string): Pick<Device, 'network' | 'nadNamespace'> | undefined {
  const slash = name.indexOf('/');
  const network = name.slice(slash + 1);
  if (!isNetworkName(network)) return undefined;
  if (slash < 0) return { network, nadNamespace: '' };
  const nadNamespace = name.slice(0, slash);
  return network !== '' && isNamespace(nadNamespace) ? { network, nadNamespace } : undefined;
}

/**
 * Of a PCI device, or of the one behind a vDPA device; vhost-user and memif have none.
 * @returns empty where none is told; undefined where what is told is none
 */
function pciAddressOf(info: unknown): string | undefined {
  if (info === undefined) return '';
  if (!isRecord(info)) return undefined;
  const device = info['pci'] ?? info['vdpa'] ?? {};
  const address = isRecord(device) ? (device['pci-address'] ?? '') : undefined;
  if (typeof address !== 'string') return undefined;
  const lowerCase = address.toLowerCase(); // as sysfs writes it
  return lowerCase === '' || isPciAddress(lowerCase) ? lowerCase : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
