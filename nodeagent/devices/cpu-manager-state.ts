import { isRecord } from '../../runtime/kube/objects.js';
import { parseCpuList } from '../sysfs/cpu-list.js';

/** What the CPU manager of the kubelet has given away. */
export interface CpuManagerState {
  /** `static` gives CPUs to containers alone, `none` does not. */
  readonly policy: string;
  /** Those that all the other containers share. */
  readonly defaultCpus: ReadonlySet<number>;
  /** By uid of the pod as the kubelet has it (of a static pod not that of its mirror), by name of the container. */
  readonly entries: ReadonlyMap<string, CpusByName>;
  /** By id of the container: what old kubelets wrote instead. */
  readonly byContainerId: CpusByName;
}

export type CpusByName = ReadonlyMap<string, readonly number[]>;

/** Of all entries together: as many CPUs as Linux can be built for. */
const MAX_CPUS = 65_536;
const NONE: CpusByName = new Map();

/**
 * Parses the checkpoint of the CPU manager. Of its versions the first has entries by container id, the second by pod uid and container
 * name, the third besides it `podEntries`, the fourth besides that the same once more as a text in `data`.
 *
 * Its checksum is not verified: the kubelet replaces the file as a whole. Allocations that can be resized (KEP-5294) are written in a form
 * of their own that is in no release yet: it is refused rather than guessed.
 * @returns undefined where it has another shape; then nothing of it is to be believed
 * @see Kubernetes pkg/kubelet/cm/cpumanager/state/checkpoint.go
 */
export function parseCpuManagerState(text: string): CpuManagerState | undefined {
  const state = payloadOf(parseJson(text));
  const { policyName, defaultCpuSet, entries = {}, allocations = {} } = state ?? {};
  if (typeof policyName !== 'string' || typeof defaultCpuSet !== 'string' || !isRecord(entries)) return undefined;
  const defaultCpus = parseCpuList(defaultCpuSet);
  if (defaultCpus === undefined || !isRecord(allocations) || Object.keys(allocations).length > 0) return undefined;
  const shared = new Set(defaultCpus);
  const reader = new EntryReader(shared);
  const isFirst = Object.values(entries).some((value) => typeof value === 'string');
  if (isFirst) {
    const byContainerId = reader.read(entries);
    return byContainerId && { policy: policyName, defaultCpus: shared, entries: new Map(), byContainerId };
  }
  const byUid = new Map<string, CpusByName>();
  for (const [uid, containers] of Object.entries(entries)) {
    const byName = reader.read(containers);
    if (byName === undefined) return undefined;
    byUid.set(uid, byName);
  }
  return { policy: policyName, defaultCpus: shared, entries: byUid, byContainerId: NONE };
}

class EntryReader {
  readonly #shared: ReadonlySet<number>;
  #count = 0;

  constructor(shared: ReadonlySet<number>) {
    this.#shared = shared;
  }

  read(lists: unknown): CpusByName | undefined {
    if (!isRecord(lists)) return undefined;
    const byName = new Map<string, readonly number[]>();
    for (const [name, list] of Object.entries(lists)) {
      const cpus = typeof list === 'string' ? parseCpuList(list) : undefined;
      // one that is shared is no container's own, whatever its entry says
      if (cpus === undefined || cpus.some((cpu) => this.#shared.has(cpu))) return undefined;
      this.#count += cpus.length;
      if (this.#count > MAX_CPUS) return undefined;
      byName.set(name, cpus);
    }
    return byName;
  }
}

/** The fourth version repeats in its own fields what older kubelets are to find: `data` is what counts. */
function payloadOf(checkpoint: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(checkpoint)) return undefined;
  const { data } = checkpoint;
  const payload = typeof data === 'string' && data !== '' ? parseJson(data) : checkpoint;
  return isRecord(payload) ? payload : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
