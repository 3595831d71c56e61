import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseCpuList } from '../../nodeagent/sysfs/cpu-list.js';
import { missing } from './requirements.js';

const ROOT = '/sys/fs/cgroup';

/** The hierarchy of this machine in which cgroups can have sets of CPUs: of v1, else of v2. */
function realHierarchy(): string | undefined {
  const v1 = join(ROOT, 'cpuset');
  if (existsSync(join(v1, 'cpuset.cpus'))) return v1;
  return [ROOT, join(ROOT, 'unified')].find((path) => {
    const controllers = join(path, 'cgroup.subtree_control');
    return existsSync(controllers) && readFileSync(controllers, 'utf8').split(/\s/).includes('cpuset');
  });
}

/** Like missing(), for what real sets of CPUs need. */
export function missingCpusets(): string | false {
  const reason = missing('root') || whyNone();
  if (reason !== false && process.env['CI'] === 'true') throw new Error(reason);
  return reason;
}

function whyNone(): string | false {
  const hierarchy = realHierarchy();
  if (hierarchy === undefined) return 'needs the cpuset controller in a cgroup hierarchy';
  return cpusOf(hierarchy).length < 2 && 'needs two CPUs';
}

function cpusOf(path: string): readonly number[] {
  const file = ['cpuset.cpus.effective', 'cpuset.cpus'].map((name) => join(path, name)).find((one) => existsSync(one));
  return file === undefined ? [] : (parseCpuList(readFileSync(file, 'utf8')) ?? []);
}

/** Real cgroups without processes, with sets of CPUs; they go at the end of a test. */
export class CpusetBed implements Disposable {
  /** What a cgroup tree has as its root. */
  readonly root: string;
  /** Of the machine. */
  readonly cpus: readonly number[];
  readonly #made: string[] = [];

  /** @param prefix short, and no other test's */
  constructor(prefix: string) {
    const hierarchy = realHierarchy();
    if (hierarchy === undefined) throw new Error('there is no cpuset controller');
    this.cpus = cpusOf(hierarchy);
    this.root = join(hierarchy, prefix);
    this.#make(this.root);
  }

  /** A cgroup and those above it, which have all CPUs. @param cpus its own, as a list */
  add(cgroup: string, cpus?: string): void {
    const names = cgroup.split('/');
    for (let depth = 1; depth <= names.length; depth++) this.#make(join(this.root, ...names.slice(0, depth)));
    if (cpus !== undefined) writeFileSync(join(this.root, cgroup, 'cpuset.cpus'), cpus);
  }

  [Symbol.dispose](): void {
    for (const path of this.#made.reverse()) rmdirSync(path);
  }

  #make(path: string): void {
    if (existsSync(path)) return;
    mkdirSync(path);
    this.#made.push(path);
    // of v1 a cgroup begins with no CPU, and one below it cannot have more; of v2 it hands the controller down
    if (existsSync(join(path, 'cpuset.cpus.effective'))) writeFileSync(join(path, 'cgroup.subtree_control'), '+cpuset');
    else writeFileSync(join(path, 'cpuset.cpus'), this.cpus.join(','));
  }
}
