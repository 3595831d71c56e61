import type { Logger } from '../../runtime/logger.js';
import type { Pod } from '../inventory/pod.js';
import type { Allocation, Allocations } from './allocation.js';
import type { KnownClaims } from './claims.js';
import type { Owner } from './device.js';
import { resolveOwners, type OwnerConflict } from './owners.js';

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
  /** Undefined while the kubelet does not tell. */
  readonly allocations: readonly Allocation[] | undefined;
}

/**
 * Which pod has each device, from sweep to sweep.
 *
 * The kubelet knows pods by their names. What it said before a pod was seen may be about an earlier one of that name, and says nothing of
 * it. While it does not answer nothing is given to other pods: what it said last stays, for as long as that pod lives.
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
    if (kubelet.isAwaited) return undefined;
    const allocations = this.#aboutThesePods(pods, nowMs);
    const { owners: found, conflicts } = resolveOwners({
      pods,
      allocations,
      claims: claims?.(devices),
      devices,
      arePodsListed,
    });
    this.#owners = allocations === undefined ? this.#keep(found, devices, pods) : found;
    this.#tell(conflicts);
    return { owners: this.#owners, allocations };
  }

  #aboutThesePods(pods: readonly Pod[], nowMs: number): readonly Allocation[] | undefined {
    const { kubelet } = this.#deps;
    const before = this.#firstSeenMs;
    const seen = new Map(pods.map(({ uid }) => [uid, before === undefined ? -Infinity : (before.get(uid) ?? nowMs)]));
    this.#firstSeenMs = seen;
    const { list, askedMs } = kubelet;
    const early = new Set(
      pods.flatMap(({ uid, namespace, name, isEnded }) =>
        isEnded !== true && (seen.get(uid) ?? nowMs) >= askedMs ? [`${namespace}/${name}`] : [],
      ),
    );
    if (early.size === 0 || list === undefined) return list;
    kubelet.refresh();
    return list.filter(({ namespace, pod }) => !early.has(`${namespace}/${pod}`));
  }

  #keep(
    found: ReadonlyMap<string, Owner>,
    devices: ReadonlySet<string>,
    pods: readonly Pod[],
  ): ReadonlyMap<string, Owner> {
    const living = new Set(pods.flatMap(({ uid, isEnded }) => (isEnded === true ? [] : [uid])));
    const kept = [...this.#owners].filter(
      ([address, { source, podUid }]) =>
        devices.has(address) && source === 'kubelet' && podUid !== undefined && living.has(podUid),
    );
    return new Map([...found, ...kept]);
  }

  /** One line when it is about another device than before. */
  #tell(conflicts: readonly OwnerConflict[]): void {
    const { metrics, log } = this.#deps;
    metrics.deviceConflicts.set(conflicts.length);
    const said = conflicts.map(({ pciAddress }) => pciAddress).join(' ');
    if (said === this.#conflicts) return;
    this.#conflicts = said;
    const [first] = conflicts;
    if (first === undefined) log.info('every device is of one pod alone again');
    else log.warn({ count: conflicts.length, first }, 'devices are said to be of several pods: they are given to none');
  }
}
