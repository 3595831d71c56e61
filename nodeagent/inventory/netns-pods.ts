import type { Workload } from '../../openapi/node-report.js';
import { ifReadable } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseBootTime, parseStartTime } from '../procfs/process.js';
import { findNamed, nameNetns, readNetnsNames, type NamedNetns } from './netns-names.js';
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

/** Always knows which pods there are. */
export interface NetnsPods extends PodSource {
  pods(nowMs: number): readonly Pod[];
}

const NAMESPACE = 'default';
/** The pod that stands for the machine's own network namespace. */
const HOST = 'host';
const INIT = 1;

const NO_NAMES: ReadonlyMap<number, NamedNetns> = new Map();

/** What a scan found besides the namespaces. */
interface Present {
  readonly hostInode: number | undefined;
  readonly names: ReadonlyMap<number, NamedNetns>;
}

/**
 * Every network namespace with a process in it, as a pod of the namespace `default`; the machine's own is the pod `host`. A
 * namespace keeps the name it got when it was first seen. The uid is the boot id and the inode. The kernel gives the lowest inode
 * that is free, so one that is made right after another went has its inode: it is known by having none of its processes, and its
 * uid counts on. One with a name in /run/netns is the same for as long as it has it.
 */
export function createNetnsPods({ procfs, scan, bootId, runNetns, describe }: NetnsPodsDeps): NetnsPods {
  const known = new Map<number, Pod>();
  /** How often an inode has been seen on another namespace. */
  const reuses = new Map<number, number>();
  /** Pods of namespaces that have a name, as they were first seen: they stay the same without any of their processes. */
  const persistent = new Map<string, Pod>();
  /** Names of the known pods. */
  const taken = new Set<string>();
  const bootedMs = parseBootTime(procfs.read('stat'));

  function createPod(netns: Netns, { hostInode, names }: Present): Pod {
    const named = findNamed(netns, { procfs, names });
    const before = persistent.get(named?.identity ?? '');
    if (before !== undefined) return { ...before, netns };
    const isHost = netns.inode === hostInode;
    const name = isHost ? HOST : uniqueName(nameNetns(netns, named, procfs), netns.inode);
    const description = describe?.(name);
    const pod: Pod = {
      namespace: NAMESPACE,
      name,
      uid: [bootId, netns.inode, ...(reuses.has(netns.inode) ? [reuses.get(netns.inode)] : [])].join('-'),
      creationTimestamp: new Date(bootedMs + oldestStartMs(procfs, netns.processes)).toISOString(),
      labels: { ...description?.labels },
      ...(description?.workload !== undefined && { workload: description.workload }),
      hostNetwork: false,
      ...(isHost && { machine: true }),
      netns,
      attachments: description?.attachments ?? new Map<string, Attachment>(),
    };
    if (named !== undefined) persistent.set(named.identity, pod);
    return pod;
  }

  function readNames(): ReadonlyMap<number, NamedNetns> {
    const names = readNetnsNames(runNetns);
    const identities = new Set([...names.values()].map(({ identity }) => identity));
    for (const identity of persistent.keys()) {
      if (!identities.has(identity)) persistent.delete(identity);
    }
    return names;
  }

  function uniqueName(name: string, inode: number): string {
    return taken.has(name) || name === HOST ? `${name}-${inode}` : name;
  }

  return {
    pods(nowMs) {
      const found = scan.scan(nowMs);
      for (const [inode, { netns, name }] of known) {
        const present = found.get(inode);
        if (present !== undefined && isStillThere(netns, present)) continue;
        known.delete(inode);
        taken.delete(name);
        reuses.set(inode, (reuses.get(inode) ?? 0) + 1);
      }
      const isNew = [...found.keys()].some((inode) => !known.has(inode));
      const present = { hostInode: hostInodeOf(found, procfs), names: isNew ? readNames() : NO_NAMES };
      for (const [inode, netns] of found) {
        const before = known.get(inode);
        const pod = before === undefined ? createPod(netns, present) : { ...before, netns };
        known.set(inode, pod);
        taken.add(pod.name);
      }
      return [...known.values()];
    },
  };
}

function isStillThere(netns: Netns | undefined, present: Netns): boolean {
  return netns?.processes.some(({ pid }) => present.processes.some((other) => other.pid === pid)) === true;
}

/** The namespace of process 1; where that is hidden (hidepid), our own. */
function hostInodeOf(found: ReadonlyMap<number, Netns>, procfs: ProcFs): number | undefined {
  const ofInit = [...found.values()].find(({ processes }) => processes.some(({ pid }) => pid === INIT));
  return ofInit?.inode ?? ifReadable(() => procfs.netInode('self'));
}

/** Milliseconds after boot; 0 when none of the processes lives any more. */
function oldestStartMs(procfs: ProcFs, processes: Netns['processes']): number {
  const starts = processes.flatMap(({ pid }) => ifReadable(() => parseStartTime(procfs.read(`${pid}/stat`))) ?? []);
  return starts.length === 0 ? 0 : Math.min(...starts);
}
