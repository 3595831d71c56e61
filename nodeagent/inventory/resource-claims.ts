import { Backoff } from '../../runtime/backoff.js';
import type { Clock } from '../../runtime/clock.js';
import { KubeError, type KubeApi } from '../../runtime/kube/api.js';
import { errorMessage } from '../../runtime/logger.js';
import { spelledPciAddress, type HeldDevice, type KnownClaims, type WatchedDevice } from '../devices/claims.js';
import type { SourceOff, SourceStates } from '../source-states.js';
import type { DecodedClaim, GivenDevice } from './decode-resource-claim.js';
import type { ListedPod } from './listed-pod.js';
import { ResourceApi } from './resource-api.js';
import { ResourceSlices } from './resource-slices.js';

export interface ResourceClaimsDeps {
  readonly api: KubeApi;
  /** Name of this node. */
  readonly node: string;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type ClaimingPod = Pick<ListedPod, 'namespace' | 'uid' | 'phase' | 'resourceClaims'>;

/** Far more than the pods of a node have. */
const MAX_CLAIMS = 4_096;
/** They share the connections of the list of pods, which must not wait for them. */
const IN_PARALLEL = 2;
/** Between two requests for a claim that is not all there yet. */
const BACKOFF = { firstMs: 15_000, maxMs: 300_000 } as const;
/** After a refusal. */
const REFUSED_MS = 600_000;
const NOT_PERMITTED = [401, 403];
const NOT_SERVED = 404;

interface Claim {
  readonly namespace: string;
  readonly name: string;
  /** Of living pods that name it. */
  podUids: ReadonlySet<string>;
  /** Undefined before the first answer. */
  decoded?: DecodedClaim;
  readonly backoff: Backoff;
  nextMs: number;
}

/**
 * What the ResourceClaims of the pods of this node say of its VFs. Each is asked for by its name: when a pod names it, and again while
 * it is not reserved for the pod, or a VF of it has no network data. A watch of all claims of a cluster from every node would cost the API
 * the square of the nodes. A node without VFs, or without claims, asks nothing.
 */
export class ResourceClaims {
  readonly #deps: ResourceClaimsDeps;
  readonly #api: ResourceApi;
  readonly #slices: ResourceSlices;
  readonly #stop = new AbortController();
  /** By `<namespace>/<name>`. */
  #claims = new Map<string, Claim>();
  /** Namespaces in which claims may not be read, and until when they are not asked for. */
  readonly #refusedUntilMs = new Map<string, number>();
  #virtualFunctions: ReadonlySet<string> = new Set();
  #running: Promise<void> | undefined;
  /** What failed last, until it goes through. */
  #problems: { readonly claims?: unknown; readonly slices?: unknown } = {};

  constructor(deps: ResourceClaimsDeps) {
    const { api, node, clock } = deps;
    this.#deps = deps;
    this.#api = new ResourceApi(api);
    this.#slices = new ResourceSlices({ clock, list: (signal) => this.#api.slices(node, signal) });
  }

  /**
   * What is known now; what is not yet is asked for meanwhile, for the next call.
   * @param virtualFunctions PCI addresses of those of the node: no other device matters
   */
  known(pods: Iterable<ClaimingPod>, virtualFunctions: ReadonlySet<string>): KnownClaims {
    this.#virtualFunctions = virtualFunctions;
    this.#want(virtualFunctions.size === 0 ? [] : pods);
    const held: HeldDevice[] = [];
    const watched: WatchedDevice[] = [];
    for (const { namespace, name: claim, podUids, decoded } of this.#claims.values()) {
      const reservedFor = decoded?.reservedFor.filter((uid) => podUids.has(uid)) ?? [];
      for (const { driver, pool, device, isWatched, interfaceName } of decoded?.devices ?? []) {
        if (isWatched) watched.push({ driver, pool, device, namespace, claim });
        else {
          const named = interfaceName !== undefined && { interfaceName };
          for (const podUid of reservedFor) held.push({ driver, pool, device, podUid, ...named });
        }
      }
    }
    this.#askDue();
    return { held, watched, pciAddressOf: (device) => this.#slices.pciAddressOf(device) };
  }

  /** Resolves when nothing is being asked for. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Claims go with the pods that name them. */
  #want(pods: Iterable<ClaimingPod>): void {
    const wanted = new Map<string, { readonly namespace: string; readonly name: string; readonly uids: Set<string> }>();
    for (const { namespace, uid, phase, resourceClaims = [] } of pods) {
      if (phase === 'ended') continue;
      for (const name of resourceClaims) {
        const key = `${namespace}/${name}`;
        const before = wanted.get(key);
        if (before !== undefined) before.uids.add(uid);
        else if (wanted.size < MAX_CLAIMS) wanted.set(key, { namespace, name, uids: new Set([uid]) });
      }
    }
    if (wanted.size === 0) this.#deps.states.off('resource-claims', 'not_needed', 'no pod needs it');
    if (wanted.size === 0 && this.#claims.size === 0) return;
    this.#claims = new Map(
      [...wanted].map(([key, { namespace, name, uids }]) => [
        key,
        this.#renew(this.#claims.get(key), namespace, name, uids),
      ]),
    );
  }

