/**
 * Parses cgroup.procs.
 *
 * The kernel writes pids as the reader's pid namespace has them. A process that is in none of its own is `0` in v2, and left out in v1
 * (measured on Linux 6.18), so that an agent without the node's pid namespace reads nothing that it could use.
 * @returns in the order of the file: of v1 by pid, of v2 by the time they came
 * @see Linux kernel/cgroup/cgroup.c, cgroup_procs_show(), and cgroup-v1.c, pidlist_array_load()
 */
export function parseProcs(text: string): number[] {
  const numbers = text.split('\n').flatMap((line) => (/^\d{1,10}$/.test(line) ? [Number(line)] : []));
  return [...new Set(numbers)].filter((pid) => pid > 0); // v2 may tell a process twice while it is moved
}
