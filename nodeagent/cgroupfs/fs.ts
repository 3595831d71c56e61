import { closeSync, existsSync, openSync, opendirSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lookAt } from './errors.js';

/** Of one cgroup. More pods than a node may have, or containers than a pod may, by far. */
const MAX_CHILDREN = 8_192;
/** Of a file. Of cgroup.procs: some eight thousand processes, of which the first are the ones wanted. */
const MAX_BYTES = 64 * 1024;
/** Linux has fourteen controllers of v1. */
const MAX_HIERARCHIES = 32;

/** Where a process of a pod is in any case, first those that no installation leaves out. */
const PREFERRED = ['pids', 'memory', 'cpu', 'cpu,cpuacct', 'systemd', 'unified'];

/**
 * v2: what the cgroup may use, then what it was given, which is empty of one that has none of its own. v1: what it was given; where that
 * was nothing, what it may use nonetheless.
 * @see Linux kernel/cgroup/cpuset.c and cpuset-v1.c
 */
const CPUSET_FILES = ['cpuset.cpus.effective', 'cpuset.cpus', 'cpuset.effective_cpus'];

/** What has been asked of the kernel: it must not grow with the number of processes on the node. */
export interface CgroupFsCounts {
  /** Directories listed. */
  lists: number;
  /** cgroup.procs read. */
  reads: number;
  /** Sets of CPUs read. */
  cpusets: number;
}

/**
 * The only file of this folder that touches the disk. `root` is /sys/fs/cgroup, the host's mount of it, or one hierarchy. A path is
 * relative to it. Synchronous, and with the system's errors, as ProcFs is.
 */
export class CgroupFs {
  readonly root: string;
  readonly counts: CgroupFsCounts = { lists: 0, reads: 0, cpusets: 0 };
  readonly #buffer = Buffer.allocUnsafe(MAX_BYTES);

  constructor(root: string) {
    this.root = root;
  }

  /** The hierarchies there are: '' alone where root is one (cgroup v2), else a folder for each of cgroup v1 and `unified`. */
  hierarchies(): string[] {
    if (existsSync(join(this.root, 'cgroup.procs'))) return [''];
    const names = readdirSync(this.root).filter((name) => existsSync(join(this.root, name, 'cgroup.procs')));
    return names.sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MAX_HIERARCHIES);
  }

  /** The one of them whose cgroups have sets of CPUs; undefined where none may. Whether they do, their files tell. */
  cpusetHierarchy(): string | undefined {
    const names = this.hierarchies();
    const ofV1 = names.find((name) => name.split(',').includes('cpuset'));
    return ofV1 ?? names.find((name) => name === '' || name === 'unified');
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
    const length = this.#read(path, 'cgroup.procs');
    return this.#buffer.toString('latin1', 0, this.#buffer.subarray(0, length).lastIndexOf('\n') + 1);
  }

  /** The CPUs of a cgroup as the kernel lists them; empty where it has no such file, or a list longer than 64 KiB. */
  cpus(path: string): string {
    this.counts.cpusets++;
    for (const file of CPUSET_FILES) {
      const length = lookAt(() => this.#read(path, file));
      if (typeof length !== 'number' || length === MAX_BYTES) continue;
      const list = this.#buffer.toString('latin1', 0, length).trim();
      if (list !== '') return list;
    }
    return '';
  }

  #read(path: string, name: string): number {
    const file = openSync(join(this.root, path, name), 'r');
    try {
      let length = 0;
      while (length < MAX_BYTES) {
        const read = readSync(file, this.#buffer, length, MAX_BYTES - length, null);
        if (read === 0) break;
        length += read;
      }
      return length;
    } finally {
      closeSync(file);
    }
  }
}

function rankOf(hierarchy: string): number {
  const at = PREFERRED.indexOf(hierarchy);
  return at < 0 ? PREFERRED.length : at;
}
