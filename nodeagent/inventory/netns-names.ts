import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseContainerId } from '../procfs/process.js';
import type { Netns } from './pod.js';

const CONTAINER_ID_SHOWN = 12; // as docker ps shows it
const NAME_MAX = 63;

/** A namespace that has a name, and lives without any process. */
export interface NamedNetns {
  readonly name: string;
  /** The same as long as it is the same namespace: its inode is not freed while it has a name, and another one is made later. */
  readonly identity: string;
}

export interface NetnsNamesDeps {
  readonly procfs: ProcFs;
  /** Of /run/netns, by inode. */
  readonly names: ReadonlyMap<number, NamedNetns>;
}

/** What `ip netns add` keeps in a directory: names by inode. Empty where there is none. */
export function readNetnsNames(directory: string): Map<number, NamedNetns> {
  const names = new Map<number, NamedNetns>();
  for (const name of ifReadable(() => readdirSync(directory)) ?? []) {
    const found = ifReadable(() => statSync(join(directory, name)));
    if (found === undefined || names.has(found.ino)) continue;
    names.set(found.ino, { name, identity: `${found.ino}-${found.ctimeMs}` });
  }
  return names;
}

/** The namespace as /run/netns has it; to see which it is needs root. */
export function findNamed(netns: Netns, { procfs, names }: NetnsNamesDeps): NamedNetns | undefined {
  if (names.size === 0) return undefined;
  for (const { pid } of netns.processes) {
    const inode = ifReadable(() => procfs.netnsInode(pid));
    if (inode !== undefined) return names.get(inode);
  }
  return undefined;
}

/**
 * A name for a network namespace: the one in /run/netns, else the container's id, else the name and id of its oldest process.
 * Made to fit where a pod's name goes.
 */
export function nameNetns(netns: Netns, named: NamedNetns | undefined, procfs: ProcFs): string {
  if (named !== undefined) return podName(named.name);
  for (const { pid } of netns.processes) {
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
