import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { ProcTooLargeError } from './errors.js';

/** No file read whole is larger on any machine we know of; a routing table of the whole internet is. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const INITIAL_BUFFER_BYTES = 64 * 1024;
/** Of a file of which the first lines are enough. */
const START_BYTES = INITIAL_BUFFER_BYTES;

/**
 * The only file of this folder that touches the disk. `root` is /proc, the host's mount of it, or a test's tree.
 *
 * Reads are synchronous: the kernel answers from memory, and a read through libuv's pool costs seven times as much CPU
 * (measured: 20 against 150 µs a file). Errors are those of the system, unwrapped.
 */
export class ProcFs {
  readonly #root: string;
  #buffer = Buffer.allocUnsafe(INITIAL_BUFFER_BYTES);

  constructor(root: string) {
    this.#root = root;
  }

  /** Ids of all processes, ascending. */
  pids(): number[] {
    const names = readdirSync(this.#root);
    return names.flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])).sort((a, b) => a - b);
  }

  /** Names in a directory; none where it does not exist is the caller's to decide. */
  list(path: string): string[] {
    return readdirSync(this.#pathOf(path));
  }

  /** Tells network namespaces apart without any right: no ptrace access is asked for, unlike for ns/net. */
  netInode(pid: number | 'self'): number {
    return statSync(this.#pathOf(`${pid}/net/dev`)).ino;
  }

  /** Inode of the network namespace itself, as `ls -i /run/netns` shows it; needs ptrace access to the process. */
  netnsInode(pid: number): number | undefined {
    const match = /^net:\[(\d+)\]$/.exec(readlinkSync(this.#pathOf(`${pid}/ns/net`)));
    return match === null ? undefined : Number(match[1]);
  }

  /** @throws {ProcTooLargeError} */
  read(path: string): string {
    return this.#withFile(path, (file) => this.#readAll(file, path));
  }

  /** The lines of the first 64 KiB: for files that have what is asked for at the beginning, however long they are. */
  readStart(path: string): string {
    return this.#withFile(path, (file) => {
      const length = this.#fill(file, START_BYTES);
      const end = length < START_BYTES ? length : this.#buffer.lastIndexOf('\n', length - 1) + 1;
      return decode(this.#buffer.subarray(0, end));
    });
  }

  #readAll(file: number, path: string): string {
    let length = this.#fill(file, this.#buffer.length);
    while (length === this.#buffer.length) {
      if (length >= MAX_FILE_BYTES) throw new ProcTooLargeError(path, MAX_FILE_BYTES);
      this.#buffer = Buffer.concat([this.#buffer], length * 2);
      length = this.#fill(file, this.#buffer.length, length);
    }
    return decode(this.#buffer.subarray(0, length));
  }

  /** Thousands of times in a sweep: there is nothing in these to normalise. */
  #pathOf(path: string): string {
    return `${this.#root}/${path}`;
  }

  #withFile<T>(path: string, read: (file: number) => T): T {
    const file = openSync(this.#pathOf(path), 'r');
    try {
      return read(file);
    } finally {
      closeSync(file);
    }
  }

  /** Reads on behind `length` until the file ends or the buffer holds `wanted` bytes. @returns how many it holds */
  #fill(file: number, wanted: number, length = 0): number {
    while (length < wanted) {
      const read = readSync(file, this.#buffer, length, wanted - length, null);
      if (read === 0) break;
      length += read;
    }
    return length;
  }
}

/** UTF-8; in a line that is not, every byte outside ASCII is written `\xNN`, so that an interface keeps a name that can be sent. */
function decode(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf('\n', start);
    const end = newline < 0 ? bytes.length : newline + 1;
    const line = bytes.subarray(start, end);
    text += isUtf8(line) ? line.toString('utf8') : escapeBytes(line);
    start = end;
  }
  return text;
}

function escapeBytes(line: Buffer): string {
  return line.toString('latin1').replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}
