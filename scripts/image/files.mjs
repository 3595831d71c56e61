import {
  chmodSync,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Copies a file, or a link as it is. */
export function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else copyFileSync(from, to);
}

export function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Gives all that is below a directory the same modes and times, whoever made it and when: the same contents are the same layer. */
export function normalize(path, epochSeconds) {
  const found = lstatSync(path);
  if (found.isDirectory()) for (const name of readdirSync(path)) normalize(join(path, name), epochSeconds);
  if (!found.isSymbolicLink()) chmodSync(path, found.isDirectory() || found.mode & 0o111 ? 0o755 : 0o644);
  lutimesSync(path, epochSeconds, epochSeconds);
}
