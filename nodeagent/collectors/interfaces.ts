import { setImmediate } from 'node:timers/promises';
import { isStackingWithinLimit } from '../../metrics/stacking.js';
import { INTERFACE_COUNTERS, REPORT_LIMITS, type SkipReason, TOO_MUCH_STACKING } from '../../openapi/report-terms.js';
import type { NetnsLayout } from '../inventory/layout.js';
import { networkOf, type Netns, type Pod } from '../inventory/pod.js';
import { readInNetns } from '../inventory/read-netns.js';
import { parseDevMcast } from '../procfs/dev-mcast.js';
import { ProcParseError, ProcTooLargeError, ifReadable } from '../procfs/errors.js';
import { parseNetDev, type NetDevLine } from '../procfs/net-dev.js';
import type { Collector, CollectorDeps, InterfaceReading, Sweep } from './collector.js';

const LOOPBACK = 'lo';
const BYTES = [INTERFACE_COUNTERS.indexOf('receiveBytes'), INTERFACE_COUNTERS.indexOf('transmitBytes')];
/** Of a report. A bridge of more ports is stacked on some that are there, which is what keeps it out of a sum. */
const MAX_LOWER_DEVICES = 64;
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
    if (pod.netnsAbsence === 'none') sweep.addInterfaces(pod, []);
    else sweep.skip(pod, pod.netnsAbsence ?? 'no_process');
    return;
  }
  try {
    const read = readNetns(pod, { netns: pod.netns, nowMs: sweep.startedMs, deps });
    if (typeof read === 'string') sweep.skip(pod, read);
    else if (typeof read.value === 'string') sweep.skip(pod, read.value);
    else sweep.addInterfaces(pod, read.value.interfaces, read.value.loopback);
  } catch (error) {
    sweep.skip(pod, reasonOf(error), error);
  }
}

/** It has more interfaces than a report takes, and will go on having them: its owner is to be told how many. */
class TooManyInterfacesError extends Error {
  override readonly name = 'TooManyInterfacesError';
  readonly code = 'NODEAGENT_TOO_MANY_INTERFACES';

  constructor(count: number) {
    super(`${count} interfaces are more than the ${REPORT_LIMITS.interfacesPerPod} that are reported of one pod`);
  }
}

/** A server would leave out those that are stacked: a part of them would pass for all. */
class TooMuchStackingError extends Error {
  override readonly name = 'TooMuchStackingError';
  readonly code = 'NODEAGENT_TOO_MUCH_STACKING';

  constructor() {
    super(`interfaces are ${TOO_MUCH_STACKING}`);
  }
}

class TwoOfOneNameError extends Error {
  override readonly name = 'TwoOfOneNameError';
  readonly code = 'NODEAGENT_TWO_OF_ONE_NAME';

  constructor() {
    super('net/dev has two interfaces of one name');
  }
}

function reasonOf(error: unknown): SkipReason {
  if (error instanceof TwoOfOneNameError) return 'unparsable';
  if (error instanceof TooMuchStackingError) return 'too_much_stacking';
  if (error instanceof TooManyInterfacesError) return 'too_many_interfaces';
  return error instanceof ProcParseError || error instanceof ProcTooLargeError ? 'unparsable' : 'failed';
}

interface Place {
  readonly netns: Netns;
  readonly nowMs: number;
  readonly deps: CollectorDeps;
}

interface NetnsReading {
  readonly interfaces: readonly InterfaceReading[];
  readonly loopback?: readonly number[];
}

function readNetns(pod: Pod, place: Place): { readonly value: NetnsReading | SkipReason } | SkipReason {
  const { procfs, layouts, forget } = place.deps;
  const onMoved = (pid: number): void => {
    layouts.forget(pod.uid);
    forget(pid);
  };
  return readInNetns(place.netns, { procfs, onMoved }, (pid) => {
    const read = readThrough(pid, pod, place);
    return read === 'changing' ? readThrough(pid, pod, place) : read;
  });
}

function readThrough(pid: number, pod: Pod, { netns, nowMs, deps }: Place): NetnsReading | SkipReason {
  const { procfs, layouts, hostInterfaces } = deps;
  const { inode } = netns;
  const multicast = ifReadable(() => procfs.read(`${pid}/net/dev_mcast`)) ?? '';
  const all = parseNetDev(procfs.read(`${pid}/net/dev`));
  const lines = all.filter(({ name }) => name !== LOOPBACK);
  // before anything is asked about each of them, or kept
  if (lines.length > REPORT_LIMITS.interfacesPerPod) throw new TooManyInterfacesError(lines.length);
  const interfaces = lines.map(({ name }) => name);
  // a byte that is no UTF-8 is printed as four characters, which another may have in its name
  if (new Set(interfaces).size < interfaces.length) throw new TwoOfOneNameError();
  const indexes = parseDevMcast(multicast);
  const layout = layouts.layoutOf({ uid: pod.uid, inode, pid, interfaces, indexes }, nowMs);
  if (layout === 'changing') return layout;
  const hostNames = hostInterfaces?.namesOf({ inode, pid }, nowMs);
  const loopback = all.find(({ name }) => name === LOOPBACK)?.counters;
  const described = describe(pod, netns, { lines, indexes, layout, hostNames });
  if (!isStackingWithinLimit(described.map(({ meta }) => meta))) throw new TooMuchStackingError();
  return { interfaces: described, ...(loopback !== undefined && { loopback }) };
}

interface Found {
  readonly lines: readonly NetDevLine[];
  readonly indexes: ReadonlyMap<string, number>;
  readonly layout: NetnsLayout;
  /** Names in the node's namespace, by ifindex. */
  readonly hostNames: ReadonlyMap<number, string> | undefined;
}

function describe(pod: Pod, netns: Netns, { lines, indexes, layout, hostNames }: Found): InterfaceReading[] {
  return lines.map(({ name, counters }) => {
    const ifindex = indexes.get(name) ?? layout.indexes.get(name);
    const { pciAddress } = pod.attachments.get(name) ?? {};
    const hostInterface = ifindex === undefined ? undefined : hostNames?.get(ifindex);
    const lowerDevices = isCarriedBy(name, { lines, layout }) ? layout.lowerDevices.get(name) : undefined;
    return {
      counters,
      meta: {
        name,
        ...networkOf(pod, name, layout.defaultRoute),
        identity: ifindex === undefined ? '' : `${netns.inode}/${ifindex}`,
        source: 'netdev',
        ...(lowerDevices !== undefined && { lowerDevices: lowerDevices.slice(0, MAX_LOWER_DEVICES) }),
        ...(hostInterface !== undefined && { hostInterface }),
        ...(pciAddress !== undefined && { pciAddress }),
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
