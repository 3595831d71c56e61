/**
 * ENODEV: the cgroup was removed while its file was open. EOPNOTSUPP: a threaded cgroup (v2) has no cgroup.procs to read; its
 * processes are told by the domain it is in.
 * @see Linux kernel/cgroup/cgroup.c, cgroup_procs_show()
 */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'EOPNOTSUPP']);
const DENIED = new Set(['EACCES', 'EPERM']);

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What a cgroup says; undefined where there is none (any more); `denied` where it is not ours to look at. */
export function lookAt<T>(look: () => T): T | 'denied' | undefined {
  try {
    return look();
  } catch (error) {
    if (ABSENT.has(codeOf(error))) return undefined;
    if (DENIED.has(codeOf(error))) return 'denied';
    throw error;
  }
}
