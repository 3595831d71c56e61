import { basename, extname, join, normalize } from 'node:path';
import { parseCniConfig, type HostLocalSection } from './cni-config.js';
import { doOverlap, type IpRange } from './ip-range.js';
import { eachEntry, isDenied, isMissing, readStart, whyUnreadable } from './host-local-fs.js';

export interface Bad {
  readonly reason: string;
  readonly message: string;
}

/** Ranges by the directory that host-local has their network's state in, from --path.cni-networks on: the name of the network, mostly. */
export type RangesByDirectory = ReadonlyMap<string, readonly IpRange[]>;

export const MAX_CONFIG_BYTES = 1024 * 1024;
const MAX_ENTRIES = 4_096;
const MAX_FILES = 64;
const EXTENSIONS = ['.conflist', '.conf', '.json'];
const DEFAULT_DATA_DIR = '/var/lib/cni/networks';

/**
 * Reads the CNI configuration of the node, in the order in which libcni looks a network up: the first file that says something of the
 * state of a network is the one that says it.
 * @see containernetworking/cni, libcni/conf.go, LoadNetworkConf()
 */
export async function readCniConfig(
  confPath: string,
  networksPath: string,
  signal: AbortSignal,
): Promise<{ ranges: RangesByDirectory; bad: readonly Bad[] }> {
  const ranges = new Map<string, readonly IpRange[]>();
  const bad: Bad[] = [];
  for (const path of await configFiles(confPath, signal, bad)) {
    signal.throwIfAborted();
    const sections = await sectionsOf(path, bad);
    for (const [directory, found] of groupByDirectory(sections, networksPath, path, bad)) {
      if (!ranges.has(directory)) ranges.set(directory, found);
    }
  }
  return { ranges, bad };
}

/**
 * The directory of a network's state, from --path.cni-networks on.
 * @returns undefined where it is elsewhere
 */
export function directoryOf({ network, dataDir }: HostLocalSection, networksPath: string): string | undefined {
  if (dataDir === undefined) return network;
  const given = withoutEnd(normalize(dataDir));
  const mounted = withoutEnd(normalize(networksPath));
  // The directory may be mounted elsewhere than it is on the node: /host/run/x is /run/x.
  const bases = mounted.split('/').map((_, i, parts) => `/${parts.slice(i + 1).join('/')}`);
  for (const base of [...bases.slice(0, -1), DEFAULT_DATA_DIR]) {
    if (given === base) return network;
    if (given.startsWith(`${base}/`)) return join(given.slice(base.length + 1), network);
  }
  return undefined;
}

/** Two sections of a file may be of one network, as in a chain. Of what overlaps the first is believed. */
function groupByDirectory(
  sections: readonly HostLocalSection[],
  networksPath: string,
  path: string,
  bad: Bad[],
): Map<string, IpRange[]> {
  const groups = new Map<string, IpRange[]>();
  for (const section of sections) {
    const directory = directoryOf(section, networksPath);
    if (directory === undefined) {
      const message = `${path}: the state of network ${section.network} is in ${section.dataDir ?? ''}, outside of ${networksPath}`;
      bad.push({ reason: 'data_dir_elsewhere', message });
      continue;
    }
    const known = groups.get(directory) ?? [];
    known.push(...section.ranges.filter((one) => !known.some((other) => doOverlap(one, other))));
    groups.set(directory, known);
  }
  return groups;
}

async function configFiles(confPath: string, signal: AbortSignal, bad: Bad[]): Promise<string[]> {
  const names: string[] = [];
  try {
    await eachEntry(confPath, { limit: MAX_ENTRIES, signal }, ({ name, kind }) => {
      if (kind !== 'directory' && EXTENSIONS.includes(extname(name))) names.push(name);
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!isMissing(error))
      bad.push({ reason: isDenied(error) ? 'config_not_permitted' : 'config_unreadable', message: confPath });
  }
  if (names.length > MAX_FILES) bad.push({ reason: 'too_many_configs', message: `${confPath}: ${names.length} files` });
  const isList = (name: string): boolean => extname(name) === '.conflist';
  const inOrder = names.sort((a, b) => Number(isList(b)) - Number(isList(a)) || (a < b ? -1 : 1));
  return inOrder.slice(0, MAX_FILES).map((name) => join(confPath, name));
}

async function sectionsOf(path: string, bad: Bad[]): Promise<readonly HostLocalSection[]> {
  try {
    const { text, isWhole } = await readStart(path, MAX_CONFIG_BYTES);
    if (!isWhole) {
      bad.push({ reason: 'config_too_large', message: `${path}: larger than ${MAX_CONFIG_BYTES} bytes` });
      return [];
    }
    const { sections, problems } = parseCniConfig(text);
    bad.push(...problems.map((problem) => ({ reason: 'bad_config', message: `${basename(path)}: ${problem}` })));
    return sections;
  } catch (error) {
    if (error instanceof SyntaxError) bad.push({ reason: 'bad_config', message: `${path}: ${error.message}` });
    else if (!isMissing(error))
      bad.push({
        reason: isDenied(error) ? 'config_not_permitted' : 'config_unreadable',
        message: `${path}: ${whyUnreadable(error)}`,
      });
    return [];
  }
}

function withoutEnd(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
