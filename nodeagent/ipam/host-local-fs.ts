import { constants } from 'node:fs';
import { lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../cgroupfs/errors.js';

/** A file, or a directory, as it was found: another one, or a changed one, has another. */
export type FileVersion = string;

export interface FileStart {
  /** The first bytes, up to the limit. */
  readonly text: string;
  readonly isWhole: boolean;
  readonly version: FileVersion;
  /** Wall clock of the node, milliseconds since 1970. */
  readonly modifiedMs: number;
}

export interface Entry {
  readonly name: string;
  /** What it is itself, not what a link leads to. */
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
}

/** A symbolic link leads out of the directory, perhaps; a FIFO would be waited for. */
const TO_READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What the disk may be asked at the same time: the threads of libuv are four, and others need them as well. */
const IN_PARALLEL = 2;
const ENTRIES_AT_ONCE = 256;

/** Why something cannot be read: the code of the system, `not_file` or `symlink`. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof RangeError) return 'not_file';
  const code = codeOf(error);
  return code === 'ELOOP' ? 'symlink' : code;
}

export function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(codeOf(error));
}

export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
}

/**
 * Reads the beginning of a regular file.
 * @throws {RangeError} it is none
 */
export async function readStart(path: string, maxBytes: number): Promise<FileStart> {
  const file = await open(path, TO_READ);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new RangeError(`${path} is not a file`);
    const buffer = Buffer.allocUnsafe(Math.min(stats.size, maxBytes) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const isWhole = length < buffer.length;
    const text = buffer.toString('utf8', 0, Math.min(length, maxBytes));
    return { text, isWhole, version: versionOf(stats), modifiedMs: stats.mtimeMs };
  } finally {
    await file.close();
  }
}

/** Without following it where it is a link. */
export async function lookAtFile(
  path: string,
): Promise<Pick<FileStart, 'version' | 'modifiedMs'> & { readonly isDirectory: boolean }> {
  const stats = await lstat(path);
  return { version: versionOf(stats), modifiedMs: stats.mtimeMs, isDirectory: stats.isDirectory() };
}

/**
 * Goes through the entries of a directory, however many there are.
 * @returns false where there are more than `limit`; those beyond were not looked at
 */
export async function eachEntry(
  path: string,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
  visit: (entry: Entry) => void,
): Promise<boolean> {
  let count = 0;
  for await (const entry of await opendir(path, { bufferSize: ENTRIES_AT_ONCE })) {
    if (++count > limit) return false;
    if (count % ENTRIES_AT_ONCE === 0) signal.throwIfAborted();
    visit({ name: entry.name, kind: kindOf(entry) });
  }
  return true;
}

/** Does something with each, some at the same time. */
export async function forEach<T>(
  items: Iterable<T>,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const workOn = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      signal.throwIfAborted();
      await work(next.value);
    }
  };
  await Promise.all(Array.from({ length: IN_PARALLEL }, workOn));
}

/** The names of the regular files of a directory, up to a number; none where there is no such directory or it is not ours to read. */
export async function filesIn(path: string, limit: number, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  try {
    await eachEntry(path, { limit, signal }, ({ name, kind }) => {
      if (kind === 'file') names.push(name);
    });
  } catch (error) {
    if (!isMissing(error) && !isDenied(error)) throw error;
  }
  return names.map((name) => join(path, name));
}

function versionOf(stats: {
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly size: number;
}): FileVersion {
  const { ino, mtimeMs, ctimeMs, size } = stats;
  return `${ino} ${mtimeMs} ${ctimeMs} ${size}`;
}

function kindOf(entry: {
  isFile: () => boolean;
  isDirectory: () => boolean;
  isSymbolicLink: () => boolean;
}): Entry['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}
