import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.js';
import { errorMessage } from '../../runtime/logger.js';
import { CniConfigCache } from './cni-config-cache.js';
import { readCniConfig, type Bad, type RangesByDirectory } from './cni-config-files.js';
import { CNI_NAME } from './cni-config.js';
import { HOST_LOCAL_FAMILIES, familiesOf, poolsOf, type NetworkTally } from './host-local-families.js';
import { eachEntry, isDenied, isMissing } from './host-local-fs.js';
import { createJudge } from './host-local-judge.js';
import { HostLocalNetwork } from './host-local-network.js';
import type { AddressOwners } from './host-local-owners.js';
import { tallyOf } from './host-local-tally.js';
import { IpamReadError, MAX_SAMPLES, type IpamReading, type IpamSource } from './source.js';

export interface HostLocalDeps {
  /** `--path.cni-networks`: a directory for each network, in it a file for each address that is given. */
  readonly networksPath: string;
  /** `--path.cni-conf`: where the CNI configuration of the node is. */
  readonly confPath: string;
  /** Undefined where nobody can tell whose addresses are (no list of pods): leaked addresses are not told then. */
  readonly owners: () => AddressOwners | undefined;
  readonly clock: Clock;
}

const MAX_ENTRIES = 4_096;
const MAX_NETWORKS = 256;
/** Addresses of all networks. */
const MAX_ADDRESSES = 131_072;
/** Of all networks. */
const MAX_RANGES = MAX_SAMPLES['host-local'] / HOST_LOCAL_FAMILIES;
/** Of one reading, for the ids in the files; the rest follows in the next ones. Some two seconds of a slow machine. */
const BUDGET = { looks: 16_384, reads: 2_048 } as const;

/**
 * What the CNI plugin host-local has given of its ranges: the files of its state, and the ranges of the CNI configuration. A network that
 * cannot be read whole is left out of all families.
 */
export function createHostLocalSource(deps: HostLocalDeps): IpamSource {
  const state = new HostLocalState(deps);
  return { name: 'host-local', read: (signal) => state.read(signal) };
}

class HostLocalState {
  readonly #deps: HostLocalDeps;
  readonly #cache: CniConfigCache;
  #networks = new Map<string, HostLocalNetwork>();

  constructor(deps: HostLocalDeps) {
    this.#deps = deps;
    this.#cache = new CniConfigCache(deps.networksPath);
  }

  async read(signal: AbortSignal): Promise<IpamReading> {
    const { networksPath, confPath } = this.#deps;
    const bad: Bad[] = [];
    const directories = await this.#directories(signal, bad);
    const config = await readCniConfig(confPath, networksPath, signal);
    bad.push(...config.bad);
    await this.#list([...directories, ...(await this.#nested(config.ranges))], signal, bad);
    const ranges = await this.#rangesOf(config.ranges, signal);
    const tallies = await this.#tally(ranges, signal, bad);
    return { families: familiesOf(tallies), leftOut: [], pools: poolsOf(tallies), bad };
  }

