import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { ProcFs } from '../../nodeagent/procfs/fs.js';
import type { CgroupBed } from './cgroups.js';

/** A place for a process: a cgroup, and a namespace by its name in /run/netns. */
export interface Spot {
  readonly cgroup: string;
  readonly netns: string;
}

/** Starts a process that somebody else than this program reaps. @returns its pid */
export async function startReaped(bed: CgroupBed, { cgroup, netns }: Spot): Promise<number> {
  const script = `(read -r me _ < /proc/self/stat; echo $me > ${bed.pathOf(cgroup)}/cgroup.procs
    exec nsenter --net=/run/netns/${netns} sh -c 'echo ready; exec sleep 600') & wait`;
  bed.addCgroup(cgroup);
  const child = spawn('sh', ['-c', `${script}; exec sleep 600`], { stdio: ['ignore', 'pipe', 'inherit'] });
  bed.own(child);
  await once(child.stdout, 'data');
  const pids = execFileSync('cat', [`${bed.pathOf(cgroup)}/cgroup.procs`], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return Number(pids[0]);
}

/** Ends a process and has the kernel give its pid to one in another place, before it returns. @throws when it does not */
export function replaceProcess(bed: CgroupBed, pid: number, { cgroup, netns }: Spot): void {
  bed.addCgroup(cgroup);
  const script = `
    kill -9 ${pid}
    for i in $(seq 50); do
      while [ -d /proc/${pid} ]; do :; done
      echo ${pid - 1} > /proc/sys/kernel/ns_last_pid
      nsenter --net=/run/netns/${netns} sleep 600 >&- 2>&- &
      if [ $! = ${pid} ]; then
        echo ${pid} > ${bed.pathOf(cgroup)}/cgroup.procs
        until [ "$(cat /proc/${pid}/comm)" = sleep ]; do :; done
        exit 0
      fi
      kill -9 $!; wait $!
    done
    exit 1`;
  execFileSync('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 20_000 });
}

/** The real procfs, in which something happens right before the namespace of a process is looked at for the first time. */
export class InterruptedProcFs extends ProcFs {
  readonly #pid: number;
  #interrupt: (() => void) | undefined;

  constructor(pid: number, interrupt: () => void) {
    super('/proc');
    this.#pid = pid;
    this.#interrupt = interrupt;
  }

  override netInode(pid: number | 'self'): number {
    if (pid === this.#pid) {
      const interrupt = this.#interrupt;
      this.#interrupt = undefined;
      interrupt?.();
    }
    return super.netInode(pid);
  }
}
