import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const CLONE_NEWNET = 0x4000_0000; // linux/sched.h
const OWN_NETNS = '/proc/thread-self/ns/net';

const setns = koffi.load('libc.so.6').func('int setns(int fd, int nstype)') as (fd: number, type: number) => number;

/**
 * Does something in another network namespace: a socket or a device made there stays there, and is this process' all the same.
 * The thread is what enters it, so that nothing may be waited for: `act` has to have made everything when it returns.
 * @param netns file of the namespace, as `/run/netns/<name>` or `/proc/<pid>/ns/net`
 */
export function withinNetns<T>(netns: string, act: () => T): T {
  const own = openSync(OWN_NETNS, 'r');
  try {
    const wanted = openSync(netns, 'r');
    try {
      enter(wanted);
      try {
        return act();
      } finally {
        enter(own);
      }
    } finally {
      closeSync(wanted);
    }
  } finally {
    closeSync(own);
  }
}

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`setns: errno ${koffi.errno()}`);
}
