import { VF_COUNTER_KEY, VF_COUNTER_KEY_MAX } from '../../openapi/patterns.js';
import { REPORT_LIMITS, VF_COUNTERS } from '../../openapi/report-terms.js';
import type { DeviceCounters, VirtualFunction } from '../devices/device.js';
import { ifReadable } from './errors.js';
import type { SysFs } from './fs.js';
import { parseU64 } from './u64.js';

/** Directories of a port, as they are called in sysfs and in the name of a counter. */
const DIRECTORIES = [
  ['hw_counters', 'hw'],
  ['counters', 'port'],
] as const;

/**
 * Among the counters of hw_counters: how long the kernel keeps them (ms); what bnxt_re has of a resource now, at most and had at most;
 * the rate of mana.
 * @see Linux drivers/infiniband/core/sysfs.c, hw/bnxt_re/hw_counters.c, hw/mana/counters.c
 */
const NO_COUNTER = /^(lifespan|link_state|current_rate|(active|watermark|max)_.+|.+_watermark)$/;
const COUNTER_KEY = new RegExp(VF_COUNTER_KEY, 'u');
/** What a report takes besides the counters that every VF may have. */
const MAX_COUNTERS = REPORT_LIMITS.countersPerVf - VF_COUNTERS.length;

/**
 * What the RDMA devices on a VF counted, while they are in the namespace of the sysfs, by `rdma/<device>/<port>/<hw or port>/<file>`: as the
 * kernel prints it and in its units, such as 4 octets of port_rcv_data. None where it has none. They are asked for below its PCI device: by
 * that time another may have their name.
 * @see Linux Documentation/ABI/stable/sysfs-class-infiniband
 */
export function readRdmaCounters(
  sysfs: SysFs,
  { pciAddress, rdmaDevices }: Pick<VirtualFunction, 'pciAddress' | 'rdmaDevices'>,
): DeviceCounters {
  const counters = new Map<string, bigint>();
  for (const device of rdmaDevices) {
    const ports = `bus/pci/devices/${pciAddress}/infiniband/${device}/ports`;
    for (const port of list(sysfs, ports)) {
      for (const [directory, kind] of DIRECTORIES) {
        for (const file of list(sysfs, `${ports}/${port}/${directory}`)) {
          if (counters.size >= MAX_COUNTERS) return counters;
          const key = `rdma/${device}/${port}/${kind}/${file}`;
          if (NO_COUNTER.test(file) || key.length > VF_COUNTER_KEY_MAX || !COUNTER_KEY.test(key)) continue;
          const value = parseU64(ifReadable(() => sysfs.readUnlinked(`${ports}/${port}/${directory}/${file}`)) ?? '');
          if (value !== undefined) counters.set(key, value);
        }
      }
    }
  }
  return counters;
}

/** In a stable order: of too many it is always the same ones that are left out. */
function list(sysfs: SysFs, directory: string): string[] {
  return (sysfs.exists(directory) ? ifReadable(() => sysfs.list(directory)) : undefined)?.sort() ?? [];
}
