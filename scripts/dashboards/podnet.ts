import { AGENT_SECTION } from './podnet-agents.js';
import type { DashboardSpec } from './dashboard.js';
import { CLUSTER, quantile, rate } from './expressions.js';
import { type Panel, stat, table, timeSeries } from './panels.js';
import { clusterVariable, labelVariable } from './variables.js';

const SERVERS = `${CLUSTER}, instance=~"$instance"`;
/** The routes that the HPA asks. */
const QUERIES = `${SERVERS}, route=~"/apis/(custom|external).metrics.k8s.io/.*"`;
/** Every replica has each report: what one of them counts is of all agents. */
const EACH = 'Each replica counts for itself, and every agent reports to each.';

const events = (title: string, family: string, by: string, description: string): Panel =>
  timeSeries({
    ...{ title, unit: 'cps', description },
    queries: [
      {
        expr: `sum by (cluster, instance, ${by}) (${rate(`podnet_apiserver_${family}_total`, SERVERS)})`,
        legend: `{{instance}} {{${by.split(', ').join('}} {{')}}}`,
      },
    ],
  });

const gauge = (title: string, family: string, unit: string, description: string, by?: string): Panel =>
  timeSeries({
    ...{ title, unit, description },
    queries: [
      {
        expr: `podnet_apiserver_${family}{${SERVERS}}`,
        legend: by === undefined ? '{{instance}}' : `{{instance}} {{${by}}}`,
      },
    ],
  });

const quantiles = (title: string, histogram: string, by: string, description: string, matchers = SERVERS): Panel =>
  timeSeries({
    ...{ title, unit: 's', description: `${description} Median and 99th percentile.` },
    queries: [0.5, 0.99].map((q) => ({
      expr: quantile(q, `podnet_apiserver_${histogram}`, matchers, by),
      legend: `{{${by.split(', ').slice(1).join('}} {{')}}} p${q * 100}`,
    })),
  });

const health: readonly Panel[] = [
  stat({
    title: 'Replicas',
    description: 'Replicas of the apiserver that are scraped.',
    unit: 'short',
    queries: [{ expr: `count by (cluster) (podnet_apiserver_build_info{${CLUSTER}})` }],
  }),
  stat({
    title: 'Exposing',
    description: 'Replicas that show the series of the cluster: one, and for the time of a hand-over none.',
    unit: 'short',
    thresholds: [1, 0.5],
    queries: [{ expr: `sum by (cluster) (podnet_apiserver_exposing{${CLUSTER}})` }],
  }),
  stat({
    title: 'Agents, fresh',
    description: 'Agents whose newest sample is fresh enough to be served, on the replica that knows the fewest.',
    unit: 'short',
    queries: [{ expr: `min by (cluster) (podnet_apiserver_nodes{${CLUSTER}, state="fresh"})` }],
  }),
  stat({
    title: 'Agents, stale',
    description: 'Agents whose values are not served any more, on the replica that knows the most of them.',
    unit: 'short',
    thresholds: [1, 5],
    queries: [{ expr: `max by (cluster) (podnet_apiserver_nodes{${CLUSTER}, state="stale"})` }],
  }),
  stat({
    title: 'Age of what HPAs read, p99',
    description:
      'Of the oldest sample that an answer ends with. At the default interval none is to be older than 16 s.',
    unit: 's',
    thresholds: [16, 30],
    queries: [{ expr: quantile(0.99, 'podnet_apiserver_sample_age_seconds', CLUSTER, 'cluster') }],
  }),
  stat({
    title: 'Certificate ends in',
    description: 'Of the replica whose certificate ends first. Renewed by itself after two thirds of its life.',
    unit: 's',
    thresholds: [14 * 86_400, 7 * 86_400],
    queries: [
      {
        expr: `min by (cluster) (podnet_apiserver_certificate_expiration_timestamp_seconds{${CLUSTER}}) - time()`,
      },
    ],
  }),
];

