import type { Logger } from '../../runtime/logger.js';
import type { Pod } from '../inventory/pod.js';
import type { Allocation, Allocations } from './allocation.js';
import type { KnownClaims } from './claims.js';
import type { Owner } from './device.js';
import { resolveOwners, type OwnerConflict, type Owners } from './owners.js';

export interface DeviceOwnersDeps {
  readonly kubelet: Allocations;
  /** Whether the kubelet is to be asked also where there is no device: for CPUs, which nobody else tells. */
  readonly isKubeletWanted: (nowMs: number) => boolean;
  /** Absent where nobody is asked. @param devices PCI addresses */
  readonly claims: ((devices: ReadonlySet<string>) => KnownClaims) | undefined;
  /** Whether the pods are all that there are, or nobody lists them. */
  readonly arePodsListed: boolean;
  readonly metrics: { readonly deviceConflicts: { set(value: number): void } };
  readonly log: Logger;
}

/** What is said of devices, and of CPUs, as far as it is about the pods of now. */
export interface KnownOwners {
  /** By PCI address. */
  readonly owners: ReadonlyMap<string, Owner>;
  /** Those that several pods are said to have: each of them may, and none is credited. */
  readonly conflicts: readonly OwnerConflict[];
  /** Undefined while the kubelet does not tell. */
  readonly allocations: readonly Allocation[] | undefined;
}

/**
 * Which pod has each device, from sweep to sweep.
 *
 * The kubelet knows pods by their names. What it said before a pod was seen may be about an earlier one of that name, and says nothing of
 * it. While it does not answer nothing is given to other pods: what it said last stays, for as long as that pod lives. So it does where its
 * answer does not have that pod at all: it lists every pod that it knows, with devices or without, and knows none when it has just started.
 */
export class DeviceOwners {
  readonly #deps: DeviceOwnersDeps;
  /** When pods were first seen, by uid, on the monotonic clock; those of the first sweep were there before. */
  #firstSeenMs: ReadonlyMap<string, number> | undefined;
  #owners: ReadonlyMap<string, Owner> = new Map();
  #conflicts = '';

  constructor(deps: DeviceOwnersDeps) {
    this.#deps = deps;
  }

  /** @returns undefined while the kubelet, where there is one, has not been heard at all */
  ownersOf(devices: ReadonlySet<string>, pods: readonly Pod[], nowMs: number): KnownOwners | undefined {
    const { kubelet, isKubeletWanted, claims, arePodsListed } = this.#deps;
    if (devices.size > 0 || isKubeletWanted(nowMs)) kubelet.start();
    const seenMs = this.#see(pods, nowMs);
    if (kubelet.isAwaited) return undefined;
    const allocations = this.#aboutThesePods(pods, seenMs);
    const found = resolveOwners({ pods, allocations, claims: claims?.(devices), devices, arePodsListed });
    const unlisted = silentOn(pods, kubelet.list);
    // it lists every pod that it runs: of these it will say something soon
    if (unlisted.size > 0 && kubelet.list !== undefined) kubelet.refresh();
    this.#owners = this.#keep(found, devices, unlisted);
    this.#tell(found.conflicts);
    return { owners: this.#owners, conflicts: found.conflicts, allocations };
  }

  #see(pods: readonly Pod[], nowMs: number): ReadonlyMap<string, number> {
    const before = this.#firstSeenMs;
    const seen = new Map(pods.map(({ uid }) => [uid, before === undefined ? -Infinity : (before.get(uid) ?? nowMs)]));
    this.#firstSeenMs = seen;
    return seen;
  }

  #aboutThesePods(pods: readonly Pod[], seenMs: ReadonlyMap<string, number>): readonly Allocation[] | undefined {
    const { kubelet } = this.#deps;
    const { list, askedMs } = kubelet;
    const early = new Set(
      pods.flatMap(({ uid, namespace, name, isEnded }) =>
        isEnded !== true && (seenMs.get(uid) ?? Infinity) >= askedMs ? [`${namespace}/${name}`] : [],
      ),
    );
    if (early.size === 0 || list === undefined) return list;
    kubelet.refresh();
    return list.filter(({ namespace, pod }) => !early.has(`${namespace}/${pod}`));
  }

  /** @param unlisted uids of living pods of which the kubelet says nothing now */
  #keep(
    { owners, toldByKubelet }: Owners,
    devices: ReadonlySet<string>,
    unlisted: ReadonlySet<string>,
  ): ReadonlyMap<string, Owner> {
    const kept = [...this.#owners].filter(
      ([address, { source, podUid }]) =>
        source === 'kubelet' &&
        devices.has(address) &&
        !toldByKubelet.has(address) &&
        podUid !== undefined &&
        unlisted.has(podUid),
    );
    return kept.length === 0 ? owners : new Map([...owners, ...kept]);
  }

  /** One line when it is about another device than before. */
  #tell(conflicts: readonly OwnerConflict[]): void {
    const { metrics, log } = this.#deps;
    metrics.deviceConflicts.set(conflicts.length);
    const said = conflicts.map(({ pciAddress }) => pciAddress).join(' ');
    if (said === this.#conflicts) return;
    this.#conflicts = said;
    const [first] = conflicts.map(({ pciAddress, claimants }) => ({
      pciAddress,
      pods: claimants.map(({ namespace, pod }) => `${namespace}/${pod}`),
    }));
    if (first === undefined) log.info('every device is of one pod alone again');
    else log.warn({ count: conflicts.length, first }, 'devices are said to be of several pods: they are given to none');
  }
}

function silentOn(pods: readonly Pod[], list: readonly Allocation[] | undefined): ReadonlySet<string> {
  const listed = new Set(list?.map(({ namespace, pod }) => `${namespace}/${pod}`));
  return new Set(
    pods.flatMap(({ uid, namespace, name, isEnded }) =>
      isEnded !== true && !listed.has(`${namespace}/${name}`) ? [uid] : [],
    ),
  );
}
