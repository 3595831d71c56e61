import { splitColumns } from './columns.js';
import { parseCount } from './stat-lines.js';

/** Sockets of the network namespace. NaN: not known. */
export interface Sockstat {
  /** Bound, listening or connected ones; neither orphans in TIME_WAIT nor sockets that nothing was done with. */
  readonly tcpInUse: number;
  /** Of IPv4 and IPv6, in the file of IPv4 alone. */
  readonly tcpTimeWait: number;
  readonly udpInUse: number;
}

/**
 * Parses /proc/<pid>/net/sockstat. `inuse` is of the namespace, and so is `tw` (since Linux 4.10, when the timewait sockets got a
 * count for each namespace); `orphan`, `alloc` and `mem` are of the whole machine, wherever they are read, and are passed over.
 * @see Linux net/ipv4/proc.c, sockstat_seq_show()
 */
export function parseSockstat(text: string): Sockstat {
  return {
    tcpInUse: valueOf(text, 'TCP', 'inuse'),
    tcpTimeWait: valueOf(text, 'TCP', 'tw'),
    udpInUse: valueOf(text, 'UDP', 'inuse'),
  };
}

/**
 * The same of /proc/<pid>/net/sockstat6: only what IPv6 sockets have in use, those that speak IPv4 as well among them.
 * @see Linux net/ipv6/proc.c, sockstat6_seq_show()
 */
export function parseSockstat6(text: string): Omit<Sockstat, 'tcpTimeWait'> {
  return { tcpInUse: valueOf(text, 'TCP6', 'inuse'), udpInUse: valueOf(text, 'UDP6', 'inuse') };
}

/** `TCP: inuse 0 orphan 0 tw 2 …`: names and values in turn. */
function valueOf(text: string, protocol: string, name: string): number {
  const line =
    text
      .split('\n')
      .slice(0, -1)
      .find((one) => one.startsWith(`${protocol}: `)) ?? '';
  const columns = splitColumns(line);
  for (let i = 1; i < columns.length; i += 2) {
    if (columns[i] === name) return parseCount(columns[i + 1]);
  }
  return NaN;
}
