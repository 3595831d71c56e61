import type { VfCounter } from '../../openapi/report-terms.js';
import type { DeviceCounters, PhysicalFunction, VirtualFunction } from '../devices/device.js';
import { ifReadable } from './errors.js';
import type { SysFs } from './fs.js';
import { parseU64 } from './u64.js';

type CounterNames = ReadonlyMap<string, VfCounter>;

const COMMON: readonly (readonly [string, VfCounter])[] = [
  ['rx_bytes', 'receiveBytes'],
  ['rx_packets', 'receivePackets'],
  ['rx_errors', 'receiveErrors'],
  ['rx_dropped', 'receivePacketsDropped'],
  ['tx_bytes', 'transmitBytes'],
  ['tx_packets', 'transmitPackets'],
  ['tx_errors', 'transmitErrors'],
  ['tx_dropped', 'transmitPacketsDropped'],
];

/** Linux Documentation/ABI/testing/sysfs-class-net-statistics. */
const NETDEV_COUNTERS: CounterNames = new Map([...COMMON, ['multicast', 'receiveMulticastPackets']]);

/**
 * What drivers call the counters of a VF, which are those of its side: `rx` is what the VF received. No kernel has these files; they are
 * of the drivers that vendors ship themselves.
 * @see kcompat_vfd.c of i40e and ice (bytes, packets, dropped, tx_errors, tx_spoofed); mlx5_core/sriov_sysfs.c of MLNX_OFED and
 * bnxt_en/bnxt_sriov_sysfs.c (bytes, packets, dropped, broadcast, multicast); zxdh (the same, and rx_error, tx_error)
 */
const VF_STATS: CounterNames = new Map([
  ...COMMON,
  ['rx_error', 'receiveErrors'],
  ['tx_error', 'transmitErrors'],
  ['rx_broadcast', 'receiveBroadcastPackets'],
  ['rx_multicast', 'receiveMulticastPackets'],
  ['tx_broadcast', 'transmitBroadcastPackets'],
  ['tx_multicast', 'transmitMulticastPackets'],
  ['tx_spoofed', 'transmitSpoofedPackets'],
]);

/**
 * What the driver of a PF says in sysfs that one of its VFs counted, in a directory of files or in one file of lines such as
 * `tx_packets    : 5011`. Undefined where it says nothing.
 */
export function readVfStats(
  sysfs: SysFs,
  { pciAddress }: Pick<PhysicalFunction, 'pciAddress'>,
  index: number,
): DeviceCounters | undefined {
  const stats = `bus/pci/devices/${pciAddress}/sriov/${index}/stats`;
  if (!sysfs.exists(stats)) return undefined;
  const isDirectory = ifReadable(() => sysfs.isDirectory(stats));
  return ifAny(isDirectory === true ? readFiles(sysfs, stats, VF_STATS) : readLines(sysfs, stats));
}

/**
 * What the interface of a VF counted, while it is in the namespace of the sysfs. It is asked for below its PCI device: by that time another
 * may have its name. Undefined where it has none there.
 */
export function readNetdevCounters(
  sysfs: SysFs,
  { pciAddress, netdev }: Pick<VirtualFunction, 'pciAddress' | 'netdev'>,
): DeviceCounters | undefined {
  if (netdev === undefined) return undefined;
  return ifAny(readFiles(sysfs, `bus/pci/devices/${pciAddress}/net/${netdev}/statistics`, NETDEV_COUNTERS));
}

function readFiles(sysfs: SysFs, directory: string, known: CounterNames): DeviceCounters {
  const counters = new Map<VfCounter, bigint>();
  for (const file of ifReadable(() => sysfs.list(directory)) ?? []) {
    const counter = known.get(file);
    if (counter !== undefined)
      add(counters, counter, ifReadable(() => sysfs.readUnlinked(`${directory}/${file}`)) ?? '');
  }
  return counters;
}

function readLines(sysfs: SysFs, file: string): DeviceCounters {
  const counters = new Map<VfCounter, bigint>();
  const text = ifReadable(() => sysfs.readUnlinked(file)) ?? '';
  for (const line of text.split('\n')) {
    const [name = '', value = '', ...more] = line.split(':');
    const counter = VF_STATS.get(name.trim());
    if (counter !== undefined && more.length === 0) add(counters, counter, value);
  }
  return counters;
}

function add(counters: Map<VfCounter, bigint>, counter: VfCounter, text: string): void {
  const value = parseU64(text);
  if (value !== undefined) counters.set(counter, value);
}

function ifAny(counters: DeviceCounters): DeviceCounters | undefined {
  return counters.size === 0 ? undefined : counters;
}