  /** Another pod that names it has to be in its status, too. */
  #renew(before: Claim | undefined, namespace: string, name: string, podUids: ReadonlySet<string>): Claim {
    if (before !== undefined && [...podUids].every((uid) => before.podUids.has(uid))) {
      before.podUids = podUids;
      return before;
    }
    const backoff = new Backoff({ ...BACKOFF, random: this.#deps.random });
    return {
      namespace,
      name,
      podUids,
      backoff,
      nextMs: -Infinity,
      ...(before?.decoded && { decoded: before.decoded }),
    };
  }

  #askDue(): void {
    if (this.#running !== undefined || this.#stop.signal.aborted) return;
    for (const [namespace, untilMs] of this.#refusedUntilMs) {
      if (this.#deps.clock.monotonicMs() >= untilMs) this.#refusedUntilMs.delete(namespace);
    }
    const due = [...this.#claims.values()].filter((claim) => this.#isDue(claim));
    const isSliceDue = this.#claims.size > 0 && this.#slices.isDue;
    if (due.length === 0 && !isSliceDue) return;
    this.#running = this.#ask(due).finally(() => (this.#running = undefined));
  }

  #isDue(claim: Claim): boolean {
    return this.#deps.clock.monotonicMs() >= claim.nextMs && !this.#isRefused(claim) && !this.#isWhole(claim);
  }

  #isRefused({ namespace }: Claim): boolean {
    return this.#deps.clock.monotonicMs() < (this.#refusedUntilMs.get(namespace) ?? -Infinity);
  }

  /** Nothing more is to be expected of it. */
  #isWhole({ podUids, decoded }: Claim): boolean {
    if (decoded === undefined) return false;
    const { reservedFor, devices } = decoded;
    return (
      [...podUids].every((uid) => reservedFor.includes(uid)) &&
      devices.every((one) => one.isWatched || one.hasNetworkData || !this.#isVirtualFunction(one))
    );
  }

  #isVirtualFunction(device: GivenDevice): boolean {
    const address = this.#slices.pciAddressOf(device) ?? spelledPciAddress(device.device);
    return address !== undefined && this.#virtualFunctions.has(address);
  }

  /** Does not throw. */
  async #ask(due: readonly Claim[]): Promise<void> {
    const failures: unknown[] = [];
    const next = due.values();
    const askSome = async (): Promise<void> => {
      for (const claim of next) {
        if (this.#stop.signal.aborted) return;
        if (!this.#isRefused(claim)) await this.#askOne(claim).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: IN_PARALLEL }, askSome));
    const [failure] = failures;
    const { claims: before, slices } = this.#problems;
    const isAsBefore = due.length === 0 || [...this.#claims.values()].some((claim) => this.#isRefused(claim));
    this.#problems = {
      claims: failure ?? (isAsBefore ? before : undefined),
      slices: this.#slices.isDue ? await this.#askSlices() : slices,
    };
    this.#tell();
  }

  async #askOne(claim: Claim): Promise<void> {
    const { namespace, name, backoff } = claim;
    try {
      const decoded = await this.#api.claim(namespace, name, this.#stop.signal);
      claim.decoded = decoded ?? { reservedFor: [], devices: [] };
      if (claim.decoded.devices.length > 0) this.#slices.noteGiven();
      for (const device of claim.decoded.devices) this.#slices.pciAddressOf(device);
    } catch (error) {
      if (isRefusal(error)) this.#refusedUntilMs.set(namespace, this.#deps.clock.monotonicMs() + REFUSED_MS);
      throw error;
    } finally {
      claim.nextMs = this.#deps.clock.monotonicMs() + backoff.next();
    }
  }

  /** @returns why it failed */
  async #askSlices(): Promise<unknown> {
    try {
      await this.#slices.refresh(this.#stop.signal);
      return undefined;
    } catch (error) {
      if (isRefusal(error)) this.#slices.pause(REFUSED_MS);
      return error;
    }
  }

  #tell(): void {
    if (this.#stop.signal.aborted || this.#claims.size === 0) return;
    const { states } = this.#deps;
    const problem = this.#problems.claims ?? this.#problems.slices;
    if (problem === undefined) states.up('resource-claims');
    else states.off('resource-claims', reasonOf(problem), errorMessage(problem));
  }
}

function isRefusal(error: unknown): boolean {
  const { statusCode } = error instanceof KubeError ? error : {};
  return statusCode !== undefined && [...NOT_PERMITTED, NOT_SERVED].includes(statusCode);
}

function reasonOf(error: unknown): SourceOff {
  if (!(error instanceof KubeError)) return 'failed';
  if (error.statusCode === undefined) return 'unreachable';
  if (NOT_PERMITTED.includes(error.statusCode)) return 'not_permitted';
  return error.statusCode === NOT_SERVED ? 'unsupported' : 'failed';
}
