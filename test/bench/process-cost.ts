import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc/<pid>/stat: user and system time, and those of children that were waited for, in 1/100 s (proc_pid_stat(5), 14 to 17). */
const TIMES = 14 - 3; // fields behind the name begin with the third
const MS_PER_TICK = 10;

/** What a process has used of the machine, as the kernel has it. */
export interface ProcessCost {
  /** User and system, since its start, milliseconds in steps of ten. */
  readonly cpuMs: number;
  /** The same of its children that have ended. */
  readonly childrenCpuMs: number;
  readonly rssMiB: number;
  /** What it would give back if it ended: without what it shares with other processes of the same program. */
  readonly anonymousMiB: number;
  readonly files: number;
}

export function processCost(pid: number): ProcessCost {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user = NaN, system = NaN, childrenUser = NaN, childrenSystem = NaN] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(TIMES)
    .map(Number);
  const memory = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return {
    cpuMs: (user + system) * MS_PER_TICK,
    childrenCpuMs: (childrenUser + childrenSystem) * MS_PER_TICK,
    rssMiB: kibIn(memory, 'Rss') / 1024,
    anonymousMiB: kibIn(memory, 'Anonymous') / 1024,
    files: readdirSync(`/proc/${pid}/fd`).length,
  };
}

function kibIn(text: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? NaN);
}
