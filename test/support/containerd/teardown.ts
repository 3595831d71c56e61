import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { eventually } from '../programs.js';
import type { Places } from './config.js';
import { findLeftovers, type Leftovers, type Owner } from './leftovers.js';

const execute = promisify(execFile);

/**
 * Removes whatever a containerd that has ended left: shims (one whose pause was killed may stay), the processes of pods, mounts,
 * cgroups, links, sockets of shims, and its directory. Works also where nothing was ended in order.
 * @throws {Error} naming what could not be removed
 */
export async function removeLeftovers(owner: Owner, places: Places): Promise<void> {
  const sockets = shimSockets(places);
  await eventually(
    () => {
      const { pids } = findLeftovers(owner);
      pids.forEach(kill);
      return pids;
    },
    (pids) => pids.length === 0,
  );
  for (const target of findLeftovers(owner).mounts) await execute('umount', ['-l', target]);
  await eventually(() => removeRest(owner), isEmpty);
  for (const socket of sockets) await rm(socket, { force: true });
  await rm(places.directory, { recursive: true, force: true });
}

/** The pods' links go with their namespaces, a moment later. @returns what is there all the same */
async function removeRest(owner: Owner): Promise<Leftovers> {
  const { cgroups, links, files } = findLeftovers(owner);
  for (const directory of cgroups) await rmdir(directory).catch(unless('EBUSY', 'ENOENT')); // busy while a process of it is ending
  for (const link of links.filter((name) => name.startsWith(owner.prefix))) await execute('ip', ['link', 'del', link]);
  for (const file of files) await rm(file, { force: true });
  return findLeftovers(owner);
}

function isEmpty({ pids, mounts, cgroups, links, files }: Leftovers): boolean {
  return [pids, mounts, cgroups, links, files].every(({ length }) => length === 0);
}

function unless(...codes: readonly string[]): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    unless('ESRCH')(error as NodeJS.ErrnoException);
  }
}

/** A shim listens in a directory of all containerds of the machine; where, it writes into its bundle. */
function shimSockets({ state }: Places): string[] {
  const bundles = join(state, 'io.containerd.runtime.v2.task/k8s.io');
  if (!existsSync(bundles)) return [];
  return readdirSync(bundles).flatMap((id) => {
    const file = join(bundles, id, 'address');
    return existsSync(file)
      ? [
          readFileSync(file, 'utf8')
            .trim()
            .replace(/^unix:\/\//, ''),
        ]
      : [];
  });
}
