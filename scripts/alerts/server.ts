import { UNAVAILABLE_APISERVICE } from '../promql/known-families.js';
import { last, rate, type AlertGroup } from './alert.js';

const DAY = 86_400;
const REPORTS = 'podnet_apiserver_reports_total';
/** The routes that the HPA asks. */
const QUERIES = 'route=~"/apis/(custom|external).metrics.k8s.io/.*"';
const REQUESTS = 'podnet_apiserver_request_duration_seconds';
const LAST_REPORT = 'podnet_node_last_report_timestamp_seconds';
const FRESH = 'podnet_apiserver_nodes{state="fresh"}';
type Role = 'node' | 'probe';
/** When each agent was heard; of one whose replicas are scraped with labels of their own, once. */
const heard = (role: Role, range?: string): string =>
  `max by (cluster, node, role) (${last(`${LAST_REPORT}{role="${role}"}`, range)})`;
/** For four intervals of the agents. */
const silent = (role: Role): string => `time() - ${heard(role)} > 60`;
/** The server forgets an agent; while the other one on the same node is heard, the node is there, and the agent ought to be. */
const lost = (role: Role, other: Role): string =>
  `time() - ${heard(role, '1h')} > 60 and on (cluster, node) time() - ${heard(other)} < 120`;
const APISERVICES = 'v1beta[12].custom.metrics.k8s.io|v1beta1.external.metrics.k8s.io|v1alpha1.podnet.dev';
const CERTIFICATE_ENDS =
  'min by (cluster, instance) (podnet_apiserver_certificate_expiration_timestamp_seconds > 0) - time()';