  /** @throws {IpamReadError} */
  async #directories(signal: AbortSignal, bad: Bad[]): Promise<string[]> {
    const { networksPath } = this.#deps;
    const names: string[] = [];
    try {
      const isWhole = await eachEntry(networksPath, { limit: MAX_ENTRIES, signal }, ({ name, kind }) => {
        if (kind === 'symlink') bad.push({ reason: 'symlink', message: `${name} is a symbolic link` });
        if (kind !== 'directory') return;
        if (CNI_NAME.test(name)) names.push(name);
        else bad.push({ reason: 'not_a_network', message: `${name} is no name of a network` });
      });
      if (!isWhole)
        bad.push({ reason: 'too_many_networks', message: `${networksPath}: more than ${MAX_ENTRIES} entries` });
    } catch (error) {
      signal.throwIfAborted();
      const reason = isMissing(error) ? 'not_found' : isDenied(error) ? 'not_permitted' : 'failed';
      throw new IpamReadError(reason, errorMessage(error), { cause: error });
    }
    return names.sort();
  }

  /** Those that a dataDir below the usual one leads to, without a symbolic link on the way. */
  async #nested(ranges: RangesByDirectory): Promise<string[]> {
    const { networksPath } = this.#deps;
    const root = await realpath(networksPath);
    const found: string[] = [];
    for (const directory of [...ranges.keys()].filter((one) => one.includes('/'))) {
      const real = await realpath(join(root, directory)).catch(() => undefined);
      if (real === join(root, directory)) found.push(directory);
    }
    return found;
  }

  /** What cannot be listed whole is left out. @throws {IpamReadError} where no network may be read */
  async #list(directories: readonly string[], signal: AbortSignal, bad: Bad[]): Promise<void> {
    const { networksPath, clock } = this.#deps;
    const listed = new Map<string, HostLocalNetwork>();
    const before = this.#networks;
    let addresses = 0;
    let denied: unknown;
    if (directories.length > MAX_NETWORKS)
      bad.push({ reason: 'too_many_networks', message: `${directories.length} networks, ${MAX_NETWORKS} are read` });
    for (const directory of directories.slice(0, MAX_NETWORKS)) {
      const network = before.get(directory) ?? new HostLocalNetwork(networksPath, directory, clock);
      try {
        await network.list(signal);
      } catch (error) {
        signal.throwIfAborted();
        if (isMissing(error)) continue;
        if (isDenied(error)) denied = error;
        bad.push({ reason: reasonFor(error), message: errorMessage(error) });
        continue;
      }
      addresses += network.reservations.size;
      if (addresses > MAX_ADDRESSES)
        bad.push({ reason: 'too_many_addresses', message: `network ${directory}: with it more than ${MAX_ADDRESSES}` });
      else if (network.isOne) listed.set(directory, network);
    }
    this.#networks = listed;
    if (denied !== undefined && listed.size === 0)
      throw new IpamReadError('not_permitted', errorMessage(denied), { cause: denied });
  }

  /** Of the node's own configuration, else of what libcni keeps. */
  async #rangesOf(configured: RangesByDirectory, signal: AbortSignal): Promise<RangesByDirectory> {
    const directories = [...this.#networks.keys()];
    const unknown = directories.filter((one) => !configured.has(one));
    const known = directories.filter((one) => configured.has(one));
    const cached = await this.#cache.rangesOf(unknown, known, this.#deps.clock.monotonicMs(), signal);
    return new Map([...cached, ...configured]);
  }

  async #tally(ranges: RangesByDirectory, signal: AbortSignal, bad: Bad[]): Promise<NetworkTally[]> {
    const { owners: ask, clock } = this.#deps;
    const networks = [...this.#networks.values()];
    const budget = { ...BUDGET };
    const isOwned = ask() !== undefined;
    for (const network of isOwned ? networks : []) await network.readFiles(budget, signal);
    // Asked again: reading took its time, and who has an address is to be known at least as of then.
    const owners = isOwned ? ask() : undefined;
    const judge = owners && (await createJudge(networks, owners));
    const time = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    const tallies: NetworkTally[] = [];
    let count = 0;
    for (const network of networks) {
      signal.throwIfAborted();
      const { directory } = network;
      bad.push(...network.bad);
      const tally = await tallyOf(network, ranges.get(directory), judge, time);
      count += tally.length;
      if (count > MAX_RANGES)
        bad.push({ reason: 'too_many_ranges', message: `network ${directory}: with it more than ${MAX_RANGES}` });
      else tallies.push({ network: directory, ranges: tally });
    }
    return tallies;
  }
}

function reasonFor(error: unknown): string {
  if (error instanceof RangeError) return 'not_whole';
  return isDenied(error) ? 'not_permitted' : 'unreadable';
}
