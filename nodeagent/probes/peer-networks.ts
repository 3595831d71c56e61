import { Backoff } from '../../runtime/backoff.js';
import { KubeError } from '../../runtime/kube/api.js';
import { withQuery } from '../../runtime/kube/list-pages.js';
import { errorMessage } from '../../runtime/logger.js';
import { offByStatus } from '../followed-state.js';
import type { SourceOff, SourceStates } from '../source-states.js';
import type { EndpointPod } from './endpoint-pods.js';
import type { PodRef } from '../endpoints/endpoint-slice.js';
import { Followed, type FollowDeps } from '../endpoints/followed.js';
import {
  addressesOn,
  decodePodNetworks,
  namespacesOf,
  problemsOf,
  type NetworkNamespaces,
  type NetworkProblem,
  type PodNetworks,
} from './pod-networks.js';

export interface PeerNetworksDeps extends FollowDeps {
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The addresses of peers may be others now. */
  readonly onChange: () => void;
}

const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const TIMEOUT_MS = 10_000;
/** An interface can be plugged into a pod that runs. Half as much again or as little, so that agents started together do not ask together. */
const RECHECK_MS = 300_000;
const BACKOFF = { firstMs: 10_000, maxMs: 300_000 } as const;

/**
 * The addresses of the agents' pods on secondary networks, as their annotations have them. Only where this agent's own pod is on one
 * are the others' pods followed: where there are no such networks, it costs a request every few minutes.
 */
export class PeerNetworks {
  readonly #deps: PeerNetworksDeps;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  #asking: Promise<void> | undefined;
  /** Pod that was asked for last, and when it is asked for again. */
  #asked = '';
  #nextMs = -Infinity;
  /** Why the last answer was none. */
  #problem: unknown;
  /** Those of this agent's pod; undefined before that is known. */
  #own: NetworkNamespaces | undefined;
  #following:
    { readonly path: string; readonly pods: Followed<PodNetworks>; readonly stop: AbortController } | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: PeerNetworksDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff({ ...BACKOFF, random: deps.random });
  }

  /**
   * To be called again and again: does what is due, and tells how it stands.
   * @param own undefined while this node is not among the endpoints
   * @param selector of the agents' pods; empty where none is known
   */
  update(own: EndpointPod | undefined, selector: Readonly<Record<string, string>>): void {
    if (this.#stop.signal.aborted) return;
    const pod = own?.pod;
    if (own !== undefined && pod !== undefined) {
      this.#askDue(own, pod);
      this.#follow(pod.namespace, selector);
    }
    this.#tell(pod !== undefined);
  }

  /** By network; of a pod that nothing is known of nothing. */
  addressesOf(pod: PodRef | undefined): ReadonlyMap<string, readonly string[]> {
    const known = pod && this.#following?.pods.items?.get(`${pod.namespace}/${pod.name}`);
    if (known === undefined || this.#own === undefined || (pod?.uid !== '' && pod?.uid !== known.uid)) return NOTHING;
    return addressesOn(known, this.#own);
  }

  /** How many pods have networks that are not dialled although they might be meant to, by reason. */
  problems(): ReadonlyMap<NetworkProblem, number> {
    const counts = new Map<NetworkProblem, number>();
    for (const pod of this.#following?.pods.items?.values() ?? []) {
      for (const reason of problemsOf(pod, this.#own ?? NOTHING_OWN)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return counts;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#asking, this.#running]);
  }

  #askDue(own: EndpointPod, pod: PodRef): void {
    const isOther = own.identity !== this.#asked;
    if (this.#asking !== undefined || (!isOther && this.#deps.clock.monotonicMs() < this.#nextMs)) return;
    if (isOther) this.#backoff.reset();
    this.#asked = own.identity;
    const addresses = own.addresses.map(({ host }) => host);
    this.#asking = this.#ask(pod, addresses).finally(() => (this.#asking = undefined));
  }

  /** Does not throw. What was known stays where it fails. */
  async #ask(pod: PodRef, ownAddresses: readonly string[]): Promise<void> {
    const { clock, random } = this.#deps;
    try {
      this.#own = namespacesOf(await this.#read(pod), ownAddresses);
      this.#problem = undefined;
      this.#backoff.reset();
      this.#nextMs = clock.monotonicMs() + RECHECK_MS * (0.5 + random());
      this.#deps.onChange();
    } catch (error) {
      this.#problem = error;
      this.#nextMs = clock.monotonicMs() + this.#backoff.next();
    }
  }

  /** @throws {KubeError} */
  async #read({ namespace, name, uid }: PodRef): Promise<PodNetworks> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
    const request = {
      method: 'GET',
      path,
      accept: METADATA,
      signal: this.#stop.signal,
      timeoutMs: TIMEOUT_MS,
    } as const;
    const found = decodePodNetworks(await this.#deps.api.request(request));
    if (found !== undefined && (uid === '' || uid === found.uid)) return found;
    throw new KubeError(`GET ${path}: the answer is not the pod of the endpoint`, 404, '');
  }

  /** While the Service is away its pods are followed as before. */
  #follow(namespace: string, selector: Readonly<Record<string, string>>): void {
    if (this.#own === undefined) return;
    const path = this.#own.size === 0 ? undefined : podsPath(namespace, selector);
    if (path === this.#following?.path || (path === undefined && this.#own.size > 0)) return;
    this.#following?.stop.abort();
    this.#following = undefined;
    this.#deps.onChange();
    if (path === undefined) return;
    const { onChange } = this.#deps;
    const options = { path, isMetadataOnly: true, decode: decodePodNetworks, onChange };
    const pods = new Followed(options, this.#deps);
    const stop = new AbortController();
    this.#following = { path, pods, stop };
    const running = pods.run(AbortSignal.any([stop.signal, this.#stop.signal]));
    this.#running = Promise.all([this.#running, running]).then(() => undefined);
  }

  #tell(isListed: boolean): void {
    const { state, problem } = this.#following?.pods ?? {};
    if (state !== undefined) this.#say(state, problem);
    else if (this.#following !== undefined) return;
    else if (this.#problem !== undefined) this.#say(reasonOf(this.#problem), errorMessage(this.#problem));
    else if (!isListed) this.#say('not_found', 'no pod of this node is among the endpoints of the Service');
    else if (this.#own?.size === 0) this.#say('not_needed', "this agent's pod has no address on a secondary network");
    else if (this.#own !== undefined) this.#say('not_found', 'no selector of the Service is known');
  }

  #say(state: SourceOff | 'up', detail: string | undefined): void {
    if (state === 'up') this.#deps.states.up('peer-networks');
    else this.#deps.states.off('peer-networks', state, detail);
  }
}

const NOTHING: ReadonlyMap<string, readonly string[]> = new Map();
const NOTHING_OWN: NetworkNamespaces = new Map();

/** Undefined without a selector, which would be all pods of the namespace. */
function podsPath(namespace: string, selector: Readonly<Record<string, string>>): string | undefined {
  const terms = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  if (terms.length === 0) return undefined;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  return withQuery(path, { labelSelector: terms.sort().join(',') });
}

function reasonOf(error: unknown): SourceOff {
  if (!(error instanceof KubeError)) return 'failed';
  return error.statusCode === 404 ? 'not_found' : offByStatus(error.statusCode);
}
