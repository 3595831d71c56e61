import { withQuery } from '../../runtime/kube/list-pages.js';
import type { HostPort, ObjectName } from '../../runtime/options/kinds.js';
import { Repeating } from '../../runtime/repeating.js';
import type { SourceOff, SourceStates } from '../source-states.js';
import { decodeDialledService, type DialledService } from './dialled-service.js';
import { choosePods, identityOf, type EndpointPod } from './endpoint-pods.js';
import type { EndpointSlice } from '../endpoints/endpoint-slice.js';
import { Followed, followSlices, type FollowDeps } from '../endpoints/followed.js';
import { PeerNetworks } from './peer-networks.js';
import { DEFAULT_NETWORK, type Peer, type PeerList, type PeerSource } from './peers.js';

export interface KubernetesPeersDeps extends FollowDeps {
  /** Name of this node. */
  readonly node: string;
  /** `--dial.service`. */
  readonly service: ObjectName;
  /** Where an EndpointSlice names none. */
  readonly usualPort: number;
  readonly hasSecondaryNetworks: boolean;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** How often it is told how the sources stand; every second where nothing is said. */
  readonly tellEveryMs?: number;
  /** The API is asked no more. */
  readonly onClosed?: () => void;
}

interface Known {
  readonly list: PeerList;
  readonly byNode: ReadonlyMap<string, Peer>;
  readonly own: EndpointPod | undefined;
  readonly problems: ReadonlyMap<string, number>;
}

const TELL_MS = 1_000;
/**
 * One that is not ready has so long to become so; then it has failed. Of a node that failed before this agent was started nobody can tell
 * that its agent was ready once.
 */
const STARTING_MS = 120_000;
/** Pods that are no more are not forgotten at once: while slices are rearranged, a pod may be in none for a moment. */
const SPARE_IDENTITIES = 1_000;

/**
 * The agents behind a Service, as its EndpointSlices list them, and the Service itself. While the API is away the last ones known stay.
 */
export class KubernetesPeers implements PeerSource {
  readonly #deps: KubernetesPeersDeps;
  readonly #slices: Followed<EndpointSlice>;
  readonly #service: Followed<DialledService>;
  readonly #networks: PeerNetworks | undefined;
  readonly #stop = new AbortController();
  readonly #telling: Repeating;
  /** Monotonic times from which they are expected to answer, by identity; of those that were ready once -Infinity. */
  readonly #startedMs = new Map<string, number>();
  /** Undefined after a change. */
  #known: Known | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #loggedReasons = '';

