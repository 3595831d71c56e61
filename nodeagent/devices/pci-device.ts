import { REPORT_LIMITS } from '../../openapi/report-terms.js';
import { isInterfaceName, isToken } from '../inventory/report-names.js';
import { ifReadable } from '../sysfs/errors.js';
import type { SysFs } from '../sysfs/fs.js';

/** Ports of a device with representors: its own, whole or split, and those of others. */
const OWN_PORT = /^p\d+(s\d+)?$/;
const OTHERS_PORT = /pf\d+(vf|sf)\d+$/;

/** What any PCI device may say of itself. `path` is where it is below the root; what is not to be had is absent. */
export function describePciDevice(
  sysfs: SysFs,
  path: string,
): { readonly numaNode?: number; readonly driver?: string } {
  const numaNode = parseNumber(ifReadable(() => sysfs.read(`${path}/numa_node`)) ?? '');
  const driver = ifReadable(() => sysfs.linkName(`${path}/driver`));
  return {
    // -1: none; it is not known then which one is near
    ...(numaNode !== undefined && numaNode < REPORT_LIMITS.numaNodes && { numaNode }),
    ...(driver !== undefined && isToken(driver) && { driver }),
  };
}

/** Interfaces of a device in the namespace of the sysfs, in a stable order. Those whose name cannot be sent are left out. */
export function netdevsOf(sysfs: SysFs, path: string): string[] {
  return namesIn(sysfs, `${path}/net`).filter(isInterfaceName);
}

/** RDMA devices on it, likewise. */
export function rdmaDevicesOf(sysfs: SysFs, path: string): string[] {
  return namesIn(sysfs, `${path}/infiniband`).filter((name) => isInterfaceName(name) && isToken(name));
}

/**
 * The interface of the device itself. Its switch has others there, which stand for a VF each.
 * @see Linux Documentation/networking/switchdev.rst, phys_port_name
 */
export function ownNetdev(sysfs: SysFs, path: string): string | undefined {
  let other: string | undefined;
  for (const name of netdevsOf(sysfs, path)) {
    const port = ifReadable(() => sysfs.read(`${path}/net/${name}/phys_port_name`))?.trim() ?? '';
    if (port === '' || OWN_PORT.test(port)) return name;
    if (!OTHERS_PORT.test(port)) other ??= name;
  }
  return other;
}

/** A number without a sign; undefined where it is none. */
export function parseNumber(text: string): number | undefined {
  const digits = text.trim();
  return /^[0-9]{1,10}$/.test(digits) ? Number(digits) : undefined;
}

function namesIn(sysfs: SysFs, directory: string): string[] {
  return (sysfs.exists(directory) ? ifReadable(() => sysfs.list(directory)) : undefined)?.sort() ?? [];
}
