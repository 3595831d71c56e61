/**
 * Parses /proc/<pid>/net/dev_mcast for what nothing else tells without a capability: the ifindex of each interface.
 * An interface with no link-layer multicast address (tun, lo) has no line. Lines that do not parse are passed over: they cost
 * the proof that a counter is new, and nothing else.
 *
 * @returns ifindex by interface name
 * @see Linux net/core/net-procfs.c, dev_mc_seq_show()
 */
export function parseDevMcast(text: string): Map<string, number> {
  const indexes = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(\d+)[ \t]+([^ \t]+)[ \t]+\d+[ \t]+\d+[ \t]+[0-9a-f]+$/.exec(line);
    if (match?.[2] !== undefined) indexes.set(match[2], Number(match[1]));
  }
  return indexes;
}
