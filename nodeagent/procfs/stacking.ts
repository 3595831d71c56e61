/**
 * The slaves of a bond, of /proc/<pid>/net/bonding/<bond>.
 * @see Linux drivers/net/bonding/bond_procfs.c, bond_info_show_slave()
 */
export function parseBonding(text: string): string[] {
  return [...text.matchAll(/^Slave Interface: ([^ \t\n]+)$/gm)].map((match) => match[1] ?? '');
}

/**
 * The interface below a VLAN, of /proc/<pid>/net/vlan/<vlan>.
 * @see Linux net/8021q/vlanproc.c, vlandev_seq_show()
 */
export function parseVlan(text: string): string[] {
  return [...text.matchAll(/^Device: ([^ \t\n]+)/gm)].map((match) => match[1] ?? '');
}
