import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.js';
import { CNI_NAME } from './cni-config.js';
import type { Bad } from './cni-config-files.js';
import {
  eachEntry,
  forEach,
  isDenied,
  isMissing,
  lookAtFile,
  readStart,
  type Entry,
  type FileVersion,
} from './host-local-fs.js';
import { parseIp, renderIp, type IpAddress } from './ip-range.js';

/** An address that is given, and what its file says of it. */
export interface Reservation {
  /** Of its file: the address as Go writes it. */
  readonly name: string;
  readonly address: IpAddress;
  /** Otherwise it is something that host-local takes for one: it only asks whether the name is there. */
  readonly isFile: boolean;
  /** Undefined: not read yet, or not readable. */
  content?: ReservationContent;
  /** The listing after which it was last looked at. */
  seenIn: number;
  /** Since when no living pod has been known to have it, monotonic. */
  orphanSinceMs?: number;
}

export interface ReservationContent {
  readonly version: FileVersion;
  /** Wall clock of the node. */
  readonly modifiedMs: number;
  /** Undefined: the file names none, as after a power failure. */
  readonly sandboxId: string | undefined;
}

/** How many files may be looked at (lstat) in one reading, and how many be read. */
export interface Budget {
  looks: number;
  reads: number;
}

/** Of one network: as many as a /16 has addresses. */
const MAX_FILES = 65_536;
/** Of a file: an id has 64 characters, the name of an interface 15. */
const MAX_BYTES = 256;
/** What host-local keeps besides (backend/disk/backend.go and lock.go). */
const LOCK = 'lock';
const LAST_RESERVED = 'last_reserved_ip.';
/** A change within the same tick of the file system's clock does not show; and some file systems' times do not move. */
const SETTLED_MS = 2_000;
const RELIST_MS = 60_000;
const AT_ONCE = 1_024;

/** The state of host-local for one network: a directory. Its listing is kept while it does not change, its files while they do not. */
export class HostLocalNetwork {
  /** From --path.cni-networks on. */
  readonly directory: string;
  /** Whether host-local has ever been here: other directories may lie beside. */
  isOne = false;
  /** Since when it has been watched whose the addresses are, monotonic. */
  watchedSinceMs: number | undefined;
  readonly #path: string;
  readonly #clock: Clock;
  #reservations = new Map<string, Reservation>();
  #bad: readonly Bad[] = [];
  #version: FileVersion = '';
  #listings = 0;
  #listedMs = -Infinity;

  constructor(networksPath: string, directory: string, clock: Clock) {
    this.directory = directory;
    this.#path = join(networksPath, directory);
    this.#clock = clock;
  }

  /** By name. */
  get reservations(): ReadonlyMap<string, Reservation> {
    return this.#reservations;
  }

  /** What is wrong in it. */
  get bad(): readonly Bad[] {
    return this.#bad;
  }

  /** Whether the file of an address has been looked at since the directory last changed. */
  isSeen({ seenIn }: Reservation): boolean {
    return seenIn === this.#listings;
  }

  /**
   * Lists it, unless it is as it was.
   * @throws {RangeError} it has more than MAX_FILES entries, or is no directory
   */
  async list(signal: AbortSignal): Promise<void> {
    const { version, modifiedMs, isDirectory } = await lookAtFile(this.#path);
    if (!isDirectory) throw new RangeError(`network ${this.directory}: not a directory any more`);
    const [nowMs, wallMs] = [this.#clock.monotonicMs(), this.#clock.wallMs()];
    if (version === this.#version && nowMs - this.#listedMs < RELIST_MS) return;
    const names = new Names();
    const found = new Map<string, Reservation>();
    const isWhole = await eachEntry(this.#path, { limit: MAX_FILES, signal }, (entry) => {
      const address = names.take(entry);
      if (address === undefined) return;
      const isFile = entry.kind === 'file';
      const before = this.#reservations.get(entry.name);
      found.set(entry.name, before?.isFile === isFile ? before : { name: entry.name, address, isFile, seenIn: 0 });
    });
    if (!isWhole) throw new RangeError(`network ${this.directory}: more than ${MAX_FILES} files`);
    this.#reservations = found;
    this.isOne = names.isHostLocals || found.size > 0;
    this.#bad = names.bad(this.directory);
    if (version !== this.#version) this.#listings++;
    this.#listedMs = nowMs;
    this.#version = wallMs - modifiedMs >= SETTLED_MS ? version : '';
  }

  /** Looks at the files that may have changed, and reads those that are new, as far as the budget goes. */
  async readFiles(budget: Budget, signal: AbortSignal): Promise<void> {
    let isRefused = false;
    await forEach(await this.#unseen(budget), signal, async (reservation) => {
      if (isRefused) return;
      try {
        await this.#lookAt(reservation, budget);
      } catch (error) {
        delete reservation.content;
        if (isMissing(error))
          this.#reservations.delete(reservation.name); // given back since it was listed
        else if (isDenied(error))
          isRefused = true; // and so are all others, which are of one user
        else reservation.seenIn = this.#listings;
      }
    });
  }

  async #lookAt(reservation: Reservation, budget: Budget): Promise<void> {
    const path = join(this.#path, reservation.name);
    const known = reservation.content?.version;
    if (known === undefined || (await lookAtFile(path)).version !== known) {
      delete reservation.content;
      delete reservation.orphanSinceMs;
      if (budget.reads <= 0) return;
      budget.reads--;
      const { text, version, modifiedMs } = await readStart(path, MAX_BYTES);
      reservation.content = { version, modifiedMs, sandboxId: sandboxIdOf(text) };
    }
    reservation.seenIn = this.#listings;
  }

  /** As many as there is a budget for. */
  async #unseen(budget: Budget): Promise<Reservation[]> {
    const unseen: Reservation[] = [];
    let { reads } = budget;
    let count = 0;
    for (const reservation of this.#reservations.values()) {
      if (++count % AT_ONCE === 0) await setImmediate();
      if (!reservation.isFile || this.isSeen(reservation)) continue;
      const isKnown = reservation.content !== undefined;
      if (isKnown ? budget.looks-- > 0 : reads-- > 0) unseen.push(reservation);
    }
    return unseen;
  }
}

/** Tells addresses from what else is in a directory, and keeps count of what should not be there. */
class Names {
  /** Whether host-local's own files are there. */
  isHostLocals = false;
  readonly #strange = new Map<string, { count: number; readonly first: string }>();

  /** @returns undefined for what is no address that is given */
  take({ name, kind }: Entry): IpAddress | undefined {
    if (name === LOCK || name.startsWith(LAST_RESERVED)) {
      this.isHostLocals = true;
      return undefined;
    }
    const address = parseIp(name);
    const isAddress = address !== undefined && renderIp(address) === name;
    // A directory may be another network's, whose dataDir is this one.
    if (!isAddress && kind !== 'directory') this.#count('not_an_address', name);
    if (isAddress && kind !== 'file') this.#count('not_a_file', name);
    return isAddress ? address : undefined;
  }

  bad(directory: string): Bad[] {
    return [...this.#strange].map(([reason, { count, first }]) => ({
      reason,
      message: `network ${directory}: ${count} of its entries, such as ${first}`,
    }));
  }

  #count(reason: string, name: string): void {
    const known = this.#strange.get(reason);
    if (known === undefined) this.#strange.set(reason, { count: 1, first: name });
    else known.count++;
  }
}

/** The first line: older versions of the plugin wrote no other. */
function sandboxIdOf(text: string): string | undefined {
  const id = (text.split('\n', 1)[0] ?? '').trim();
  return CNI_NAME.test(id) ? id : undefined;
}
