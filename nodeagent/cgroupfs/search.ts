import { isForPods, isUsualKey, podKeyOf } from './names.js';

/** The deepest known are kind's inside a pod: pods at eleven. */
const MAX_DEPTH = 12;
/** Cgroups of one hierarchy listed in one go. A node has a few hundred outside of its pods. */
const MAX_LISTED = 4_096;
/** Cgroups that hold pods: three by quality of service; many only where somebody else makes such names. */
const MAX_PARENTS = 64;

export interface Search {
  /** Names of the cgroups in one; empty where it cannot be listed. */
  readonly list: (path: string) => readonly string[];
  /** Path of the hierarchy's root. */
  readonly root: string;
  /** Keys of the pods that are looked for. */
  readonly asked: ReadonlySet<string>;
}

export interface Parents {
  readonly paths: readonly string[];
  /** How many of the pods looked for are in them. */
  readonly found: number;
}

/**
 * The cgroups in which pods have theirs, breadth first. What is inside a pod is another's to arrange: it is looked at only where none of
 * the pods was found outside, as in a node that is itself a pod.
 */
export function findParents(search: Search): Parents {
  const outside = walk(search, false);
  return outside.found > 0 || search.asked.size === 0 ? outside : walk(search, true);
}

function walk({ list, root, asked }: Search, isInsidePods: boolean): Parents {
  const paths: string[] = [];
  const found = new Set<string>();
  let level = [root];
  let listed = 0;
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: string[] = [];
    for (const path of kubernetesFirst(level)) {
      if (++listed > MAX_LISTED) break;
      let hasPods = isForPods(path);
      for (const name of list(path)) {
        const key = podKeyOf(name);
        if (key !== undefined && asked.has(key)) found.add(key);
        const isPod = key !== undefined && (asked.has(key) || isUsualKey(key));
        hasPods ||= isPod;
        if (!isPod || isInsidePods) next.push(`${path}/${name}`);
      }
      if (hasPods && paths.length < MAX_PARENTS) paths.push(path);
    }
    level = next;
  }
  return { paths, found: found.size };
}

/** What is left out beyond the limit is what is least likely to have pods. */
function kubernetesFirst(paths: readonly string[]): string[] {
  const isLikely = (path: string): boolean => path.includes('kube');
  return [...paths.filter(isLikely), ...paths.filter((path) => !isLikely(path))];
}