/** The apiserver: is it there, does it hear everybody, does it answer. */
export const SERVER: AlertGroup = {
  name: 'podnet',
  alerts: [
    {
      name: 'PodnetDown',
      severity: 'critical',
      expr: 'absent(podnet_apiserver_build_info)',
      for: '5m',
      summary: 'No replica of podnet is scraped.',
      description: 'Where none runs HPAs on network metrics hold their size. No other alert of podnet can fire.',
    },
    {
      name: 'PodnetNotExposing',
      severity: 'critical',
      expr: 'max by (cluster) (podnet_apiserver_exposing) == 0',
      for: '3m',
      summary: 'No replica of podnet shows the series of the cluster.',
      description: 'Every podnet_* series of pods and nodes is absent from Prometheus. HPAs are not affected.',
    },
    {
      name: 'PodnetApiServiceUnavailable',
      severity: 'critical',
      expr: `max by (cluster, name) (${UNAVAILABLE_APISERVICE.name}{name=~"${APISERVICES}"}) == 1`,
      for: '5m',
      summary: 'The APIService {{ $labels.name }} is not available.',
      description:
        'kube-apiserver does not reach who serves it: HPAs that use it hold their size, and namespaces are not deleted.',
    },
    {
      name: 'PodnetCertificateExpires',
      severity: 'warning',
      expr: `${CERTIFICATE_ENDS} < ${14 * DAY}`,
      for: '1h',
      summary: 'The certificate of podnet {{ $labels.instance }} ends in {{ $value | humanizeDuration }}.',
      description:
        'What podnet makes for itself is renewed a month before, and files that were given are followed: neither has happened.',
    },
    {
      name: 'PodnetCertificateExpires',
      severity: 'critical',
      expr: `${CERTIFICATE_ENDS} < ${3 * DAY}`,
      for: '5m',
      summary: 'The certificate of podnet {{ $labels.instance }} ends in {{ $value | humanizeDuration }}.',
      description: 'When it has ended, kube-apiserver and agents do not talk to this replica any more.',
    },
    {
      name: 'PodnetAuthorityUnreadable',
      severity: 'warning',
      expr: `sum by (cluster, instance) (${rate('podnet_apiserver_certificate_loads_total', 'result="failed"')}) > 0`,
      for: '15m',
      summary: 'Replica {{ $labels.instance }} cannot read or cannot write the authority that it shares with others.',
      description: 'It serves what it remembers, which goes with the last replica. One that starts now is not ready.',
    },
    {
      name: 'PodnetAuthorityUnpublished',
      severity: 'warning',
      expr: `sum by (cluster, object) (${rate('podnet_apiserver_ca_publications_total', 'object=~"ConfigMap .*", result=~"absent|failed"')}) > 0`,
      for: '15m',
      summary: 'The {{ $labels.object }} cannot be given the authority of the server.',
      description: 'Agents that start push nothing, and none learns of the next authority before it signs.',
    },
    {
      name: 'PodnetSeriesAbsent',
      severity: 'critical',
      expr: `max by (cluster) (${FRESH}) > 0 unless on (cluster) count by (cluster) (${last(LAST_REPORT)})`,
      for: '5m',
      summary: 'The server hears {{ $value }} agents, and Prometheus has nothing of what they say.',
      description:
        'The scrape of ?exposer=only fails: every podnet_* series of pods and nodes is absent, alerts on them are silent.',
    },
    {
      name: 'PodnetAllAgentsSilent',
      severity: 'critical',
      expr: `max by (cluster) (${FRESH}) == 0 and on (cluster) max by (cluster) (max_over_time(${FRESH}[1d])) > 0`,
      for: '5m',
      summary: 'No agent is heard by any replica of podnet any more.',
      description:
        'No pod has values: HPAs on network metrics hold their size, and no alert about pods or nodes can fire.',
    },
    {
      name: 'PodnetAgentSilent',
      severity: 'warning',
      expr: `${silent('node')} or ${lost('node', 'probe')}`,
      // a node that was removed is forgotten before
      for: '8m',
      summary: 'The agent of node {{ $labels.node }} has been silent for {{ $value | humanizeDuration }}.',
      description: 'Its pods have no values: their HPAs and series are absent, no alert about them can fire.',
    },
    {
      name: 'PodnetProbeSilent',
      severity: 'warning',
      expr: `${lost('probe', 'node')} or ${silent('probe')} unless on (cluster, node) (${heard('node')})`,
      // where no other agent tells that the node is there, it is forgotten soon
      for: '2m',
      summary: 'The prober of node {{ $labels.node }} has been silent for {{ $value | humanizeDuration }}.',
      description:
        'Nobody hears what the node sees of its peers, of DNS and of time servers. Its agent of role node is heard, or there is none; then the node may be gone, and this ends within minutes.',
    },
    {
      name: 'PodnetManyAgentsSilent',
      severity: 'critical',
      expr: `count by (cluster, role) (${silent('node')}) / count by (cluster, role) (${heard('node')}) > 0.2 and count by (cluster, role) (${silent('node')}) > 1`,
      for: '8m',
      summary: '{{ $value | humanizePercentage }} of the agents of role {{ $labels.role }} are silent.',
      description: 'That is no single node: their way to the server, their tokens or a rollout.',
    },
    {
      name: 'PodnetReplicaLacksReports',
      severity: 'warning',
      expr: `${FRESH} < on (cluster) group_left () 0.9 * max by (cluster) (${FRESH})`,
      for: '10m',
      summary: 'Replica {{ $labels.instance }} hears {{ $value }} agents, others more.',
      description: 'HPAs that happen to be answered by it get <unknown> for the pods of the others.',
    },
    {
      name: 'PodnetReportsRefused',
      severity: 'warning',
      expr: `sum by (cluster, reason) (${rate(REPORTS, 'result="refused"')}) / on (cluster) group_left () sum by (cluster) (${rate(REPORTS)}) > 0.01`,
      for: '10m',
      summary: '{{ $value | humanizePercentage }} of the reports of agents are refused: {{ $labels.reason }}.',
      description: 'What is refused is tried again; pods of an agent that is refused all the time have no values.',
    },
    {
      name: 'PodnetConnectionsRefused',
      severity: 'warning',
      expr: `sum by (cluster, instance, reason) (${rate('podnet_apiserver_connections_refused_total')}) > 0`,
      for: '10m',
      summary:
        'Replica {{ $labels.instance }} closes {{ $value | humanize }} connections a second: {{ $labels.reason }}.',
      description:
        'As many are open as one address may have (address), or all together (server). Agents among those refused are not heard.',
    },
    {
      name: 'PodnetEntriesRejected',
      severity: 'warning',
      expr: `sum by (cluster, reason) (${rate('podnet_apiserver_report_entries_rejected_total', '', '10m')}) > 0`,
      for: '30m',
      summary: 'Entries of reports are left out: {{ $labels.reason }}.',
      description: 'The rest of each report is taken; the pods or devices that were left out have no values.',
    },
    {
      name: 'PodnetNodeClockSteps',
      severity: 'warning',
      expr: 'max by (cluster) (increase(podnet_apiserver_node_clock_steps_total[1h])) > 3',
      for: '0m',
      summary: 'Monotonic clocks of nodes stepped {{ $value | humanize }} times within an hour.',
      description: 'With each step the history of the node is forgotten: its pods have no rates for a window.',
    },
    {
      name: 'PodnetAnswersOld',
      severity: 'warning',
      expr: `histogram_quantile(0.99, sum by (cluster, group, le) (${rate('podnet_apiserver_sample_age_seconds_bucket')})) > 30`,
      for: '10m',
      summary: 'One in a hundred values on {{ $labels.group }} is older than {{ $value | humanizeDuration }}.',
      description: 'HPAs act late. Values older than three intervals are not answered at all.',
    },
    {
      name: 'PodnetHpaQueriesSlow',
      severity: 'warning',
      expr: `histogram_quantile(0.99, sum by (cluster, instance, le) (${rate(`${REQUESTS}_bucket`, QUERIES)})) > 0.25`,
      for: '10m',
      summary: 'One in a hundred queries of HPAs takes {{ $value | humanizeDuration }} on {{ $labels.instance }}.',
      description: 'The server is starved of CPU, or answers very large lists.',
    },
    {
      name: 'PodnetHpaQueriesFail',
      severity: 'critical',
      expr: `sum by (cluster, instance) (${rate(`${REQUESTS}_count`, `${QUERIES}, code=~"5..|429"`)}) / sum by (cluster, instance) (${rate(`${REQUESTS}_count`, QUERIES)}) > 0.05`,
      for: '5m',
      summary: '{{ $value | humanizePercentage }} of the queries of HPAs to {{ $labels.instance }} are not answered.',
      description: 'Answers are 5xx or 429. A 404 is an answer and is not counted.',
    },
    {
      name: 'PodnetEventLoopBlocked',
      severity: 'warning',
      expr: 'podnet_apiserver_event_loop_delay_seconds{statistic="longest"} > 1',
      for: '10m',
      summary: 'Replica {{ $labels.instance }} stands still for {{ $value | humanizeDuration }} at a time.',
      description: 'Nothing is answered meanwhile, probes of the kubelet neither.',
    },
    {
      name: 'PodnetKubernetesUnheard',
      severity: 'warning',
      expr: 'podnet_apiserver_kubernetes_contact_age_seconds > 180',
      for: '5m',
      summary:
        'Replica {{ $labels.instance }} has not heard of {{ $labels.resource }} for {{ $value | humanizeDuration }}.',
      description:
        'It goes on with what it knows: values are of the pods that the reports name, and those of Services are not answered (503).',
    },
    {
      name: 'PodnetSeriesLimitHit',
      severity: 'warning',
      expr: 'max by (cluster, namespace) (podnet_apiserver_pods_beyond_max_series) > 0',
      for: '15m',
      summary: '{{ $value }} pods of {{ $labels.namespace }} have no series of their own.',
      description:
        'Over --max-series pods are added up by workload, and no alert on single pods sees them. HPAs are not affected.',
    },
    {
      name: 'PodnetExpositionFails',
      severity: 'warning',
      expr: 'increase(podnet_apiserver_exposition_failures_total[15m]) > 0',
      for: '0m',
      summary: 'Replica {{ $labels.instance }} could not write lines of /metrics.',
      description: 'A node is left out until its next report, or a family of the cluster until the next scrape.',
    },
  ],
};
