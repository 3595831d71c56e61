import type { Workload } from '../../openapi/node-report.js';
import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseBootTime, parseStartTime } from '../procfs/process.js';
import { nameNetns } from './netns-names.js';
import type { NetnsScan } from './netns-scan.js';
import type { Attachment, Netns, Pod, PodSource } from './pod.js';

/** What somebody knows of a namespace besides what the kernel tells. */
export interface NetnsDescription {
  readonly labels: Readonly<Record<string, string>>;
  readonly workload?: Workload;
  readonly attachments: ReadonlyMap<string, Attachment>;
}

export interface NetnsPodsDeps {
  readonly procfs: ProcFs;
  readonly scan: NetnsScan;
  readonly bootId: string;
  readonly runNetns: string;
  /** By name of the namespace. */
  readonly describe?: (name: string) => NetnsDescription | undefined;
}

const NAMESPACE = 'default';
/** The pod that stands for the machine's own network namespace. */
const HOST = 'host';
const INIT = 1;

/**
 * Every network namespace with a process in it, as a pod of the namespace `default`; the machine's own is the pod `host`. A
 * namespace keeps the name it got when it was first seen. The uid is the boot id and the inode. The kernel gives the lowest inode
 * that is free, so one that is made right after another went has its inode: it is known by having none of its processes, and its
 * uid counts on.
 */
export function createNetnsPods({ procfs, scan, bootId, runNetns, describe }: NetnsPodsDeps): PodSource {
  const known = new Map<number, Pod>();
  /** How often an inode has been seen on another namespace. */
  const reuses = new Map<number, number>();
  const bootedMs = parseBootTime(procfs.read('stat'));

  function createPod(netns: Netns, hostInode: number | undefined): Pod {
    const isHost = netns.inode === hostInode;
    const name = isHost ? HOST : uniqueName(nameNetns(netns, { procfs, runNetns }), netns.inode);
    const description = describe?.(name);
    return {
      namespace: NAMESPACE,
      name,
      uid: [bootId, netns.inode, ...(reuses.has(netns.inode) ? [reuses.get(netns.inode)] : [])].join('-'),
      creationTimestamp: new Date(bootedMs + oldestStartMs(procfs, netns.pids)).toISOString(),
      labels: { ...description?.labels },
      ...(description?.workload !== undefined && { workload: description.workload }),
      hostNetwork: false,
      ...(isHost && { machine: true }),
      netns,
      attachments: description?.attachments ?? new Map<string, Attachment>(),
    };
  }

  function uniqueName(name: string, inode: number): string {
    const taken = [...known.values()].some((pod) => pod.name === name) || name === HOST;
    return taken ? `${name}-${inode}` : name;
  }

  return {
    pods(nowMs) {
      const found = scan.scan(nowMs);
      for (const [inode, { netns }] of known) {
        const present = found.get(inode);
        if (present !== undefined && netns?.pids.some((pid) => present.pids.includes(pid)) === true) continue;
        known.delete(inode);
        reuses.set(inode, (reuses.get(inode) ?? 0) + 1);
      }
      const hostInode = hostInodeOf(found, procfs);
      for (const [inode, netns] of found) {
        const pod = known.get(inode);
        known.set(inode, pod === undefined ? createPod(netns, hostInode) : { ...pod, netns });
      }
      return [...known.values()];
    },
  };
}

/** The namespace of process 1; where that is hidden (hidepid), our own. */
function hostInodeOf(found: ReadonlyMap<number, Netns>, procfs: ProcFs): number | undefined {
  const ofInit = [...found.values()].find(({ pids }) => pids.includes(INIT));
  return ofInit?.inode ?? ifReadable(() => procfs.netInode('self'));
}

/** Milliseconds after boot; 0 when none of the processes lives any more. */
function oldestStartMs(procfs: ProcFs, pids: readonly number[]): number {
  const starts = pids.flatMap((pid) => ifReadable(() => parseStartTime(procfs.read(`${pid}/stat`))) ?? []);
  return starts.length === 0 ? 0 : Math.min(...starts);
}
