import { basename, dirname, join } from 'node:path';
import { parseCachedCniConfig, parseCniConfig, type CniConfig } from './cni-config.js';
import { MAX_CONFIG_BYTES, directoryOf, type RangesByDirectory } from './cni-config-files.js';
import { filesIn, forEach, lookAtFile, readStart } from './host-local-fs.js';
import type { IpRange } from './ip-range.js';

/** Where configuration is kept that is not in the directory of the node's own, below the parent of --path.cni-networks. */
const CACHES: readonly { path: string; parse: (text: string) => CniConfig; isNamed: boolean }[] = [
  // of libcni, for a container runtime: <network>-<container id>-<interface>
  { path: 'results', parse: parseCachedCniConfig, isNamed: true },
  // of libcni, for Multus (its cniDir): what comes from NetworkAttachmentDefinitions
  { path: 'multus/results', parse: parseCachedCniConfig, isNamed: true },
  // of flannel: what it hands on, by container id
  { path: 'flannel', parse: (text) => parseCniConfig(text), isNamed: false },
];
const MAX_FILES = 16_384;
/** Of a network, or of flannel: of these the newest is wanted. */
const MAX_CANDIDATES = 256;
/** The newest may be of a network whose name begins with this one's. */
const MAX_READ = 4;
/** What a network is told changes when its pods are made anew. */
const REREAD_MS = 60_000;

/**
 * Ranges of networks that the node's own configuration does not have: those of NetworkAttachmentDefinitions, and of flannel. Each pod's
 * is kept as it was; the newest is taken. Nothing is told of a network that is in none of them.
 */
export class CniConfigCache {
  readonly #networksPath: string;
  #ranges: RangesByDirectory = new Map();
  #asked = new Set<string>();
  #readMs = -Infinity;

  constructor(networksPath: string) {
    this.#networksPath = networksPath;
  }

  /**
   * @param directories of networks, from --path.cni-networks on
   * @param others networks that are known already: what is theirs is not looked at
   * @param nowMs monotonic
   */
  async rangesOf(
    directories: readonly string[],
    others: readonly string[],
    nowMs: number,
    signal: AbortSignal,
  ): Promise<RangesByDirectory> {
    const isFresh = nowMs - this.#readMs < REREAD_MS && directories.every((one) => this.#asked.has(one));
    if (directories.length === 0 || isFresh) return this.#ranges;
    const found = new Map<string, readonly IpRange[]>();
    for (const { path, parse, isNamed } of CACHES) {
      const wanted = directories.filter((one) => !found.has(one));
      if (wanted.length === 0) break;
      const files = await filesIn(join(dirname(this.#networksPath), path), MAX_FILES, signal);
      const groups = isNamed ? byNetwork(files, wanted, others) : [files];
      for (const group of groups) await this.#search(group, wanted, parse, found, signal);
    }
    this.#ranges = found;
    this.#asked = new Set(directories);
    this.#readMs = nowMs;
    return found;
  }

  /** In the newest of these files. */
  async #search(
    files: readonly string[],
    wanted: readonly string[],
    parse: (text: string) => CniConfig,
    found: Map<string, readonly IpRange[]>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const path of (await newestFirst(files, signal)).slice(0, MAX_READ)) {
      signal.throwIfAborted();
      for (const section of await sectionsIn(path, parse)) {
        const directory = directoryOf(section, this.#networksPath);
        if (directory !== undefined && wanted.includes(directory) && !found.has(directory))
          found.set(directory, section.ranges);
      }
    }
  }
}

/** The files of each network that is wanted; one belongs to the longest name that it begins with. */
function byNetwork(files: readonly string[], wanted: readonly string[], others: readonly string[]): string[][] {
  const groups = new Map<string, string[]>(wanted.map((directory) => [basename(directory), []]));
  const names = [...groups.keys(), ...others.map((one) => basename(one))].sort((a, b) => b.length - a.length);
  for (const file of files) {
    const network = names.find((name) => basename(file).startsWith(`${name}-`));
    if (network !== undefined) groups.get(network)?.push(file);
  }
  return [...groups.values()];
}

async function newestFirst(files: readonly string[], signal: AbortSignal): Promise<string[]> {
  const times = new Map<string, number>();
  await forEach(files.slice(0, MAX_CANDIDATES), signal, async (path) => {
    const modifiedMs = await lookAtFile(path).then(
      (file) => file.modifiedMs,
      () => undefined, // its pod has just gone
    );
    if (modifiedMs !== undefined) times.set(path, modifiedMs);
  });
  return [...times].sort(([, a], [, b]) => b - a).map(([path]) => path);
}

/** None where it is not what it ought to be: another program's, or just being written. */
async function sectionsIn(path: string, parse: (text: string) => CniConfig): Promise<CniConfig['sections']> {
  try {
    const { text, isWhole } = await readStart(path, MAX_CONFIG_BYTES);
    return isWhole ? parse(text).sections : [];
  } catch {
    return [];
  }
}
