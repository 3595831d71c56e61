import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { eventually } from '../programs.js';
import { placesIn, type Places } from './config.js';
import { findLeftovers, type Leftovers, type Owner } from './leftovers.js';

const execute = promisify(execFile);

/** In its directory: which process of tests it belongs to, and whether the machine forwarded packets: CNI plugins turn it on. */
const OWNER = 'owner.pid';
const FORWARDING = 'ip_forward';
const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

/**
 * Makes a directory the present process's, after removing what an earlier one left that was killed.
 * @throws {Error} while another process has the prefix
 */
export async function claim({ directory, prefix }: Owner): Promise<void> {
  const others = readdirSync(tmpdir()).filter((name) => name.startsWith(`${prefix}-`) && !directory.endsWith(name));
  for (const other of others.map((name) => join(tmpdir(), name))) {
    const pid = existsSync(join(other, OWNER)) ? readFileSync(join(other, OWNER), 'utf8') : '';
    if (pid !== '' && existsSync(`/proc/${pid}`)) throw new Error(`${prefix} is that of ${other}, of process ${pid}`);
    await removeLeftovers({ directory: other, prefix, links: new Set() }, placesIn(other));
  }
  await writeFile(join(directory, FORWARDING), readFileSync(IP_FORWARD));
  await writeFile(join(directory, OWNER), String(process.pid));
}

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
  const forwarding = join(places.directory, FORWARDING);
  if (existsSync(forwarding)) await writeFile(IP_FORWARD, readFileSync(forwarding));
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
