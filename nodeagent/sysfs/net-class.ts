/**
 * The interfaces below one, from the names in /sys/class/net/<interface>: a `lower_<name>` link for every slave of a bond, port
 * of a bridge, parent of a VLAN or macvlan.
 * @see Linux net/core/dev.c, netdev_adjacent_sysfs_add()
 */
export function lowerDevicesOf(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => (entry.startsWith('lower_') ? [entry.slice('lower_'.length)] : [])).sort();
}
