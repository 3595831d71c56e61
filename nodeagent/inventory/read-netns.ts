import type { SkipReason } from '../../openapi/report-terms.js';
import { isDenied, isGone } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseStartTime } from '../procfs/process.js';
import type { Netns, NetnsProcess } from './pod.js';

export interface NetnsReaderDeps {
  readonly procfs: ProcFs;
  /** Told of a process that is not what it was taken for. */
  readonly onMoved?: (pid: number) => void;
}

/**
 * Reads through the first process that still is in the namespace. It is looked at before and after: what was read while it moved, or
 * while its pid went to another process, is another's and is not returned.
 * @param read through files below /proc/<pid>; what it throws but "gone" and "denied" is thrown on
 */
export function readInNetns<T>(
  { inode, processes }: Netns,
  { procfs, onMoved }: NetnsReaderDeps,
  read: (pid: number) => T,
): { readonly value: T } | SkipReason {
  let reason: SkipReason = 'process_gone';
  for (const process of processes) {
    const { pid } = process;
    try {
      if (procfs.netInode(pid) === inode) {
        const value = read(pid);
        if (procfs.netInode(pid) === inode && isSame(process, procfs)) return { value };
      }
      onMoved?.(pid);
    } catch (error) {
      if (isDenied(error)) reason = 'not_readable';
      else if (!isGone(error)) throw error;
    }
  }
  return reason;
}

function isSame({ pid, startMs }: NetnsProcess, procfs: ProcFs): boolean {
  return startMs === undefined || parseStartTime(procfs.read(`${pid}/stat`)) === startMs;
}
