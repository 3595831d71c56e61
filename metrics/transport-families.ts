import { TRANSPORT_COUNTERS } from '../openapi/report-terms.js';
import type { MetricFamily, RateFamily } from './catalogue.js';
import { POD_LABELS } from './labels.js';

type TransportCounter = (typeof TRANSPORT_COUNTERS)[number];

/** A family of what the network stack of a pod says of TCP and UDP. */
export interface TransportFamily extends MetricFamily {
  /** Its series: for each the column in a reading, and the labels that tell it from the others. */
  readonly series: readonly {
    readonly column: number;
    readonly labels: readonly (readonly [name: string, value: string])[];
  }[];
}

interface Described extends Pick<MetricFamily, 'name' | 'help' | 'unit'> {
  /** Of a family that has a series for each. */
  readonly protocol?: 'tcp' | 'udp';
}

const SOCKETS = { name: 'podnet_sockets', unit: 'sockets', help: 'Sockets of the pod in use.' };

const DESCRIBED: Readonly<Record<TransportCounter, Described>> = {
  tcpRetransmittedSegments: {
    name: 'podnet_tcp_retransmitted_segments_total',
    unit: 'segments',
    help: 'TCP segments that the pod sent again.',
  },
  tcpOutgoingResets: {
    name: 'podnet_tcp_outgoing_resets_total',
    help: 'TCP segments with the RST flag that the pod sent.',
  },
  tcpEstablishedResets: {
    name: 'podnet_tcp_established_resets_total',
    help: 'Established TCP connections of the pod that were reset, by either end.',
  },
  tcpListenOverflows: {
    name: 'podnet_tcp_listen_overflows_total',
    help: 'TCP connections that the pod did not take because the accept queue of a listening socket was full.',
  },
  tcpListenDrops: {
    name: 'podnet_tcp_listen_drops_total',
    help: 'TCP connections to listening sockets of the pod that were dropped, for a full accept queue or otherwise.',
  },
  tcpSocketsInUse: { ...SOCKETS, protocol: 'tcp' },
  tcpSocketsTimeWait: { name: 'podnet_tcp_sockets_time_wait', help: 'TCP sockets of the pod in TIME_WAIT.' },
  udpSocketsInUse: { ...SOCKETS, protocol: 'udp' },
  udpReceiveErrors: {
    name: 'podnet_udp_receive_errors_total',
    unit: 'errors',
    help: 'UDP datagrams that did not reach a socket of the pod: no buffer space, a bad checksum or another error.',
  },
  udpReceiveBufferErrors: {
    name: 'podnet_udp_receive_buffer_errors_total',
    unit: 'errors',
    help: 'UDP datagrams that did not reach a socket of the pod because its receive buffer was full.',
  },
  udpTransmitBufferErrors: {
    name: 'podnet_udp_transmit_buffer_errors_total',
    unit: 'errors',
    help: 'UDP datagrams that the pod could not send for want of buffer space.',
  },
  conntrackEntries: {
    name: 'podnet_conntrack_entries',
    unit: 'entries',
    help: "Connections that are tracked in the pod's own network namespace.",
  },
};

const RATES: Readonly<Partial<Record<TransportCounter, Pick<RateFamily, 'rateName' | 'rateHelp'>>>> = {
  tcpRetransmittedSegments: {
    rateName: 'network_tcp_retransmitted_segments_per_second',
    rateHelp:
      'TCP segments that the pod sent again, per second. Counted of the pod as a whole: not of an interface or a network.',
  },
};

/** The families of the transport counters, in the order of a reading. */
export const TRANSPORT_FAMILIES: readonly TransportFamily[] = families();

/** Those whose rate the HPA can ask for. */
export const TRANSPORT_RATE_FAMILIES: readonly RateFamily[] = TRANSPORT_FAMILIES.flatMap((family) =>
  family.series.flatMap(({ column }) => {
    const counter = TRANSPORT_COUNTERS[column];
    const rate = counter && RATES[counter];
    return rate === undefined ? [] : [{ ...family, ...rate, level: 'pod' as const, column }];
  }),
);

function families(): TransportFamily[] {
  const byName = new Map<string, TransportFamily>();
  for (const [column, counter] of TRANSPORT_COUNTERS.entries()) {
    const { protocol, ...described } = DESCRIBED[counter];
    const labels = protocol === undefined ? [] : [['protocol', protocol] as const];
    byName.set(described.name, {
      ...described,
      type: described.name.endsWith('_total') ? 'counter' : 'gauge',
      labels: [...POD_LABELS, ...labels.map(([name]) => name)],
      series: [...(byName.get(described.name)?.series ?? []), { column, labels }],
      stability: 'alpha',
    });
  }
  return [...byName.values()];
}
