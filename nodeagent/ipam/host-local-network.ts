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

  /** By the name of the file, which is the address as Go writes it. */
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
      found.set(entry.name, before?.isFile === isFile ? before : { address, isFile, seenIn: 0 });
    });
    if (!isWhole) throw new RangeError(`network ${this.directory}: more than ${MAX_FILES} files`);
    this.#reservations = found;
    this.isOne = names.isHostLocals || found.size > 0;
    this.#bad = names.bad(this.directory);
    this.#listings++;
    this.#listedMs = nowMs;
    this.#version = wallMs - modifiedMs >= SETTLED_MS ? version : '';
  }

  /**
   * Looks at the files that may have changed, and reads those that are new.
   * @param budget how many may be read
   * @returns how many were
   */
  async readFiles(budget: number, signal: AbortSignal): Promise<number> {
    const state = { left: budget, isDenied: false };
    await forEach(await this.#unseen(), signal, async ([name, reservation]) => {
      if (state.isDenied) return;
      try {
        await this.#lookAt(name, reservation, state);
      } catch (error) {
        delete reservation.content;
        if (isMissing(error))
          this.#reservations.delete(name); // given back since it was listed
        else if (isDenied(error))
          state.isDenied = true; // and so are all others, which are of one user
        else reservation.seenIn = this.#listings;
      }
    });
    return budget - state.left;
  }

  async #lookAt(name: string, reservation: Reservation, state: { left: number }): Promise<void> {
    const path = join(this.#path, name);
    const known = reservation.content?.version;
    if (known === undefined || (await lookAtFile(path)).version !== known) {
      delete reservation.content;
      delete reservation.orphanSinceMs;
      if (state.left <= 0) return;
      state.left--;
      const { text, version, modifiedMs } = await readStart(path, MAX_BYTES);
      reservation.content = { version, modifiedMs, sandboxId: sandboxIdOf(text) };
    }
    reservation.seenIn = this.#listings;
  }

  async #unseen(): Promise<[string, Reservation][]> {
    const unseen: [string, Reservation][] = [];
    let count = 0;
    for (const entry of this.#reservations) {
      if (entry[1].isFile && !this.isSeen(entry[1])) unseen.push(entry);
      if (++count % AT_ONCE === 0) await setImmediate();
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
