import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { SysfsUnfitError } from './errors.js';

/** An attribute is a page at most; the list of the CPUs of a node may be longer. */
const MAX_FILE_BYTES = 64 * 1024;
/** The least that the kernel gives of a file at once that has more (kernfs_file_read_iter): whatever is shorter is its end. */
const PAGE_BYTES = 4_096;
/** A machine with more PCI devices, or a device with more virtual functions, than this is not known: domains of 65,536 are rare. */
const MAX_ENTRIES = 65_536;

/** A FIFO that somebody put in the place of a file is not waited for. */
const TO_READ = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * The only file of this folder that touches the disk. `root` is /sys, the host's mount of it, or a test's tree. Synchronous, and with
 * the system's errors, as ProcFs is.
 */
export class SysFs {
  readonly #root: string;
  readonly #buffer = Buffer.allocUnsafe(MAX_FILE_BYTES + 1);

  constructor(root: string) {
    this.#root = root;
  }

  /** Names of the interfaces of the network namespace that this sysfs was mounted in. */
  netClass(): string[] {
    return readdirSync(join(this.#root, 'class/net'));
  }

  netClassEntries(interfaceName: string): string[] {
    return readdirSync(join(this.#root, 'class/net', interfaceName));
  }

  /**
   * Names in a directory. They are the kernel's, and no pod can add to them: listed at once, which costs a third of one by one (measured:
   * 7 against 21 µs).
   * @throws {SysfsUnfitError} there are too many: some of them alone would be taken for all
   */
  list(path: string): string[] {
    const names = readdirSync(this.#pathOf(path));
    if (names.length > MAX_ENTRIES) throw new SysfsUnfitError(path, `more than ${MAX_ENTRIES} entries`);
    return names;
  }

  /** Cheaper to ask first, of what most devices do not have, than to be told by an error. */
  exists(path: string): boolean {
    return existsSync(this.#pathOf(path));
  }

  /** A link to one is none. */
  isDirectory(path: string): boolean {
    return lstatSync(this.#pathOf(path), { throwIfNoEntry: false })?.isDirectory() ?? false;
  }

  /** The last name of the path that a link has in it, wherever that leads. */
  linkName(path: string): string {
    return basename(readlinkSync(this.#pathOf(path)));
  }

  /**
   * A small text file, whole.
   * @throws {SysfsUnfitError} it is no regular file, or larger than 64 KiB
   */
  read(path: string): string {
    return this.#read(path, TO_READ);
  }

  /** The same; a link in place of the file itself is ELOOP. */
  readUnlinked(path: string): string {
    return this.#read(path, TO_READ | constants.O_NOFOLLOW);
  }

  #read(path: string, flags: number): string {
    const file = openSync(this.#pathOf(path), flags);
    try {
      if (!fstatSync(file).isFile()) throw new SysfsUnfitError(path, 'not a file');
      let length = 0;
      for (;;) {
        const read = readSync(file, this.#buffer, length, this.#buffer.length - length, null);
        length += read;
        if (length > MAX_FILE_BYTES) throw new SysfsUnfitError(path, `larger than ${MAX_FILE_BYTES} bytes`);
        if (read < PAGE_BYTES) return this.#buffer.toString('utf8', 0, length);
      }
    } finally {
      closeSync(file);
    }
  }

  /** Thousands of times in a sweep: there is nothing in these to normalise. */
  #pathOf(path: string): string {
    return `${this.#root}/${path}`;
  }
}
