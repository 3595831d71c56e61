import { parseStatLines } from './stat-lines.js';

/** NaN: not known. */
export interface Netstat {
  readonly tcpListenOverflows: number;
  readonly tcpListenDrops: number;
  /** Bytes of IPv4 packets, headers included and link headers not, as IP got them: more than one segment where GRO joined them. */
  readonly ipReceivedBytes: number;
  /** Those of them to a multicast or broadcast address. */
  readonly ipReceivedGroupBytes: number;
}

/**
 * Parses /proc/<pid>/net/netstat. All counters are of the network namespace, since it was made.
 * @see Linux net/ipv4/proc.c, netstat_seq_show(): net->mib.net_statistics and ip_statistics
 */
export function parseNetstat(text: string): Netstat {
  const tcp = parseStatLines(text, 'TcpExt');
  const ip = parseStatLines(text, 'IpExt');
  return {
    tcpListenOverflows: tcp('ListenOverflows'),
    tcpListenDrops: tcp('ListenDrops'),
    ipReceivedBytes: ip('InOctets'),
    ipReceivedGroupBytes: ip('InMcastOctets') + ip('InBcastOctets'),
  };
}
