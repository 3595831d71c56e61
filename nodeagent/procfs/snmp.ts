import { parseStatLines } from './stat-lines.js';

/** Of IPv4, but for TCP, which counts both there. NaN: not known. */
export interface Snmp {
  readonly tcpRetransmittedSegments: number;
  readonly tcpOutgoingResets: number;
  readonly tcpEstablishedResets: number;
  readonly udpReceiveErrors: number;
  readonly udpReceiveBufferErrors: number;
  readonly udpTransmitBufferErrors: number;
  readonly ipReceivedPackets: number;
}

/**
 * Parses /proc/<pid>/net/snmp, the counters that RFC 4293, 4022 and 4113 name. All are of the network namespace, since it was made.
 * @see Linux net/ipv4/proc.c, snmp_seq_show(): net->mib.{tcp,udp,ip}_statistics
 */
export function parseSnmp(text: string): Snmp {
  const tcp = parseStatLines(text, 'Tcp');
  const udp = parseStatLines(text, 'Udp');
  return {
    tcpRetransmittedSegments: tcp('RetransSegs'),
    tcpOutgoingResets: tcp('OutRsts'),
    tcpEstablishedResets: tcp('EstabResets'),
    udpReceiveErrors: udp('InErrors'),
    udpReceiveBufferErrors: udp('RcvbufErrors'),
    udpTransmitBufferErrors: udp('SndbufErrors'),
    ipReceivedPackets: parseStatLines(text, 'Ip')('InReceives'),
  };
}
