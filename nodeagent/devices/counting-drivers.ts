import type { VfCounter, VfCounterSource } from '../../openapi/report-terms.js';
import type { PhysicalFunction } from './device.js';

/** A driver of physical functions that is known to count what its VFs do. The same rows are in docs/sriov.md. */
export interface CountingDriver {
  /** As sysfs names it. */
  readonly driver: string;
  readonly source: Exclude<VfCounterSource, 'netdev'>;
  /** Of the physical function; absent: of any. */
  readonly linkLayer?: PhysicalFunction['linkLayer'];
  /**
   * The first kernel of which it is known, for the driver that comes with it; it may be older, and distributions take changes back into older
   * kernels. Absent: not part of the kernel, and its source is there only where it counts.
   */
  readonly since?: readonly [major: number, minor: number];
  /** Those whose zero means that there were none. The kernel says zero of all others, too; what is not zero was counted. */
  readonly counters: readonly VfCounter[];
  /** Where it says so: in the kernel's tree, drivers/ left out; else in its own. */
  readonly file: string;
}

const TRAFFIC: readonly VfCounter[] = ['receiveBytes', 'receivePackets', 'transmitBytes', 'transmitPackets'];
const DROPS: readonly VfCounter[] = ['receivePacketsDropped', 'transmitPacketsDropped'];
const GROUPS: readonly VfCounter[] = ['receiveBroadcastPackets', 'receiveMulticastPackets'];

/**
 * A table, since nobody else can tell: the kernel says zeros of a driver without ndo_get_vf_stats, and of one whose ndo_get_vf_stats failed
 * (net/core/rtnetlink.c, rtnl_fill_vfinfo()). Read from the sources of Linux 6.1 and 6.12; `since` by the dates of the changes. Of the
 * drivers that have it two are left out: LiquidIO asks the driver of the VF, and says zero where that is another than its own; mlx4_core says
 * zero of a VF whose driver has no counter of the device.
 */
export const COUNTING_DRIVERS: readonly CountingDriver[] = [
  {
    ...{ driver: 'mlx5_core', source: 'rtnetlink', linkLayer: 'ethernet', since: [5, 6] },
    // drops: in legacy mode, and of what the device can count
    counters: [...TRAFFIC, ...GROUPS],
    file: 'net/ethernet/mellanox/mlx5/core/eswitch.c',
  },
  {
    ...{ driver: 'mlx5_core', source: 'rtnetlink', linkLayer: 'infiniband', since: [5, 5] },
    // bytes and packets are those of unicast
    counters: [...TRAFFIC, 'receiveMulticastPackets'],
    file: 'infiniband/hw/mlx5/ib_virt.c',
  },
  {
    ...{ driver: 'ice', source: 'rtnetlink', since: [5, 6] },
    counters: [...TRAFFIC, ...GROUPS, ...DROPS],
    file: 'net/ethernet/intel/ice/ice_sriov.c',
  },
  {
    ...{ driver: 'i40e', source: 'rtnetlink', since: [5, 5] },
    // what is dropped of the transmitted are its errors
    counters: [...TRAFFIC, ...GROUPS, ...DROPS],
    file: 'net/ethernet/intel/i40e/i40e_virtchnl_pf.c',
  },
  {
    ...{ driver: 'ixgbe', source: 'rtnetlink', since: [6, 1] },
    counters: [...TRAFFIC, 'receiveMulticastPackets'],
    file: 'net/ethernet/intel/ixgbe/ixgbe_main.c',
  },
  {
    ...{ driver: 'fm10k', source: 'rtnetlink', since: [5, 5] },
    counters: [...TRAFFIC, 'receivePacketsDropped'],
    file: 'net/ethernet/intel/fm10k/fm10k_iov.c',
  },
  {
    ...{ driver: 'ionic', source: 'rtnetlink', since: [6, 1] },
    // bytes and packets are those of unicast
    counters: [...TRAFFIC, ...GROUPS, ...DROPS],
    file: 'net/ethernet/pensando/ionic/ionic_lif.c',
  },
  {
    ...{ driver: 'i40e', source: 'sysfs' },
    counters: [...TRAFFIC, ...DROPS, 'transmitErrors', 'transmitSpoofedPackets'],
    file: 'src/kcompat_vfd.c',
  },
];

/** A physical function whose VFs are to be counted, and the kernel that it is on. */
export interface CountedBy extends Pick<PhysicalFunction, 'driver' | 'linkLayer'> {
  readonly source: VfCounterSource;
  /** As the kernel names itself: 6.12.107+deb13-amd64. */
  readonly kernelRelease: string;
}

/** Whether all-zero counters can be believed: the row says which of them. undefined where nobody knows. */
export function countingDriver({ driver, linkLayer, source, kernelRelease }: CountedBy): CountingDriver | undefined {
  return COUNTING_DRIVERS.find(
    (row) =>
      row.driver === driver &&
      row.source === source &&
      (row.linkLayer ?? linkLayer) === linkLayer &&
      (row.since === undefined || isSince(kernelRelease, row.since)),
  );
}

/** {@link countingDriver}, where it does not matter which counters. */
export function isCounting(by: CountedBy): boolean {
  return countingDriver(by) !== undefined;
}

function isSince(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, itsMajor, itsMinor] = /^(\d{1,4})\.(\d{1,4})(?!\d)/.exec(release) ?? [];
  if (itsMajor === undefined || itsMinor === undefined) return false;
  return Number(itsMajor) > major || (Number(itsMajor) === major && Number(itsMinor) >= minor);
}
