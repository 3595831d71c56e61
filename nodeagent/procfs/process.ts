import { ProcParseError } from './errors.js';

/** The kernel shows times in this unit, whatever its own tick is (Linux USER_HZ). */
const TICKS_PER_SECOND = 100;
const START_TIME = 22 - 3; // fields of stat count from 1; those behind the name begin with the third

/**
 * When a process started, of /proc/<pid>/stat.
 * @returns milliseconds since boot
 * @throws {ProcParseError}
 * @see proc_pid_stat(5), field 22
 */
export function parseStartTime(text: string): number {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ', START_TIME + 1); // the name may hold spaces and brackets
  const ticks = fields[START_TIME] ?? '';
  if (!/^\d+$/.test(ticks)) throw new ProcParseError('stat', 1, `no start time in field 22: "${ticks.slice(0, 40)}"`);
  return (Number(ticks) * 1_000) / TICKS_PER_SECOND;
}

/**
 * When the machine booted, of /proc/stat.
 * @returns milliseconds since 1970
 * @throws {ProcParseError}
 */
export function parseBootTime(text: string): number {
  const match = /^btime (\d+)$/m.exec(text);
  if (match === null) throw new ProcParseError('stat', 1, 'no btime');
  return Number(match[1]) * 1_000;
}

/**
 * The id of the container that a process is in, of /proc/<pid>/cgroup: 64 hex digits, as docker, containerd, CRI-O and podman
 * name their cgroups, with or without a prefix and `.scope`.
 * @returns undefined outside a container
 */
export function parseContainerId(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const path = line.split(':').slice(2).join(':');
    const match = /(?:^|[/-])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/.exec(path);
    if (match !== null) return match[1];
  }
  return undefined;
}

/**
 * Whether a pid of this procfs means the same process to the kernel when we say it, of /proc/self/status: NSpid lists our own pid in the
 * procfs' pid namespace and in each below it down to ours.
 * @see proc_pid_status(5)
 */
export function isOwnPidNamespace(text: string): boolean {
  return /^NSpid:[ \t]+\d+$/m.test(text);
}

const CAP_NET_ADMIN = 12n;

/** Whether the effective capabilities of /proc/self/status hold CAP_NET_ADMIN. */
export function hasNetAdmin(text: string): boolean {
  const match = /^CapEff:[ \t]+([0-9a-f]{1,16})$/m.exec(text);
  return match !== null && ((BigInt(`0x${match[1] ?? '0'}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}
