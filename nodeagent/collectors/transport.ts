import { setImmediate } from 'node:timers/promises';
import { TRANSPORT_COUNTERS } from '../../openapi/report-terms.js';
import type { Netns, Pod } from '../inventory/pod.js';
import { readInNetns } from '../inventory/read-netns.js';
import { ProcTooLargeError, isDenied, isGone } from '../procfs/errors.js';
import type { ProcFs } from '../procfs/fs.js';
import { parseNetstat } from '../procfs/netstat.js';
import { parseConntrackEntries } from '../procfs/nf-conntrack.js';
import { parseSnmp } from '../procfs/snmp.js';
import { parseSnmp6 } from '../procfs/snmp6.js';
import { parseSockstat, parseSockstat6 } from '../procfs/sockstat.js';
import type { Collector, CollectorDeps, Sweep, TransportReading } from './collector.js';

/** Pods read before others get their turn: some 2 ms. */
const PODS_AT_A_TIME = 16;

/**
 * What TCP, UDP and connection tracking count in the network namespace of every pod. What cannot be read is not known, counter by
 * counter. net/tcp is never read: it walks the hash of the whole machine, milliseconds for each pod.
 */
export function createTransportCollector(deps: CollectorDeps): Collector {
  return async (sweep, signal) => {
    for (const [i, pod] of sweep.pods.entries()) {
      if (i > 0 && i % PODS_AT_A_TIME === 0) await setImmediate();
      if (pod.hostNetwork) continue;
      const { netns, netnsAbsence = 'no_process' } = pod;
      if (signal.aborted) sweep.skip(pod, 'no_time');
      else if (netns !== undefined) collectPod(pod, { netns, sweep, deps });
      else if (netnsAbsence !== 'none') sweep.skip(pod, netnsAbsence);
    }
  };
}

interface Place {
  readonly netns: Netns;
  readonly sweep: Sweep;
  readonly deps: CollectorDeps;
}

/** Whatever goes wrong in one pod costs that pod: what is in its namespace is its own doing. */
function collectPod(pod: Pod, { netns, sweep, deps: { procfs, forget } }: Place): void {
  try {
    const read = readInNetns(netns, { procfs, onMoved: forget }, (pid) => readPod(procfs, pid));
    if (typeof read === 'string') sweep.skip(pod, read);
    else sweep.addTransport(pod, read.value);
  } catch (error) {
    sweep.skip(pod, 'failed', error);
  }
}

function readPod(procfs: ProcFs, pid: number): TransportReading {
  const file = (name: string): string | undefined => readOrEmpty(procfs, `${pid}/net/${name}`);
  const snmp = parseSnmp(file('snmp') ?? '');
  const netstat = parseNetstat(file('netstat') ?? '');
  const sockstat = parseSockstat(file('sockstat') ?? '');
  const text6 = file('snmp6');
  const snmp6 = text6 === undefined ? undefined : parseSnmp6(text6);
  const sockstat6 = snmp6 === undefined ? undefined : parseSockstat6(file('sockstat6') ?? '');
  const conntrack = file('stat/nf_conntrack') ?? '';
  const counters: Readonly<Record<(typeof TRANSPORT_COUNTERS)[number], number>> = {
    tcpRetransmittedSegments: snmp.tcpRetransmittedSegments,
    tcpOutgoingResets: snmp.tcpOutgoingResets,
    tcpEstablishedResets: snmp.tcpEstablishedResets,
    tcpListenOverflows: netstat.tcpListenOverflows,
    tcpListenDrops: netstat.tcpListenDrops,
    tcpSocketsInUse: sockstat.tcpInUse + (sockstat6?.tcpInUse ?? 0),
    tcpSocketsTimeWait: sockstat.tcpTimeWait,
    udpSocketsInUse: sockstat.udpInUse + (sockstat6?.udpInUse ?? 0),
    udpReceiveErrors: snmp.udpReceiveErrors + (snmp6?.udpReceiveErrors ?? 0),
    udpReceiveBufferErrors: snmp.udpReceiveBufferErrors + (snmp6?.udpReceiveBufferErrors ?? 0),
    udpTransmitBufferErrors: snmp.udpTransmitBufferErrors + (snmp6?.udpTransmitBufferErrors ?? 0),
    conntrackEntries: parseConntrackEntries(conntrack),
  };
  return {
    counters: TRANSPORT_COUNTERS.map((name) => counters[name]),
    ip: {
      bytes: netstat.ipReceivedBytes + (snmp6?.ipReceivedBytes ?? 0),
      groupBytes: netstat.ipReceivedGroupBytes + (snmp6?.ipReceivedGroupBytes ?? 0),
      packets: snmp.ipReceivedPackets + (snmp6?.ipReceivedPackets ?? 0),
    },
  };
}

/**
 * Undefined where there is no such file: IPv6 is off, connection tracking is not loaded. Empty where there is one that cannot be
 * read: then what it would tell is not known. A process that is gone is found out by who looks at its namespace afterwards.
 */
function readOrEmpty(procfs: ProcFs, path: string): string | undefined {
  try {
    return procfs.read(path);
  } catch (error) {
    if (isGone(error)) return undefined;
    if (isDenied(error) || error instanceof ProcTooLargeError) return '';
    throw error;
  }
}
