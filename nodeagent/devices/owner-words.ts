import type { Attachment, Pod } from '../inventory/pod.js';
import type { Allocation, ClaimedDevice } from './allocation.js';
import { deviceKey, spelledPciAddress, type KnownClaims } from './claims.js';

/** What one source says of one device: that a pod has it, and what else it knows of it. */
export interface OwnerWord {
  readonly namespace: string;
  readonly name: string;
  /** Undefined where no list of pods has it. */
  readonly pod: Pod | undefined;
  readonly container?: string;
  readonly resource?: string;
  readonly interfaceName?: string;
  readonly attachment?: Attachment;
}

/** By PCI address, in the order in which it was said. */
export type OwnerWords = ReadonlyMap<string, readonly OwnerWord[]>;

export interface WordsInput {
  readonly pods: readonly Pod[];
  readonly claims: KnownClaims | undefined;
  /** Only what is said of these is kept. */
  readonly devices: ReadonlySet<string>;
}

/**
 * The kubelet names pods by their names. Those in a terminal phase that it still lists have nothing (kubernetes issues 119423 and
 * 132020); nor has a claim with administrative access anything of what it may look at.
 */
export function wordsOfKubelet(allocations: readonly Allocation[], { pods, claims, devices }: WordsInput): OwnerWords {
  const words = new Words(devices);
  const listed = groupByName(pods);
  const watched = new Set(claims?.watched.map(watchedKey));
  for (const { namespace, pod: name, container, devices: plugged, claims: claimed } of allocations) {
    // of a name that is not listed nothing is known, and that is one more pod
    const found: readonly (Pod | undefined)[] = listed.get(`${namespace}/${name}`)?.filter(isLiving) ?? [undefined];
    const say = (pciAddress: string | undefined, rest: Pick<OwnerWord, 'resource'>): void => {
      for (const pod of found) words.add(pciAddress, { namespace, name, pod, container, ...rest });
    };
    for (const { id, resource } of plugged) say(id, { resource });
    for (const claim of claimed) {
      for (const device of claim.devices) {
        const isWatched = watched.has(watchedKey({ ...device, namespace: claim.namespace, claim: claim.name }));
        if (!isWatched) say(addressOf(device, claims), {});
      }
    }
  }
  return words.byAddress;
}

/** Of the claims that are reserved for a pod which names them. */
export function wordsOfClaims({ pods, claims, devices }: WordsInput): OwnerWords {
  const words = new Words(devices);
  if (claims === undefined || claims.held.length === 0) return words.byAddress;
  const living = new Map(pods.filter(isLiving).map((pod) => [pod.uid, pod]));
  for (const { podUid, interfaceName, ...device } of claims.held) {
    const pod = living.get(podUid);
    if (pod === undefined) continue;
    const { namespace, name } = pod;
    const isNamed = interfaceName !== undefined && !pod.hostNetwork;
    words.add(addressOf(device, claims), { namespace, name, pod, ...(isNamed && { interfaceName }) });
  }
  return words.byAddress;
}

/** What the annotations of the pods say, and the runtime where they do not. Of a pod on the host network no CNI has written any. */
export function wordsOfNetworkStatus({ pods, devices }: WordsInput): OwnerWords {
  const words = new Words(devices);
  for (const pod of pods) {
    if (pod.hostNetwork || !isLiving(pod)) continue;
    const { namespace, name } = pod;
    for (const [interfaceName, attachment] of pod.attachments) {
      words.add(attachment.pciAddress, { namespace, name, pod, interfaceName, attachment });
    }
    for (const attachment of pod.devices ?? []) {
      words.add(attachment.pciAddress, { namespace, name, pod, attachment });
    }
  }
  return words.byAddress;
}

class Words {
  readonly #devices: ReadonlySet<string>;
  readonly byAddress = new Map<string, OwnerWord[]>();

  constructor(devices: ReadonlySet<string>) {
    this.#devices = devices;
  }

  add(pciAddress: string | undefined, word: OwnerWord): void {
    if (pciAddress === undefined || !this.#devices.has(pciAddress)) return;
    const before = this.byAddress.get(pciAddress);
    if (before === undefined) this.byAddress.set(pciAddress, [word]);
    else before.push(word);
  }
}

function isLiving({ isEnded }: Pod): boolean {
  return isEnded !== true;
}

function groupByName(pods: readonly Pod[]): Map<string, Pod[]> {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const key = `${pod.namespace}/${pod.name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pod]);
    else group.push(pod);
  }
  return groups;
}

function watchedKey({ namespace, claim, ...device }: KnownClaims['watched'][number]): string {
  return `${namespace}/${claim}/${deviceKey(device)}`;
}

function addressOf(device: ClaimedDevice, claims: KnownClaims | undefined): string | undefined {
  return claims?.pciAddressOf(device) ?? spelledPciAddress(device.device);
}
