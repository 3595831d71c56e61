import { setImmediate } from 'node:timers/promises';
import { networkOf, type Netns, type Pod } from '../inventory/pod.js';
import { parseDevMcast } from '../procfs/dev-mcast.js';
import { ProcParseError, ProcTooLargeError, ifReadable, isDenied, isGone } from '../procfs/errors.js';
import { parseNetDev, type NetDevLine } from '../procfs/net-dev.js';
import type { Collector, CollectorDeps, InterfaceReading, SkipReason, Sweep } from './collector.js';

const LOOPBACK = 'lo';
/** Pods read before others get their turn: about 1 ms. */
const PODS_AT_A_TIME = 16;

interface NetnsReading {
  readonly pid: number;
  readonly lines: readonly NetDevLine[];
  readonly indexes: ReadonlyMap<string, number>;
}

/** Counters of every pod interface. A pod that cannot be read is skipped with its reason, never reported as 0. */
export function createInterfacesCollector(deps: CollectorDeps): Collector {
  return async (sweep, signal) => {
    for (const [i, pod] of sweep.pods.entries()) {
      if (i > 0 && i % PODS_AT_A_TIME === 0) await setImmediate();
      signal.throwIfAborted();
      if (!pod.hostNetwork) collectPod(pod, sweep, deps);
    }
  };
}

/** Whatever goes wrong in one pod costs that pod: what is in its namespace is its own doing. */
function collectPod(pod: Pod, sweep: Sweep, deps: CollectorDeps): void {
  if (pod.netns === undefined) {
    sweep.skip(pod, 'no_process');
    return;
  }
  try {
    const reading = readNetns(pod.netns, deps);
    if (typeof reading === 'string') sweep.skip(pod, reading);
    else sweep.addInterfaces(pod, describe(pod, pod.netns, { reading, nowMs: sweep.startedMs, deps }));
  } catch (error) {
    const isUnparsable = error instanceof ProcParseError || error instanceof ProcTooLargeError;
    sweep.skip(pod, isUnparsable ? 'unparsable' : 'failed', error);
  }
}

/** Through the first of its processes that still is in the namespace. */
function readNetns(netns: Netns, { procfs, scan }: CollectorDeps): NetnsReading | SkipReason {
  let reason: SkipReason = 'process_gone';
  for (const pid of netns.pids) {
    try {
      const multicast = ifReadable(() => procfs.readFile(`${pid}/net/dev_mcast`).text) ?? '';
      const { inode, text } = procfs.readFile(`${pid}/net/dev`);
      if (inode === netns.inode) return { pid, lines: parseNetDev(text), indexes: parseDevMcast(multicast) };
      scan.forget(pid); // it moved, or another process has its pid by now
    } catch (error) {
      if (isDenied(error)) reason = 'not_readable';
      else if (!isGone(error)) throw error;
    }
  }
  return reason;
}

interface Found {
  readonly reading: NetnsReading;
  readonly nowMs: number;
  readonly deps: CollectorDeps;
}

function describe(pod: Pod, { inode }: Netns, { reading, nowMs, deps }: Found): InterfaceReading[] {
  const lines = reading.lines.filter(({ name }) => name !== LOOPBACK);
  const interfaces = lines.map(({ name }) => name);
  const layout = deps.layouts.layoutOf({ uid: pod.uid, inode, pid: reading.pid, interfaces }, nowMs);
  return lines.map(({ name, counters }) => {
    const ifindex = reading.indexes.get(name);
    const lowerDevices = layout.lowerDevices.get(name);
    return {
      counters,
      meta: {
        name,
        ...networkOf(pod, name, layout.defaultRoute),
        identity: ifindex === undefined ? '' : `${inode}/${ifindex}`,
        source: 'netdev',
        ...(lowerDevices !== undefined && { lowerDevices: [...lowerDevices] }),
      },
    };
  });
}
