import type { Section } from './dashboard.js';
import { most, rate } from './expressions.js';
import { type Panel, timeSeries } from './panels.js';
import { BY_POD, MOST, OF_PODS, OF_WORKLOADS, PODS_SHOWN } from './pod-selectors.js';

const transport = (title: string, series: readonly string[], description: string): Panel =>
  timeSeries({
    title,
    description: `${description} Of the pod as a whole, not of an interface or a network. ${MOST}`,
    unit: 'cps',
    queries: series.map((name) => ({
      expr: most(PODS_SHOWN, `sum by (${BY_POD}) (${rate(`podnet_${name}_total`, OF_PODS)} * ${OF_WORKLOADS})`),
      legend: `{{namespace}}/{{pod}} ${name.replace(/^(tcp|udp)_/, '').replaceAll('_', ' ')}`,
    })),
  });

interface Held {
  readonly title: string;
  readonly expr: string;
  readonly legend: string;
  readonly description: string;
}

const held = ({ title, expr, legend, description }: Held): Panel =>
  timeSeries({
    title,
    description: `${description} ${MOST}`,
    unit: 'short',
    queries: [{ expr: most(PODS_SHOWN, expr), legend }],
  });

export const TRANSPORT_SECTION: Section = {
  title: 'TCP and UDP of pods',
  panels: [
    transport(
      'TCP segments retransmitted',
      ['tcp_retransmitted_segments'],
      'Segments per second that the pod sent again: loss on the way, or a peer that does not answer.',
    ),
    transport(
      'TCP resets',
      ['tcp_outgoing_resets', 'tcp_established_resets'],
      'Segments with RST that the pod sent, and established connections that were reset by either end.',
    ),
    transport(
      'TCP connections not accepted',
      ['tcp_listen_overflows', 'tcp_listen_drops'],
      'Connections that the pod did not take because the accept queue of a listening socket was full, and all that were dropped there.',
    ),
    transport(
      'UDP datagrams lost at sockets',
      ['udp_receive_errors', 'udp_receive_buffer_errors', 'udp_transmit_buffer_errors'],
      'Datagrams that reached no socket of the pod, those of them for a full receive buffer, and those that it could not send for want of buffer space.',
    ),
    held({
      title: 'Sockets',
      expr: `sum by (${BY_POD}, protocol) (podnet_sockets{${OF_PODS}} * ${OF_WORKLOADS})`,
      legend: '{{namespace}}/{{pod}} {{protocol}}',
      description: 'Sockets of each pod in use.',
    }),
    held({
      title: 'TCP sockets in TIME_WAIT',
      expr: `sum by (${BY_POD}) (podnet_tcp_sockets_time_wait{${OF_PODS}} * ${OF_WORKLOADS})`,
      legend: '{{namespace}}/{{pod}}',
      description: 'Connections that the pod closed and that the kernel still remembers.',
    }),
    held({
      title: 'Connections tracked',
      expr: `sum by (${BY_POD}) (podnet_conntrack_entries{${OF_PODS}} * ${OF_WORKLOADS})`,
      legend: '{{namespace}}/{{pod}}',
      description: "Entries of conntrack in the pod's own network namespace.",
    }),
  ],
};
