import { parseCount } from './stat-lines.js';

/** NaN: not known. */
export interface Snmp6 {
  readonly udpReceiveErrors: number;
  readonly udpReceiveBufferErrors: number;
  readonly udpTransmitBufferErrors: number;
  readonly ipReceivedPackets: number;
  /** Bytes of IPv6 packets, headers included and link headers not. */
  readonly ipReceivedBytes: number;
  /** Those of them to a multicast address. */
  readonly ipReceivedGroupBytes: number;
}

/**
 * Parses /proc/<pid>/net/snmp6: a name and a value in each line. All counters are of the network namespace, since it was made.
 * There is no such file where IPv6 is off for the machine (ipv6.disable=1, or no module).
 * @see Linux net/ipv6/proc.c, snmp6_seq_show()
 */
export function parseSnmp6(text: string): Snmp6 {
  const value = (name: string): number => valueOf(text, name);
  return {
    udpReceiveErrors: value('Udp6InErrors'),
    udpReceiveBufferErrors: value('Udp6RcvbufErrors'),
    udpTransmitBufferErrors: value('Udp6SndbufErrors'),
    ipReceivedPackets: value('Ip6InReceives'),
    ipReceivedBytes: value('Ip6InOctets'),
    ipReceivedGroupBytes: value('Ip6InMcastOctets') + value('Ip6InBcastOctets'),
  };
}

/** The names are padded with blanks, and a tab stands behind them. */
function valueOf(text: string, name: string): number {
  const start = text.startsWith(name) ? 0 : text.indexOf(`\n${name}`) + 1;
  if (start === 0 && !text.startsWith(name)) return NaN;
  const end = text.indexOf('\n', start);
  const rest = end < 0 ? '' : text.slice(start + name.length, end);
  return /^[ \t]/.test(rest) ? parseCount(rest.trim()) : NaN;
}
