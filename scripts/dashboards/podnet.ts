import type { DashboardSpec } from './dashboard.js';
import { CLUSTER, quantile, rate } from './expressions.js';
import { type Panel, stat, timeSeries } from './panels.js';
import { AGENT_SECTION } from './podnet-agents.js';
import { ANSWERS, REPORTS } from './podnet-answers.js';
import { events, gauge, SERVERS } from './server-panels.js';
import { clusterVariable, labelVariable } from './variables.js';

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
    queries: [{ expr: quantile(0.99, 'podnet_apiserver_sample_age_seconds', { matchers: CLUSTER, by: 'cluster' }) }],
  }),
  stat({
    title: 'Certificate ends in',
    description: 'Of the replica whose certificate ends first. Renewed by itself after two thirds of its life.',
    unit: 's',
    thresholds: [14 * 86_400, 7 * 86_400],
    queries: [
      {
        expr: `min by (cluster) (podnet_apiserver_certificate_expiration_timestamp_seconds{${CLUSTER}} > 0) - time()`,
      },
    ],
  }),
];

const itself: readonly Panel[] = [
  gauge({
    title: 'Memory',
    family: 'process_resident_memory_bytes',
    unit: 'bytes',
    description: 'Resident memory of each replica.',
  }),
  timeSeries({
    title: 'CPU',
    description: 'Cores that each replica uses.',
    unit: 'short',
    queries: [{ expr: rate('podnet_apiserver_process_cpu_seconds_total', SERVERS), legend: '{{instance}}' }],
  }),
  gauge({
    title: 'Event loop',
    family: 'event_loop_delay_seconds',
    unit: 's',
    description: 'Time in which nothing was answered: the longest of the last minute, and the 99th percentile.',
    by: 'statistic',
  }),
  gauge({
    title: 'Requests in flight',
    family: 'requests_in_flight',
    unit: 'short',
    description: 'Requests being answered.',
  }),
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
  gauge({
    title: 'Entries of caches',
    family: 'auth_cache_entries',
    unit: 'short',
    description: 'Answers of reviews that are remembered.',
    by: 'cache',
  }),
  gauge({
    title: 'Exposer',
    family: 'exposing',
    unit: 'short',
    description: 'Which replica shows the series of the cluster: 1 on one, but for a hand-over.',
  }),
  gauge({
    title: 'Since the Kubernetes API was heard',
    family: 'kubernetes_contact_age_seconds',
    unit: 's',
    description: 'Of each list that is followed; not ready above 180 s.',
    by: 'resource',
  }),
  gauge({
    title: 'Objects that could not be read',
    family: 'kubernetes_objects_skipped',
    unit: 'short',
    description: 'Of each list that is followed, since the start.',
    by: 'resource',
  }),
  gauge({
    title: 'Pods beyond the limit of their namespace',
    family: 'pods_beyond_max_series',
    unit: 'short',
    description: 'Pods that have no series for --max-series. Absent where nobody is left out.',
    by: 'namespace',
  }),
  gauge({
    title: 'Limit of series',
    family: 'max_series',
    unit: 'short',
    description: 'The --max-series of each namespace; 0: no limit.',
  }),
  events({
    title: 'Authentication',
    family: 'authentication_attempts',
    by: 'method, result',
    description: 'Credentials looked at per second.',
  }),
  events({
    title: 'Authorization',
    family: 'authorization_decisions',
    by: 'result, cached',
    description: 'Decisions per second, asked for or known.',
  }),
  events({
    title: 'Tokens of agents',
    family: 'agent_tokens',
    by: 'source, result',
    description: 'Judged per second, by what judged them.',
  }),
];

const cloudWatch: readonly Panel[] = [
  gauge({
    title: 'Publishes',
    family: 'cloudwatch_is_publisher',
    unit: 'short',
    description: 'Which replica publishes: 1 on one of them.',
  }),
  gauge({
    title: 'Pushes not known to be published',
    family: 'cloudwatch_queue_periods',
    unit: 'short',
    description: 'More than two: publishing is behind.',
  }),
  events({
    title: 'Requests to CloudWatch',
    family: 'cloudwatch_requests',
    by: 'result',
    description: 'Per second by result; all but invalid are made again.',
  }),
  events({
    title: 'Values given up',
    family: 'cloudwatch_dropped_values',
    by: 'reason',
    description: 'Per second: expired, invalid or clock. 0 is normal.',
  }),
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
    { title: 'Reports', panels: REPORTS },
    { title: 'Answers', panels: ANSWERS },
    { title: 'Replicas', panels: itself },
    AGENT_SECTION,
    { title: 'CloudWatch (with --publish.cloudwatch)', panels: cloudWatch },
  ],
};
