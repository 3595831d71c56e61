import type { DeviceOwnerSource } from '../../openapi/report-terms.js';
import type { Allocation } from './allocation.js';
import { ownerKey, type Owner } from './device.js';
import {
  wordsOfClaims,
  wordsOfKubelet,
  wordsOfNetworkStatus,
  type OwnerWord,
  type OwnerWords,
  type WordsInput,
} from './owner-words.js';

export interface OwnersInput extends WordsInput {
  /** Whether `pods` are all that there are. Else a pod that only the kubelet names is as good as any. */
  readonly arePodsListed: boolean;
  /** Undefined while the kubelet does not tell. */
  readonly allocations: readonly Allocation[] | undefined;
}

/** A device that one source gives to several pods. */
export interface OwnerConflict {
  readonly pciAddress: string;
  readonly source: DeviceOwnerSource;
  /** What each of the pods would be. */
  readonly claimants: readonly Owner[];
}

export interface Owners {
  /** By PCI address. */
  readonly owners: ReadonlyMap<string, Owner>;
  readonly conflicts: readonly OwnerConflict[];
  /** PCI addresses of those that the kubelet says anything of. */
  readonly toldByKubelet: { has(pciAddress: string): boolean };
}

const NO_WORDS: OwnerWords = new Map();
/** Who is believed first. */
const PRECEDENCE: readonly DeviceOwnerSource[] = ['kubelet', 'resource-claim', 'network-status'];

/**
 * Which pod has each device, and what it is there.
 *
 * Who has it, the first of these says that knows: the kubelet, which gives devices away; the ResourceClaims, whose status the scheduler
 * and the DRA drivers write; the network annotation, which whoever may patch the pod can write. A pod that has ended has nothing. Where
 * the one who says it names several pods, or one that the list of pods does not have, nobody has the device, and no one below is asked:
 * a guess would credit a pod with the traffic of another.
 *
 * What it is there: by the annotation of that pod; else the interface that the ResourceClaim tells, on the network that the annotation
 * gives to an interface of that name; else it is not known. The container and the resource are the kubelet's word.
 */
export function resolveOwners(input: OwnersInput): Owners {
  const { allocations, devices } = input;
  const words: Record<DeviceOwnerSource, OwnerWords> = {
    kubelet: allocations === undefined ? NO_WORDS : wordsOfKubelet(allocations, input),
    'resource-claim': wordsOfClaims(input),
    'network-status': wordsOfNetworkStatus(input),
  };
  const owners = new Map<string, Owner>();
  const conflicts: OwnerConflict[] = [];
  for (const pciAddress of devices) {
    const source = PRECEDENCE.find((one) => words[one].has(pciAddress));
    if (source === undefined) continue;
    const said = words[source].get(pciAddress) ?? [];
    const roles = [words['network-status'], words['resource-claim']].map((one) => one.get(pciAddress) ?? []);
    const claimants = [...new Map(said.toReversed().map((word) => [keyOf(word), word])).values()].map((word) => {
      const [byStatus = [], byClaims = []] = roles.map((one) => one.filter(({ pod }) => pod === word.pod));
      return { ...identityOf(word, source), ...roleOf(pciAddress, byStatus, byClaims) };
    });
    const [only] = claimants;
    if (claimants.length > 1) conflicts.push({ pciAddress, source, claimants: claimants.toReversed() });
    else if (only !== undefined && (only.podUid !== undefined || !input.arePodsListed)) owners.set(pciAddress, only);
  }
  return { owners, conflicts, toldByKubelet: words.kubelet };
}

function keyOf({ namespace, name, pod }: OwnerWord): string {
  return ownerKey({ namespace, pod: name, ...(pod !== undefined && { podUid: pod.uid }) });
}

/** Of several containers that share the device, the first that the kubelet lists. */
function identityOf(
  { namespace, name, pod, container, resource }: OwnerWord,
  source: DeviceOwnerSource,
): Pick<Owner, 'podUid' | 'namespace' | 'pod' | 'container' | 'resource' | 'source'> {
  return {
    ...(pod !== undefined && { podUid: pod.uid }),
    ...{ namespace, pod: name },
    ...(container !== undefined && { container }),
    ...(resource !== undefined && { resource }),
    source,
  };
}

type Role = Pick<Owner, 'interface' | 'network' | 'nadNamespace'>;

/** @param byStatus @param byClaims what is said of the device by the pod that has it */
function roleOf(pciAddress: string, byStatus: readonly OwnerWord[], byClaims: readonly OwnerWord[]): Role {
  return roleInStatus(byStatus) ?? roleInClaims(pciAddress, byClaims) ?? { network: '', nadNamespace: '' };
}

/** Entries that name an interface tell more than those that do not. Entries that disagree tell nothing. */
function roleInStatus(words: readonly OwnerWord[]): Role | undefined {
  const named = words.filter(({ interfaceName }) => interfaceName !== undefined);
  const roles = (named.length > 0 ? named : words).flatMap(({ interfaceName, attachment }) =>
    attachment === undefined ? [] : [roleAs(interfaceName, attachment)],
  );
  return theOnly(roles);
}

function roleInClaims(pciAddress: string, words: readonly OwnerWord[]): Role | undefined {
  const roles = words.flatMap(({ pod, interfaceName }) => {
    if (interfaceName === undefined) return [];
    const attachment = pod?.attachments.get(interfaceName);
    const isOther = attachment?.pciAddress !== undefined && attachment.pciAddress !== pciAddress;
    return [roleAs(interfaceName, isOther ? undefined : attachment)];
  });
  return theOnly(roles);
}

function roleAs(interfaceName: string | undefined, attachment: OwnerWord['attachment']): Role {
  const { network = '', nadNamespace = '' } = attachment ?? {};
  return { ...(interfaceName !== undefined && { interface: interfaceName }), network, nadNamespace };
}

function theOnly(roles: readonly Role[]): Role | undefined {
  const [first, ...others] = roles;
  const isSame = (one: Role): boolean =>
    one.interface === first?.interface && one.network === first?.network && one.nadNamespace === first.nadNamespace;
  return others.every(isSame) ? first : undefined;
}
