import { setPriority } from 'node:os';

// In a cluster agents and clients are on other machines than the server: here they take what it leaves, then agents. A check can wait.
export const SERVER_NICE = -10;
export const CLIENTS_NICE = -5;
export const AGENTS_NICE = 10;
export const CHECKS_NICE = 19;

/** Of a process, or where the pid is 0 of this thread (setpriority(2)). To be less than 0 takes root: without it all stays as it is. */
export function setNice(pid: number, nice: number): void {
  try {
    setPriority(pid, nice);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_SYSTEM_ERROR')) throw error;
  }
}
