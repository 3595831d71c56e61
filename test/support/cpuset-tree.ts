import { SysfsTree } from './sysfs-tree.js';

/** Content of the cgroups of a tree, by path; those above them are made like the kernel's. */
export interface CpusetTreeOptions {
  /** Such as `cpuset` of v1, `unified`, or the root itself of v2. */
  readonly hierarchy?: 'cpuset' | 'unified' | '';
  /** Of each cgroup. */
  readonly file?: 'cpuset.cpus' | 'cpuset.cpus.effective' | 'cpuset.effective_cpus';
  /** By path of the cgroup; an empty set is none of its own. */
  readonly cgroups: Readonly<Record<string, string>>;
}

/** A cgroup tree in a temporary directory, by the sets of CPUs in it. */
export function cpusetTree({ hierarchy = '', file = 'cpuset.cpus.effective', cgroups }: CpusetTreeOptions): SysfsTree {
  const tree = SysfsTree.empty();
  const at = (path: string): string => (hierarchy === '' ? path : `${hierarchy}/${path}`);
  tree.write(at('cgroup.procs'), '');
  for (const [cgroup, list] of Object.entries(cgroups)) tree.write(at(`${cgroup}/${file}`), `${list}\n`);
  return tree;
}
