import { closeSync, existsSync, openSync, opendirSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Of one cgroup. More pods than a node may have, or containers than a pod may, by far. */
const MAX_CHILDREN = 8_192;
/** Of cgroup.procs: some eight thousand processes, of which the first are the ones wanted. */
const PROCS_BYTES = 64 * 1024;
/** Linux has fourteen controllers of v1. */
const MAX_HIERARCHIES = 32;

/** Where a process of a pod is in any case, first those that no installation leaves out. */
const PREFERRED = ['pids', 'memory', 'cpu', 'cpu,cpuacct', 'systemd', 'unified'];

/** What has been asked of the kernel: it must not grow with the number of processes on the node. */
export interface CgroupFsCounts {
  /** Directories listed. */
  lists: number;
  /** cgroup.procs read. */
  reads: number;
}

/**
 * The only file of this folder that touches the disk. `root` is /sys/fs/cgroup, the host's mount of it, or one hierarchy. A path is
 * relative to it. Synchronous, and with the system's errors, as ProcFs is.
 */
export class CgroupFs {
  readonly root: string;
  readonly counts: CgroupFsCounts = { lists: 0, reads: 0 };
  readonly #buffer = Buffer.allocUnsafe(PROCS_BYTES);

  constructor(root: string) {
    this.root = root;
  }

  /** The hierarchies there are: '' alone where root is one (cgroup v2), else a folder for each of cgroup v1 and `unified`. */
  hierarchies(): string[] {
    if (existsSync(join(this.root, 'cgroup.procs'))) return [''];
    const names = readdirSync(this.root).filter((name) => existsSync(join(this.root, name, 'cgroup.procs')));
    return names.sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MAX_HIERARCHIES);
  }

  /** Names of the cgroups in a cgroup. */
  children(path: string): string[] {
    this.counts.lists++;
    const directory = opendirSync(join(this.root, path), { bufferSize: 256 });
    try {
      const names: string[] = [];
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        if (entry.isDirectory() && names.push(entry.name) >= MAX_CHILDREN) break;
      }
      return names;
    } finally {
      directory.closeSync();
    }
  }

  /** The whole lines among the first 64 KiB of cgroup.procs. */
  procs(path: string): string {
    this.counts.reads++;
    const file = openSync(join(this.root, path, 'cgroup.procs'), 'r');
    try {
      let length = 0;
      while (length < PROCS_BYTES) {
        const read = readSync(file, this.#buffer, length, PROCS_BYTES - length, null);
        if (read === 0) break;
        length += read;
      }
      return this.#buffer.toString('latin1', 0, this.#buffer.subarray(0, length).lastIndexOf('\n') + 1);
    } finally {
      closeSync(file);
    }
  }
}

function rankOf(hierarchy: string): number {
  const at = PREFERRED.indexOf(hierarchy);
  return at < 0 ? PREFERRED.length : at;
}
