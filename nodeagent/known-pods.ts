import type { Logger } from '../runtime/logger.js';
import type { Pod } from './inventory/pod.js';
import type { Round } from './read-round.js';
import type { KnownPod } from './report/build.js';
import { limitPods } from './report/limit.js';
import type { SelfMetrics } from './self-metrics.js';

export interface KnownPodsDeps {
  readonly log: Logger;
  readonly metrics: Pick<SelfMetrics, 'cutPods'>;
}

/** The pods as they were last found and read, and which of them a report has room for. */
export class KnownPods {
  readonly #deps: KnownPodsDeps;
  #known = new Map<string, KnownPod>();
  #listed: readonly KnownPod[] = [];
  #reported: readonly KnownPod[] = [];
  #cut = '';

  constructor(deps: KnownPodsDeps) {
    this.#deps = deps;
  }

  /** Those that are listed, and those whose last sample is still to be taken or sent. */
  get all(): Iterable<KnownPod> {
    return this.#known.values();
  }

  get listed(): readonly KnownPod[] {
    return this.#listed;
  }

  /** Those that a report has room for. */
  get reported(): readonly KnownPod[] {
    return this.#reported;
  }

  /**
   * Takes over what a round over all pods found. A pod that was not read keeps the interfaces it had: they get no reading, and stay
   * known.
   * @param isKept of a pod that ended, or is no longer listed: it is to be reported once more as it was
   */
  update(
    pods: readonly Pod[],
    { readings: { interfaces: read }, skipped: reasons }: Pick<Round, 'readings' | 'skipped'>,
    isKept: (uid: string) => boolean,
  ): void {
    const before = this.#known;
    this.#known = new Map(
      pods.map((pod) => {
        const { uid } = pod;
        const metas = read.get(uid)?.map(({ meta }) => meta);
        const earlier = before.get(uid)?.interfaces;
        const isEnded = metas?.length === 0 && isKept(uid);
        const skipped = metas === undefined ? reasons.get(uid) : undefined;
        const interfaces = isEnded ? (earlier ?? metas) : (metas ?? earlier);
        return [uid, { pod, interfaces, ...(skipped !== undefined && { skipped }) }];
      }),
    );
    this.#listed = [...this.#known.values()];
    for (const [uid, known] of before) {
      if (!this.#known.has(uid) && isKept(uid)) this.#known.set(uid, known);
    }
    this.#limit();
  }

  #limit(): void {
    const { metrics, log } = this.#deps;
    const { pods, podsCut, interfacesCut } = limitPods([...this.#known.values()]);
    this.#reported = pods;
    metrics.cutPods.set({ what: 'pod' }, podsCut);
    metrics.cutPods.set({ what: 'interfaces' }, interfacesCut);
    const cut = `${podsCut} pods, and the interfaces of ${interfacesCut}`;
    if (cut === this.#cut || (this.#cut === '' && podsCut + interfacesCut === 0)) return;
    this.#cut = cut;
    log.warn({ podsCut, interfacesCut }, 'left out of the report, which has no room for them');
  }
}
