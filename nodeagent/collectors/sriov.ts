import { setImmediate } from 'node:timers/promises';
import { errorMessage } from '../../runtime/logger.js';
import { CounterChoice, type CounterChoiceDeps, type PfSources, type ReadCounters } from '../devices/counter-choice.js';
import type { DeviceCounters, PfReading, PhysicalFunction, VirtualFunction } from '../devices/device.js';
import { RdmaTurns } from '../devices/rdma-turns.js';
import { discoverPhysicalFunctions, type Discovery } from '../devices/discover.js';
import type { NetlinkState } from '../inventory/netlink-state.js';
import type { VfLinks, VfsByPf } from '../inventory/vf-links.js';
import type { SysFs } from '../sysfs/fs.js';
import { readRdmaCounters } from '../sysfs/rdma-counters.js';
import { readNetdevCounters, readVfStats } from '../sysfs/vf-stats.js';
import type { Collector, CollectorDeps } from './collector.js';

/** Where SR-IOV devices are looked for, and what is believed of them. */
export interface SriovSources extends CounterChoiceDeps {
  readonly sysfs: SysFs;
  /** Absent where netlink cannot be used: VFs then have no settings. */
  readonly vfLinks?: Pick<VfLinks, 'read'>;
  /** What its RDMA device counts is read of a VF that a pod has. */
  readonly hasOwner: (pciAddress: string) => boolean;
  readonly state: NetlinkState;
}

/** What netlink said in a sweep; an error where it said nothing. */
interface Links {
  readonly vfs: VfsByPf;
  readonly error?: Error;
}

/**
 * The physical functions of the node, their virtual functions and what those counted. One that there is no time for has no counters, and
 * one that cannot be read costs no other. Where it cannot be told which there are, nothing is said of them.
 */
export function createSriovCollector({ sriov }: Pick<CollectorDeps, 'sriov'>): Collector {
  if (sriov === undefined) return () => Promise.resolve();
  const choice = new CounterChoice(sriov);
  const rdma = new RdmaTurns((vf) => readRdmaCounters(sriov.sysfs, vf));
  return async (sweep, signal) => {
    const { found, problems, off } = discover(sriov);
    if (off !== undefined && off !== 'not_found')
      throw new Error(`the devices of the PCI bus cannot be listed: ${off}`);
    choice.keepOnly(new Set(found.map(({ pciAddress }) => pciAddress)));
    const links = await readLinks(sriov, found);
    rdma.begin(
      found.flatMap(({ virtualFunctions }) => virtualFunctions.filter(({ pciAddress }) => sriov.hasOwner(pciAddress))),
    );
    const readings: PfReading[] = [];
    const failures = [...problems];
    for (const pf of found) {
      if (readings.length > 0) await setImmediate();
      const { sources, errors } = sourcesOf(pf, { sysfs: sriov.sysfs, rdma, links });
      const reading = signal.aborted ? choice.unread(pf, sources.settingsOf) : choice.read(pf, sources);
      const [error] = errors;
      if (signal.aborted) failures.push(`${pf.pciAddress}: no time`);
      else if (reading.counterAbsence === 'failed') failures.push(`${pf.pciAddress}: ${errorMessage(error)}`);
      readings.push(reading);
    }
    sweep.addDevices(readings);
    if (failures.length > 0) throw new Error(failures.join('; '));
  };
}

function discover({ sysfs, state }: SriovSources): Discovery {
  const discovery = discoverPhysicalFunctions(sysfs);
  const { found, off } = discovery;
  if (off !== undefined) state.off(off, 'the devices of the PCI bus');
  else if (found.length === 0) state.off('not_found', 'no network device that can have virtual functions');
  else state.up();
  return discovery;
}

async function readLinks({ vfLinks }: SriovSources, pfs: readonly PhysicalFunction[]): Promise<Links> {
  try {
    return { vfs: (await vfLinks?.read(pfs)) ?? new Map<string, never>() };
  } catch (error) {
    return { vfs: new Map(), error: error instanceof Error ? error : new Error(errorMessage(error)) };
  }
}

/** @returns also what the sources threw when they were asked */
function sourcesOf(
  pf: PhysicalFunction,
  { sysfs, rdma, links }: { readonly sysfs: SysFs; readonly rdma: RdmaTurns; readonly links: Links },
): { readonly sources: PfSources; readonly errors: readonly unknown[] } {
  const errors: unknown[] = [];
  const linked = links.vfs.get(pf.pciAddress);
  const ofEach = (read: (vf: VirtualFunction) => DeviceCounters | undefined): ReadCounters => {
    return () => {
      try {
        return new Map(pf.virtualFunctions.flatMap((vf) => pairWith(vf.index, read(vf))));
      } catch (error) {
        errors.push(error);
        throw error;
      }
    };
  };
  return {
    errors,
    sources: {
      counters: {
        rtnetlink: ofEach(({ index }) => {
          if (links.error !== undefined) throw links.error;
          return linked?.get(index)?.counters;
        }),
        sysfs: ofEach(({ index }) => readVfStats(sysfs, pf, index)),
        netdev: ofEach((vf) => readNetdevCounters(sysfs, vf)),
      },
      settingsOf: ({ index }) => linked?.get(index)?.settings ?? {},
      rdmaCountersOf: (vf) => rdma.countersOf(vf),
    },
  };
}

function pairWith<Value>(index: number, value: Value | undefined): [] | [readonly [number, Value]] {
  return value === undefined ? [] : [[index, value]];
}