  constructor(deps: KubernetesPeersDeps) {
    const { service, states } = deps;
    const change = (): void => void (this.#known = undefined);
    this.#deps = deps;
    const noteSlices = (slices: Iterable<EndpointSlice>): void => {
      change();
      this.#noteStarts(slices);
    };
    this.#slices = followSlices(service, noteSlices, followDeps(deps));
    const fieldSelector = `metadata.name=${service.name}`;
    const path = withQuery(`/api/v1/namespaces/${service.namespace}/services`, { fieldSelector });
    this.#service = new Followed({ path, decode: decodeDialledService, onChange: change }, followDeps(deps));
    if (deps.hasSecondaryNetworks) {
      this.#networks = new PeerNetworks({ ...followDeps(deps), states, random: deps.random, onChange: change });
    } else states.off('peer-networks', 'not_configured');
    this.#telling = new Repeating(() => {
      this.#tell();
      return Promise.resolve(deps.tellEveryMs ?? TELL_MS);
    });
  }

  /** Follows the API until closed, whatever it does. */
  start(): this {
    const { signal } = this.#stop;
    this.#running = Promise.all([this.#slices.run(signal), this.#service.run(signal)]);
    this.#telling.start();
    return this;
  }

  list(): PeerList | undefined {
    return this.#now()?.list;
  }

  isLive(node: string, { host, port }: HostPort): boolean {
    const addresses = this.#now()?.byNode.get(node)?.addresses.values() ?? [];
    return [...addresses].flat().some((one) => one.host === host && one.port === port);
  }

  /** Of what is needed: secondary networks may be missing. */
  get internalErrors(): number {
    return this.#slices.failures + this.#service.failures;
  }

  get leftOut(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>(this.#networks?.problems());
    const slices = [...(this.#slices.items?.values() ?? [])];
    for (const problems of [...slices.map((slice) => slice.problems), this.#now()?.problems ?? []]) {
      for (const [reason, count] of problems) counts.set(reason, (counts.get(reason) ?? 0) + count);
    }
    return counts;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#telling.close(), this.#running, this.#networks?.close()]);
    this.#deps.onClosed?.();
  }

  #now(): Known | undefined {
    const slices = this.#slices.items;
    if (slices === undefined) return undefined;
    this.#known ??= this.#build(slices);
    return this.#known;
  }

  #build(slices: ReadonlyMap<string, EndpointSlice>): Known {
    const { node, service, usualPort } = this.#deps;
    const { pods, problems } = choosePods(slices, usualPort);
    this.#forgetGone(slices, pods.length);
    const peers = pods.map((pod) => this.#peerOf(pod));
    const addresses = this.#dialledService?.addresses ?? [];
    const host = `${service.name}.${service.namespace}`;
    return {
      list: { peers, ...(addresses.length > 0 && { service: { host, addresses } }) },
      byNode: new Map(peers.map((peer) => [peer.node, peer])),
      own: pods.find((pod) => pod.node === node),
      problems,
    };
  }

  get #dialledService(): DialledService | undefined {
    const [service] = this.#service.items?.values() ?? [];
    return service;
  }

  #peerOf({ node, zone, identity, addresses, pod }: EndpointPod): Peer {
    const port = addresses[0]?.port ?? this.#deps.usualPort;
    const byNetwork = new Map<string, readonly HostPort[]>([[DEFAULT_NETWORK, addresses]]);
    for (const [network, hosts] of this.#networks?.addressesOf(pod) ?? []) {
      byNetwork.set(
        network,
        hosts.map((host) => ({ host, port })),
      );
    }
    const isStarted = (): boolean => this.#deps.clock.monotonicMs() >= (this.#startedMs.get(identity) ?? Infinity);
    return {
      ...{ node, zone, addresses: byNetwork },
      get isStarted() {
        return isStarted();
      },
    };
  }

  #noteStarts(slices: Iterable<EndpointSlice>): void {
    const latestMs = this.#deps.clock.monotonicMs() + STARTING_MS;
    for (const endpoint of [...slices].flatMap(({ endpoints }) => endpoints)) {
      const identity = identityOf(endpoint);
      if (endpoint.isServing) this.#startedMs.set(identity, -Infinity);
      else if (!this.#startedMs.has(identity)) this.#startedMs.set(identity, latestMs);
    }
  }

  #forgetGone(slices: ReadonlyMap<string, EndpointSlice>, count: number): void {
    if (this.#startedMs.size <= 2 * count + SPARE_IDENTITIES) return;
    const there = new Set([...slices.values()].flatMap(({ endpoints }) => endpoints.map(identityOf)));
    for (const identity of this.#startedMs.keys()) if (!there.has(identity)) this.#startedMs.delete(identity);
  }

  #tell(): void {
    const known = this.#now();
    if (known !== undefined) this.#networks?.update(known.own, this.#dialledService?.selector ?? {});
    this.#tellState(known);
    const leftOut = [...this.leftOut].sort(([a], [b]) => (a < b ? -1 : 1));
    const reasons = leftOut.map(([reason]) => reason).join();
    if (reasons === this.#loggedReasons) return;
    this.#loggedReasons = reasons;
    const { log, service } = this.#deps;
    if (reasons === '') return;
    log.warn({ ...service, ...Object.fromEntries(leftOut) }, 'not all that the Service lists can be dialled');
  }

  /** The first of the two that does not work. */
  #tellState(known: Known | undefined): void {
    const { namespace, name } = this.#deps.service;
    const failing = [this.#slices, this.#service].find(({ state }) => state !== 'up');
    if (failing !== undefined) this.#say(failing.state, failing.problem);
    else if (this.#dialledService !== undefined || (known?.list.peers.length ?? 0) > 0) this.#say('up');
    else this.#say('not_found', `there is no Service ${namespace}/${name}`);
  }

  #say(state: SourceOff | 'up' | undefined, detail?: string): void {
    if (state === 'up') this.#deps.states.up('peers');
    else if (state !== undefined) this.#deps.states.off('peers', state, detail);
  }
}

function followDeps({ api, clock, log, createBackoff, idleTimeoutMs }: FollowDeps): FollowDeps {
  return {
    ...{ api, clock, log },
    ...(createBackoff !== undefined && { createBackoff }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  };
}
