import type { Logger } from '../../runtime/logger.js';

export interface NetnsClaims {
  readonly uid: string;
  /** Of the pod, for the log. */
  readonly namespace: string;
  readonly name: string;
  /** Inode of the network namespace that the processes of the pod's cgroups are in; undefined where they tell none. */
  readonly byCgroups: number | undefined;
  /** Of the one that the container runtime names. */
  readonly byCri: number | undefined;
}

/** Two sources that name different network namespaces for one pod: told once a pod, and again when it is another disagreement. */
export class Disagreements {
  readonly #log: Logger;
  /** What was told last, by uid. */
  readonly #told = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Pods that they disagree about. */
  get size(): number {
    return this.#told.size;
  }

  /** @returns whether they agree, or one of them says nothing */
  check({ uid, namespace, name, byCgroups, byCri }: NetnsClaims): boolean {
    if (byCgroups === undefined || byCri === undefined) return true;
    const claims = `${byCgroups} ${byCri}`;
    const told = this.#told.get(uid);
    if (byCgroups === byCri) {
      if (this.#told.delete(uid)) this.#log.info({ namespace, pod: name }, 'the runtime and the cgroups agree again');
      return true;
    }
    if (told !== claims) {
      this.#told.set(uid, claims);
      this.#log.warn(
        { namespace, pod: name, uid, byCgroups, byCri },
        'the runtime and the cgroups name different network namespaces',
      );
    }
    return false;
  }

  /** Forgets the pods that are not among these. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#told.keys()) {
      if (!uids.has(uid)) this.#told.delete(uid);
    }
  }
}
