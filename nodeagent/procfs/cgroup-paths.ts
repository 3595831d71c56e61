/**
 * The cgroups that a process is in, of /proc/<pid>/cgroup: one path for each hierarchy.
 *
 * A path is relative to the cgroup namespace of whoever reads: what is outside of it begins with `/..`, and where that is below the
 * root is not told.
 * @see cgroup_namespaces(7)
 */
export function parseCgroupPaths(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\d+:[^:]*:(\/.*)$/.exec(line);
    return match?.[1] === undefined ? [] : [match[1]];
  });
}

/**
 * In how many pid namespaces, from that of this procfs inwards, a process has a pid, of /proc/<pid>/status. Of the reader's own: 1 where
 * it shares the namespace that the procfs shows.
 * @returns undefined where the kernel does not say (before Linux 4.1)
 */
export function parsePidDepth(text: string): number | undefined {
  const pids = /^NSpid:((?:\t\d+)+)$/m.exec(text)?.[1];
  return pids?.split('\t').slice(1).length;
}
