import { setImmediate } from 'node:timers/promises';
import { INTERFACE_COUNTERS } from '../../openapi/node-report.js';
import type { NetnsLayout } from '../inventory/layout.js';
import { networkOf, type Netns, type Pod } from '../inventory/pod.js';
import { parseDevMcast } from '../procfs/dev-mcast.js';
import { ProcParseError, ProcTooLargeError, ifReadable, isDenied, isGone } from '../procfs/errors.js';
import { parseNetDev, type NetDevLine } from '../procfs/net-dev.js';
import type { Collector, CollectorDeps, InterfaceReading, SkipReason, Sweep } from './collector.js';

const LOOPBACK = 'lo';
const BYTES = [INTERFACE_COUNTERS.indexOf('receiveBytes'), INTERFACE_COUNTERS.indexOf('transmitBytes')];
/** Pods read before others get their turn: about 1 ms. */
const PODS_AT_A_TIME = 16;

/** Counters of every pod interface. A pod that cannot be read is skipped with its reason, never reported as 0. */
export function createInterfacesCollector(deps: CollectorDeps): Collector {
  return async (sweep, signal) => {
    for (const [i, pod] of sweep.pods.entries()) {
      if (i > 0 && i % PODS_AT_A_TIME === 0) await setImmediate();
      if (pod.hostNetwork) continue;
      if (signal.aborted) sweep.skip(pod, 'no_time');
      else collectPod(pod, sweep, deps);
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
    const interfaces = readNetns(pod, { netns: pod.netns, nowMs: sweep.startedMs, deps });
    if (typeof interfaces === 'string') sweep.skip(pod, interfaces);
    else sweep.addInterfaces(pod, interfaces);
  } catch (error) {
    const isUnparsable = error instanceof ProcParseError || error instanceof ProcTooLargeError;
    sweep.skip(pod, isUnparsable ? 'unparsable' : 'failed', error);
  }
}

interface Place {
  readonly netns: Netns;
  readonly nowMs: number;
  readonly deps: CollectorDeps;
}

/** Through the first of its processes that still is in the namespace. */
function readNetns(pod: Pod, place: Place): InterfaceReading[] | SkipReason {
  const { netns, deps } = place;
  let reason: SkipReason = 'process_gone';
  for (const pid of netns.pids) {
    try {
      const interfaces = readThrough(pid, pod, place);
      if (interfaces !== undefined) return interfaces;
      deps.scan.forget(pid);
    } catch (error) {
      if (isDenied(error)) reason = 'not_readable';
      else if (!isGone(error)) throw error;
    }
  }
  return reason;
}

/** @returns undefined when it moved, or another process has its pid by now: what was read may be another namespace's */
function readThrough(pid: number, pod: Pod, { netns, nowMs, deps }: Place): InterfaceReading[] | undefined {
  const { procfs, layouts } = deps;
  const multicast = ifReadable(() => procfs.readFile(`${pid}/net/dev_mcast`).text) ?? '';
  const { inode, text } = procfs.readFile(`${pid}/net/dev`);
  if (inode !== netns.inode) return undefined;
  const lines = parseNetDev(text).filter(({ name }) => name !== LOOPBACK);
  const layout = layouts.layoutOf({ uid: pod.uid, inode, pid, interfaces: lines.map(({ name }) => name) }, nowMs);
  if (procfs.netInode(pid) === inode) return describe(pod, netns, { lines, indexes: parseDevMcast(multicast), layout });
  layouts.forget(pod.uid);
  return undefined;
}

interface Found {
  readonly lines: readonly NetDevLine[];
  readonly indexes: ReadonlyMap<string, number>;
  readonly layout: NetnsLayout;
}

function describe(pod: Pod, { inode }: Netns, { lines, indexes, layout }: Found): InterfaceReading[] {
  return lines.map(({ name, counters }) => {
    const ifindex = indexes.get(name);
    const lowerDevices = isCarriedBy(name, { lines, layout }) ? layout.lowerDevices.get(name) : undefined;
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

/**
 * A VLAN may have been made on an interface of another namespace (the host's eth0) whose name the pod's own has too. It is taken
 * for stacked only on one that has carried at least as much, both ways.
 */
function isCarriedBy(name: string, { lines, layout }: Pick<Found, 'lines' | 'layout'>): boolean {
  if (!layout.unproven.has(name)) return true;
  const countersOf = (wanted: string): readonly number[] => lines.find((line) => line.name === wanted)?.counters ?? [];
  const own = countersOf(name);
  return (layout.lowerDevices.get(name) ?? []).every((parent) =>
    BYTES.every((column) => (countersOf(parent)[column] ?? -1) >= (own[column] ?? 0)),
  );
}
