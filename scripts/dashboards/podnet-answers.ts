import { CLUSTER, rate } from './expressions.js';
import { type Panel, table, timeSeries } from './panels.js';
import { events, gauge, quantiles, SERVERS } from './server-panels.js';

/** The routes that the HPA asks. */
const QUERIES = `${SERVERS}, route=~"/apis/(custom|external).metrics.k8s.io/.*"`;
/** Every replica has each report: what one of them counts is of all agents. */
const EACH = 'Each replica counts for itself, and every agent reports to each.';

/** What comes in. */
export const REPORTS: readonly Panel[] = [
  gauge({
    title: 'Agents by state',
    family: 'nodes',
    unit: 'short',
    description: `Agents that report, by whether their newest sample is fresh. ${EACH}`,
    by: 'state',
  }),
  gauge({
    title: 'Pods in reports',
    family: 'pods',
    unit: 'short',
    description: `Pods in the reports that each replica holds. ${EACH}`,
  }),
  events({
    title: 'Reports',
    family: 'reports',
    by: 'result, reason',
    description: `Reports per second: accepted, repeated, or refused with the reason. ${EACH}`,
  }),
  events({
    title: 'Entries left out of reports',
    family: 'report_entries_rejected',
    by: 'reason',
    description: 'Entries of accepted reports that were not taken, by reason: whoever is behind it has no number.',
  }),
  timeSeries({
    title: 'Since the last report',
    description: 'Seconds since an agent was last heard, the longest of each role: PodnetAgentSilent fires above 60 s.',
    unit: 's',
    thresholds: [30, 60],
    queries: [
      {
        expr: `max by (cluster, role) (time() - podnet_node_last_report_timestamp_seconds{${CLUSTER}})`,
        legend: '{{role}}',
      },
    ],
  }),
  table({
    title: 'Agents heard longest ago',
    description: 'The 20 of them: at the default interval none is above 15 s or so.',
    width: 12,
    queries: [{ expr: `topk(20, time() - podnet_node_last_report_timestamp_seconds{${CLUSTER}})` }],
    columns: {
      node: { name: 'Node' },
      role: { name: 'Role' },
      Value: { name: 'Last heard', unit: 's', thresholds: [30, 60] },
    },
    sortBy: { column: 'Last heard', descending: true },
  }),
  timeSeries({
    title: 'Clock steps of nodes',
    description: "Times per hour that a node's monotonic clock stepped: its history is forgotten then. 0 is normal.",
    unit: 'short',
    queries: [
      {
        expr: `max by (cluster) (increase(podnet_apiserver_node_clock_steps_total{${SERVERS}}[1h]))`,
        legend: 'steps',
      },
    ],
  }),
  quantiles({
    title: 'Time to take a report',
    histogram: 'ingest_duration_seconds',
    by: 'cluster, instance',
    description: 'To inflate, check, store and render one.',
  }),
  quantiles({
    title: 'Wait of reports',
    histogram: 'ingest_queue_wait_seconds',
    by: 'cluster, instance',
    description: 'Before a report is worked off; beyond 5 s they are shed.',
  }),
  gauge({
    title: 'Reports waiting',
    family: 'ingest_queue_reports',
    unit: 'short',
    description: 'Reports that wait to be worked off.',
  }),
  gauge({
    title: 'Size of reports waiting',
    family: 'ingest_queue_bytes',
    unit: 'bytes',
    description: 'As they came.',
  }),
  events({
    title: 'Size of reports',
    family: 'report_bytes',
    by: 'encoding',
    description: 'Bytes per second, as they came (gzip) and inflated (identity).',
  }),
];

/** What goes out. */
export const ANSWERS: readonly Panel[] = [
  quantiles({
    title: 'Latency of HPA queries',
    histogram: 'request_duration_seconds',
    by: 'cluster, instance, route',
    description: 'Of custom.metrics.k8s.io and external.metrics.k8s.io: below 10 ms is what it is built for.',
    matchers: QUERIES,
  }),
  timeSeries({
    title: 'HPA queries by code',
    description: 'Queries per second. A 404 is an answer: what is not known is absent.',
    unit: 'reqps',
    queries: [
      {
        expr: `sum by (cluster, instance, code) (${rate('podnet_apiserver_request_duration_seconds_count', QUERIES)})`,
        legend: '{{instance}} {{code}}',
      },
    ],
  }),
  timeSeries({
    title: 'All requests by code',
    description: 'Requests per second over all routes, reports and scrapes included.',
    unit: 'reqps',
    queries: [
      {
        expr: `sum by (cluster, instance, code) (${rate('podnet_apiserver_request_duration_seconds_count', SERVERS)})`,
        legend: '{{instance}} {{code}}',
      },
    ],
  }),
  quantiles({
    title: 'Age of answers',
    histogram: 'sample_age_seconds',
    by: 'cluster, group',
    description: 'Of the oldest sample that a value answered ends with.',
  }),
  events({
    title: 'Scrapes',
    family: 'scrapes',
    by: 'result',
    description: 'Scrapes of /metrics per second by result.',
  }),
  gauge({
    title: 'Scrapes under way',
    family: 'scrapes_under_way',
    unit: 'short',
    description: 'Scrapes that are being answered.',
  }),
  events({
    title: 'Size of scrapes',
    family: 'scrape_bytes',
    by: 'encoding',
    description: 'Bytes per second that were handed over to be sent.',
  }),
  gauge({
    title: 'Held for scrapes',
    family: 'scrape_held_bytes',
    unit: 'bytes',
    description: 'Bytes of lines that scrapes under way are of.',
  }),
  events({
    title: 'Lines that could not be made',
    family: 'exposition_failures',
    by: 'cluster',
    description: 'Times per second that the lines of a node or a family were left out of /metrics. 0 is normal.',
  }),
  events({
    title: 'Requests over a limit',
    family: 'requests_over_limit',
    by: 'limit',
    description: 'Requests refused because too many were in flight.',
  }),
  events({
    title: 'Connections refused',
    family: 'connections_refused',
    by: 'reason',
    description:
      'Connections closed unanswered because others were open: of their client address (--max-connections-per-address), or of all together (server). 0 is normal.',
  }),
];
