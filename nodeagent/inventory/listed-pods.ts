import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { Reflector, type ReflectorOptions } from '../../runtime/kube/reflector.js';
import { LogLimit } from '../../runtime/log-limit.js';
import type { Logger } from '../../runtime/logger.js';
import { followedState } from '../followed-state.js';
import type { SourceOff } from '../source-states.js';
import { withOwnCgroups } from './cgroup-uids.js';
import { decodeListedPod, type DecodedPod } from './decode-listed-pod.js';
import type { ListedPod } from './listed-pod.js';
import type { AnnotationProblem } from './network-status.js';

export interface ListedPodsOptions extends Pick<ReflectorOptions<DecodedPod>, 'backoff' | 'idleTimeoutMs'> {
  readonly api: KubeApi;
  /** Name of this node. */
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a list has become whole. */
  readonly onListed?: () => void;
  /** Told once of a pod that is no longer there. */
  readonly onGone?: (pod: ListedPod) => void;
  /** Told once of a pod that is being deleted, or whose containers have ended for good. */
  readonly onEnding?: (pod: ListedPod) => void;
}

/** More than a node has pods when all are told of at the start. */
const ANNOTATIONS_LOGGED_PER_SECOND = 500;

/** The pods of this node as the Kubernetes API has them. While it is away the last ones known stay; `ageMs` tells how old they are. */
export class ListedPods {
  readonly #options: ListedPodsOptions;
  readonly #reflector: Reflector<DecodedPod>;
  readonly #logLimit: LogLimit;
  /** By uid: a name goes from one pod to the next. */
  #pods = new Map<string, DecodedPod>();
  /** Uids by `<namespace>/<name>`. */
  readonly #uids = new Map<string, string>();
  /** What `pods` gives; undefined after a change. */
  #listed: readonly ListedPod[] | undefined;

  constructor(options: ListedPodsOptions) {
    const { api, node, clock, log, backoff, idleTimeoutMs } = options;
    this.#options = options;
    this.#logLimit = new LogLimit(clock, ANNOTATIONS_LOGGED_PER_SECOND);
    this.#reflector = new Reflector<DecodedPod>({
      ...{ api, clock, log },
      path: `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`,
      isStreamed: true,
      decode: (object) => decodeListedPod(object, node),
      sink: {
        replace: (items) => {
          this.#replace(items);
          options.onListed?.();
        },
        upsert: (key, decoded) => this.#upsert(key, decoded),
        remove: (key) => this.#remove(key),
      },
      ...(backoff !== undefined && { backoff }),
      ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    });
  }

  /** Follows the API until aborted, whatever it does. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reflector.run(signal);
  }

  /** Those last known, each once, also those that have ended. */
  pods(): Iterable<ListedPod> {
    this.#listed ??= withOwnCgroups([...this.#pods.values()].map(({ pod }) => pod));
    return this.#listed;
  }

  /** Whether the list has been whole once. */
  get isSynced(): boolean {
    return this.#reflector.isSynced;
  }

  /** Whether they are those of now, but for the last moments. */
  isCurrent(nowMs: number): boolean {
    return this.#reflector.isCurrent(nowMs);
  }

  /** Since the API last gave a sign of life; NaN before it first did. */
  ageMs(nowMs: number): number {
    return nowMs - (this.#reflector.lastContactMs ?? NaN);
  }

  /** Why it does not work; undefined while it does. */
  get problem(): string | undefined {
    return this.#reflector.problem;
  }

  /** The same for the state of the source; undefined before anything is known. */
  get state(): SourceOff | 'up' | undefined {
    return followedState(this.#reflector);
  }

  /** How many pods there are whose network annotation is not what it ought to be, by reason. */
  badAnnotations(): Map<AnnotationProblem, number> {
    const counts = new Map<AnnotationProblem, number>();
    for (const { badAnnotation } of this.#pods.values()) {
      for (const reason of badAnnotation?.reasons ?? []) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return counts;
  }

  #replace(items: ReadonlyMap<string, DecodedPod>): void {
    const before = this.#pods;
    this.#pods = new Map();
    this.#uids.clear();
    this.#listed = undefined;
    for (const [key, decoded] of items) this.#keep(key, decoded);
    for (const decoded of this.#pods.values()) this.#tell(decoded, before.get(decoded.pod.uid));
    for (const [uid, { pod }] of before) {
      if (!this.#pods.has(uid)) this.#options.onGone?.(pod);
    }
  }

  #upsert(key: string, decoded: DecodedPod): void {
    const { uid } = decoded.pod;
    if (this.#uids.get(key) !== uid) this.#remove(key);
    const before = this.#pods.get(uid);
    this.#keep(key, decoded);
    this.#tell(decoded, before);
  }

  #remove(key: string): void {
    const uid = this.#uids.get(key);
    const before = uid === undefined ? undefined : this.#pods.get(uid);
    this.#uids.delete(key);
    if (uid === undefined || before === undefined) return;
    this.#pods.delete(uid);
    this.#listed = undefined;
    this.#options.onGone?.(before.pod);
  }

  /** A uid is one pod: of two names for it, which no sound server has, the later stays. */
  #keep(key: string, decoded: DecodedPod): void {
    const { uid, namespace, name } = this.#pods.get(decoded.pod.uid)?.pod ?? decoded.pod;
    if (`${namespace}/${name}` !== key) this.#uids.delete(`${namespace}/${name}`);
    this.#pods.set(uid, decoded);
    this.#uids.set(key, uid);
    this.#listed = undefined;
  }

  #tell({ pod, badAnnotation }: DecodedPod, before: DecodedPod | undefined): void {
    if (isEnding(pod) && (before === undefined || !isEnding(before.pod))) this.#options.onEnding?.(pod);
    if (badAnnotation === undefined || badAnnotation.digest === before?.badAnnotation?.digest) return;
    if (!this.#logLimit.take()) return;
    const { namespace, name } = pod;
    const { reasons, excerpt } = badAnnotation;
    this.#options.log.warn(
      { namespace, pod: name, reasons: [...reasons], text: excerpt },
      'the network annotation of a pod is not what it ought to be',
    );
  }
}

function isEnding({ isTerminating, phase }: ListedPod): boolean {
  return isTerminating || phase === 'ended';
}