const reports: readonly Panel[] = [
  gauge(
    'Agents by state',
    'nodes',
    'short',
    `Agents that report, by whether their newest sample is fresh. ${EACH}`,
    'state',
  ),
  gauge('Pods in reports', 'pods', 'short', `Pods in the reports that each replica holds. ${EACH}`),
  events(
    'Reports',
    'reports',
    'result, reason',
    `Reports per second: accepted, repeated, or refused with the reason. ${EACH}`,
  ),
  events(
    'Entries left out of reports',
    'report_entries_rejected',
    'reason',
    'Entries of accepted reports that were not taken, by reason: whoever is behind it has no number.',
  ),
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
    description: 'Those that were not heard for more than 30 s. Empty is the good case.',
    width: 12,
    queries: [{ expr: `topk(50, time() - podnet_node_last_report_timestamp_seconds{${CLUSTER}} > 30)` }],
    columns: {
      node: { name: 'Node' },
      role: { name: 'Role' },
      Value: { name: 'Last heard', unit: 's', thresholds: [45, 60] },
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
  quantiles(
    'Time to take a report',
    'ingest_duration_seconds',
    'cluster, instance',
    'To inflate, check, store and render one.',
  ),
  quantiles(
    'Wait of reports',
    'ingest_queue_wait_seconds',
    'cluster, instance',
    'Before a report is worked off; beyond 5 s they are shed.',
  ),
  gauge('Reports waiting', 'ingest_queue_reports', 'short', 'Reports that wait to be worked off.'),
  gauge('Size of reports waiting', 'ingest_queue_bytes', 'bytes', 'As they came.'),
  events(
    'Size of reports',
    'report_bytes',
    'encoding',
    'Bytes per second, as they came (gzip) and inflated (identity).',
  ),
];

const answers: readonly Panel[] = [
  quantiles(
    'Latency of HPA queries',
    'request_duration_seconds',
    'cluster, instance, route',
    'Of custom.metrics.k8s.io and external.metrics.k8s.io: below 10 ms is what it is built for.',
    QUERIES,
  ),
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
  quantiles(
    'Age of answers',
    'sample_age_seconds',
    'cluster, group',
    'Of the oldest sample that a value answered ends with.',
  ),
  events('Scrapes', 'scrapes', 'result', 'Scrapes of /metrics per second by result.'),
  gauge('Scrapes under way', 'scrapes_under_way', 'short', 'Scrapes that are being answered.'),
  events('Size of scrapes', 'scrape_bytes', 'encoding', 'Bytes per second that were handed over to be sent.'),
  gauge('Held for scrapes', 'scrape_held_bytes', 'bytes', 'Bytes of lines that scrapes under way are of.'),
  events(
    'Lines that could not be made',
    'exposition_failures',
    'cluster',
    'Times per second that the lines of a node or a family were left out of /metrics. 0 is normal.',
  ),
  events('Requests over a limit', 'requests_over_limit', 'limit', 'Requests refused because too many were in flight.'),
];

const itself: readonly Panel[] = [
  gauge('Memory', 'process_resident_memory_bytes', 'bytes', 'Resident memory of each replica.'),
  timeSeries({
    title: 'CPU',
    description: 'Cores that each replica uses.',
    unit: 'short',
    queries: [{ expr: rate('podnet_apiserver_process_cpu_seconds_total', SERVERS), legend: '{{instance}}' }],
  }),
  gauge(
    'Event loop',
    'event_loop_delay_seconds',
    's',
    'Time in which nothing was answered: the longest of the last minute, and the 99th percentile.',
    'statistic',
  ),
  gauge('Requests in flight', 'requests_in_flight', 'short', 'Requests being answered.'),
  timeSeries({
    title: 'Hits of caches',
    description: 'Share of lookups that a cache answered. Absent while nobody looks anything up.',
    unit: 'percentunit',
    max: 1,
    queries: [
      {
        expr: `sum by (cluster, instance, cache) (${rate('podnet_apiserver_cache_lookups_total', `${SERVERS}, result="hit"`)}) / sum by (cluster, instance, cache) (${rate('podnet_apiserver_cache_lookups_total', SERVERS)})`,
        legend: '{{instance}} {{cache}}',
      },
    ],
  }),
  gauge('Entries of caches', 'auth_cache_entries', 'short', 'Answers of reviews that are remembered.', 'cache'),
  gauge(
    'Exposer',
    'exposing',
    'short',
    'Which replica shows the series of the cluster: 1 on one, but for a hand-over.',
  ),
  gauge(
    'Since the Kubernetes API was heard',
    'kubernetes_contact_age_seconds',
    's',
    'Of each list that is followed; not ready above 180 s.',
    'resource',
  ),
  gauge(
    'Objects that could not be read',
    'kubernetes_objects_skipped',
    'short',
    'Of each list that is followed, since the start.',
    'resource',
  ),
  gauge(
    'Pods beyond the limit of their namespace',
    'pods_beyond_max_series',
    'short',
    'Pods that have no series for --max-series. Absent where nobody is left out.',
    'namespace',
  ),
  gauge('Limit of series', 'max_series', 'short', 'The --max-series of each namespace; 0: no limit.'),
  events('Authentication', 'authentication_attempts', 'method, result', 'Credentials looked at per second.'),
  events('Authorization', 'authorization_decisions', 'result, cached', 'Decisions per second, asked for or known.'),
  events('Tokens of agents', 'agent_tokens', 'source, result', 'Judged per second, by what judged them.'),
  events('Certificates', 'certificate_loads', 'result', 'Certificates looked at for serving, per second.'),
];

const cloudWatch: readonly Panel[] = [
  gauge('Publishes', 'cloudwatch_is_publisher', 'short', 'Which replica publishes: 1 on one of them.'),
  gauge(
    'Pushes not known to be published',
    'cloudwatch_queue_periods',
    'short',
    'More than two: publishing is behind.',
  ),
  events(
    'Requests to CloudWatch',
    'cloudwatch_requests',
    'result',
    'Per second by result; all but invalid are made again.',
  ),
  events(
    'Values given up',
    'cloudwatch_dropped_values',
    'reason',
    'Per second: expired, invalid or clock. 0 is normal.',
  ),
  timeSeries({
    title: 'Since the last value was taken',
    description: 'Of the replica that published last. Absent before the first.',
    unit: 's',
    thresholds: [180, 600],
    queries: [
      {
        expr: `time() - max by (cluster) (podnet_apiserver_cloudwatch_last_published_timestamp_seconds{${CLUSTER}})`,
        legend: 'age',
      },
    ],
  }),
];

export const PODNET: DashboardSpec = {
  name: 'podnet',
  title: 'podnet / podnet itself',
  description: 'Whether what podnet says can be trusted: agents, reports, answers, and what it costs.',
  variables: [
    clusterVariable('podnet_apiserver_build_info'),
    labelVariable('instance', {
      label: 'Replica',
      description: 'Of the apiserver.',
      from: `podnet_apiserver_build_info{${CLUSTER}}`,
    }),
  ],
  sections: [
    { title: 'Health', panels: health },
    { title: 'Reports', panels: reports },
    { title: 'Answers', panels: answers },
    { title: 'Replicas', panels: itself },
    AGENT_SECTION,
    { title: 'CloudWatch (with --publish.cloudwatch)', panels: cloudWatch },
  ],
};
