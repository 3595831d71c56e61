import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseContainerId } from '../procfs/process.js';
import type { Netns } from './pod.js';

const CONTAINER_ID_SHOWN = 12; // as docker ps shows it
const NAME_MAX = 63;

export interface NetnsNamesDeps {
  readonly procfs: ProcFs;
  /** Of /run/netns, by inode. */
  readonly names: ReadonlyMap<number, string>;
}

/** What `ip netns add` keeps in a directory: names by inode. Empty where there is none. */
export function readNetnsNames(directory: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const name of ifReadable(() => readdirSync(directory)) ?? []) {
    const inode = ifReadable(() => statSync(join(directory, name)).ino);
    if (inode !== undefined && !names.has(inode)) names.set(inode, name);
  }
  return names;
}

/**
 * A name for a network namespace: the one in /run/netns (to see whose it is needs root), else the container's id, else the
 * name and id of its oldest process. Made to fit where a pod's name goes.
 */
export function nameNetns(netns: Netns, { procfs, names }: NetnsNamesDeps): string {
  for (const pid of netns.pids) {
    const inode = names.size === 0 ? undefined : ifReadable(() => procfs.netnsInode(pid));
    const name = inode === undefined ? undefined : names.get(inode);
    if (name !== undefined) return podName(name);
    const container = ifReadable(() => parseContainerId(procfs.read(`${pid}/cgroup`)));
    if (container !== undefined) return container.slice(0, CONTAINER_ID_SHOWN);
    const comm = ifReadable(() => procfs.read(`${pid}/comm`).trim());
    if (comm !== undefined) return podName(`${comm}-${pid}`);
  }
  return `netns-${netns.inode}`;
}

/** Lower case letters, digits, `-` and `.`, alphanumeric at both ends, 63 characters. */
export function podName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .slice(0, NAME_MAX)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return name === '' ? 'unnamed' : name;
}
