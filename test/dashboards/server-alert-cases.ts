import { ago, growing, histogram, steady, type AlertCase } from './alert-series.js';
import type { Series } from './promtool.js';

const DAY = 86_400;
const REPORTED = 'podnet_node_last_report_timestamp_seconds';
/** Of ten agents some. */
const agents = (silent: number, seconds: number): Series[] =>
  Array.from({ length: 10 }, (_, i) => ago(`${REPORTED}{node="n${i}",role="node"}`, i < silent ? seconds : 10));

const probers = (seconds: number): Series[] =>
  agents(1, seconds).map(([series, values]) => [series.replace('role="node"', 'role="probe"'), values]);
const ago10 = ago(`${REPORTED}{node="n0",role="node"}`, 10);
const nodes = (instance: string, fresh: string, stale: string): Series[] => [
  [`podnet_apiserver_nodes{instance="${instance}",state="fresh"}`, fresh],
  [`podnet_apiserver_nodes{instance="${instance}",state="stale"}`, stale],
];

const ROUTE = 'instance="a",route="/apis/custom.metrics.k8s.io/v1beta2/namespaces/:namespace/:resource/:name/:metric"';
const REQUESTS = 'podnet_apiserver_request_duration_seconds';
const LOADS = 'podnet_apiserver_certificate_loads_total';
const PUBLICATIONS = 'podnet_apiserver_ca_publications_total';
const REFUSED = 'podnet_apiserver_connections_refused_total';
const CA_CONFIG_MAP = 'ConfigMap podnet-system/podnet-apiserver-ca';
const OTHERS = `${REQUESTS}_count{instance="a",route="/metrics",code="429"}`;

export const SERVER_CASES: readonly AlertCase[] = [
  {
    ...{ alert: 'PodnetNotExposing', severity: 'critical', labels: '' },
    fires: [steady('podnet_apiserver_exposing{instance="a"}', 0), steady('podnet_apiserver_exposing{instance="b"}', 0)],
    quiet: [steady('podnet_apiserver_exposing{instance="a"}', 0), steady('podnet_apiserver_exposing{instance="b"}', 1)],
  },
  {
    alert: 'PodnetApiServiceUnavailable',
    severity: 'critical',
    labels: 'name="v1beta2.custom.metrics.k8s.io"',
    fires: [steady('aggregator_unavailable_apiservice{name="v1beta2.custom.metrics.k8s.io"}', 1)],
    quiet: [
      steady('aggregator_unavailable_apiservice{name="v1beta2.custom.metrics.k8s.io"}', 0),
      steady('aggregator_unavailable_apiservice{name="v1beta1.metrics.k8s.io"}', 1),
    ],
  },
  {
    ...{ alert: 'PodnetCertificateExpires', severity: 'warning', labels: 'instance="a"' },
    fires: [steady('podnet_apiserver_certificate_expiration_timestamp_seconds{instance="a"}', 13 * DAY)],
    quiet: [
      steady('podnet_apiserver_certificate_expiration_timestamp_seconds{instance="a"}', 15 * DAY),
      // before there is a certificate
      steady('podnet_apiserver_certificate_expiration_timestamp_seconds{instance="b"}', 0),
    ],
  },
  {
    ...{ alert: 'PodnetCertificateExpires', severity: 'critical', labels: 'instance="a"' },
    fires: [steady('podnet_apiserver_certificate_expiration_timestamp_seconds{instance="a"}', 2.9 * DAY)],
    quiet: [steady('podnet_apiserver_certificate_expiration_timestamp_seconds{instance="a"}', 3.2 * DAY)],
    also: ['PodnetCertificateExpires'],
  },
  {
    ...{ alert: 'PodnetAuthorityUnreadable', severity: 'warning', labels: 'instance="a"' },
    fires: [growing(`${LOADS}{instance="a",result="failed"}`, 1 / 60)],
    // it failed before, and files that do not fit are no shared authority
    quiet: [
      [`${LOADS}{instance="a",result="failed"}`, '7x120'],
      growing(`${LOADS}{instance="a",result="used"}`, 1 / 60),
      growing(`${LOADS}{instance="b",result="refused"}`, 1 / 60),
    ],
  },
  {
    ...{ alert: 'PodnetAuthorityUnpublished', severity: 'warning', labels: `object="${CA_CONFIG_MAP}"` },
    fires: [growing(`${PUBLICATIONS}{instance="a",object="${CA_CONFIG_MAP}",result="absent"}`, 1 / 60)],
    // an APIService need not be registered
    quiet: [
      growing(`${PUBLICATIONS}{instance="a",object="${CA_CONFIG_MAP}",result="unchanged"}`, 1 / 60),
      growing(`${PUBLICATIONS}{instance="a",object="APIService v1alpha1.podnet.dev",result="absent"}`, 1 / 60),
    ],
  },
  {
    ...{ alert: 'PodnetSeriesAbsent', severity: 'critical', labels: '' },
    fires: [...nodes('a', '3x120', '0x120'), ...nodes('b', '3x120', '0x120')],
    quiet: [...nodes('a', '3x120', '0x120'), ago10],
  },
  {
    ...{ alert: 'PodnetAllAgentsSilent', severity: 'critical', labels: '' },
    fires: [...nodes('a', '3 0x120', '0 3x120'), ...nodes('b', '3 0x120', '0x120'), ago10],
    // one replica hears them, and those of another cluster never were heard
    quiet: [
      ...nodes('a', '3 0x120', '0 3x120'),
      ...nodes('b', '3x120', '0x120'),
      ...nodes('c', '0x120', '0x120').map(([series, values]): Series => [
        series.replace('{', '{cluster="new",'),
        values,
      ]),
      ago10,
    ],
  },
  {
    ...{ alert: 'PodnetProbeSilent', severity: 'warning', labels: 'node="n0",role="probe"' },
    fires: probers(61),
    quiet: probers(60),
  },
  {
    ...{ alert: 'PodnetAgentSilent', severity: 'warning', labels: 'node="n0",role="node"' },
    fires: agents(1, 61),
    quiet: agents(1, 60),
  },
  {
    ...{ alert: 'PodnetManyAgentsSilent', severity: 'critical', labels: 'role="node"' },
    fires: agents(3, 61),
    // no more than a fifth, and one of three
    quiet: [
      ...agents(2, 61),
      ...agents(1, 61)
        .slice(0, 3)
        .map(([series, values]): Series => [series.replace('{', '{cluster="small",'), values]),
    ],
    also: ['PodnetAgentSilent'],
  },
  {
    ...{ alert: 'PodnetReplicaLacksReports', severity: 'warning', labels: 'instance="b",state="fresh"' },
    fires: [
      steady('podnet_apiserver_nodes{instance="a",state="fresh"}', 100),
      steady('podnet_apiserver_nodes{instance="b",state="fresh"}', 89),
      ago10,
    ],
    quiet: [
      steady('podnet_apiserver_nodes{instance="a",state="fresh"}', 100),
      steady('podnet_apiserver_nodes{instance="b",state="fresh"}', 90),
      steady('podnet_apiserver_nodes{instance="b",state="stale"}', 1),
    ],
  },
  {
    ...{ alert: 'PodnetReportsRefused', severity: 'warning', labels: 'reason="Conflict"' },
    fires: [
      growing('podnet_apiserver_reports_total{instance="a",result="accepted",reason=""}', 98.9),
      growing('podnet_apiserver_reports_total{instance="a",result="refused",reason="Conflict"}', 1.1),
    ],
    quiet: [
      growing('podnet_apiserver_reports_total{instance="a",result="accepted",reason=""}', 99),
      growing('podnet_apiserver_reports_total{instance="a",result="refused",reason="Conflict"}', 1),
    ],
  },
  {
    ...{ alert: 'PodnetConnectionsRefused', severity: 'warning', labels: 'instance="a",reason="address"' },
    fires: [growing(`${REFUSED}{instance="a",reason="address"}`, 0.01)],
    // once many, and of the other reason none
    quiet: [
      [`${REFUSED}{instance="a",reason="address"}`, '0x8 900x120'],
      steady(`${REFUSED}{instance="a",reason="server"}`, 0),
    ],
  },
  {
    ...{ alert: 'PodnetEntriesRejected', severity: 'warning', labels: 'reason="bad_pod"' },
    fires: [growing('podnet_apiserver_report_entries_rejected_total{instance="a",reason="bad_pod"}', 0.1)],
    quiet: [growing('podnet_apiserver_report_entries_rejected_total{instance="a",reason="bad_pod"}', 0)],
  },
  {
    ...{ alert: 'PodnetNodeClockSteps', severity: 'warning', labels: '' },
    fires: [growing('podnet_apiserver_node_clock_steps_total{instance="a"}', 4.2 / 3_600)],
    // of one step of three nodes each replica tells
    quiet: ['a', 'b'].map((one) => growing(`podnet_apiserver_node_clock_steps_total{instance="${one}"}`, 2.9 / 3_600)),
  },
  {
    ...{ alert: 'PodnetAnswersOld', severity: 'warning', labels: 'group="custom.metrics.k8s.io"' },
    fires: histogram('podnet_apiserver_sample_age_seconds', 'instance="a",group="custom.metrics.k8s.io"', {
      ...{ 15: 97, 30: 98, 45: 100, '+Inf': 100 },
    }),
    quiet: histogram('podnet_apiserver_sample_age_seconds', 'instance="a",group="custom.metrics.k8s.io"', {
      ...{ 15: 90, 30: 99, 45: 100, '+Inf': 100 },
    }),
  },
  {
    ...{ alert: 'PodnetHpaQueriesSlow', severity: 'warning', labels: 'instance="a"' },
    fires: histogram(REQUESTS, `${ROUTE},code="200"`, { 0.1: 90, 0.25: 98, 0.5: 100, '+Inf': 100 }),
    quiet: [
      ...histogram(REQUESTS, `${ROUTE},code="200"`, { 0.1: 90, 0.25: 99, 0.5: 100, '+Inf': 100 }),
      ...histogram(REQUESTS, `instance="a",route="/metrics",code="200"`, { 0.25: 0, 0.5: 500, '+Inf': 500 }),
    ],
  },
  {
    ...{ alert: 'PodnetHpaQueriesFail', severity: 'critical', labels: 'instance="a"' },
    fires: [
      growing(`${REQUESTS}_count{${ROUTE},code="200"}`, 94),
      growing(`${REQUESTS}_count{${ROUTE},code="503"}`, 6),
    ],
    quiet: [
      growing(`${REQUESTS}_count{${ROUTE},code="200"}`, 50),
      growing(`${REQUESTS}_count{${ROUTE},code="404"}`, 45),
      growing(`${REQUESTS}_count{${ROUTE},code="429"}`, 5),
      growing(OTHERS, 1_000),
    ],
  },
  {
    ...{ alert: 'PodnetEventLoopBlocked', severity: 'warning', labels: 'instance="a"' },
    fires: [steady('podnet_apiserver_event_loop_delay_seconds{instance="a",statistic="longest"}', 1.01)],
    quiet: [
      steady('podnet_apiserver_event_loop_delay_seconds{instance="a",statistic="longest"}', 1),
      steady('podnet_apiserver_event_loop_delay_seconds{instance="a",statistic="p99"}', 2),
    ],
  },
  {
    ...{ alert: 'PodnetKubernetesUnheard', severity: 'warning', labels: 'instance="a",resource="pods"' },
    fires: [steady('podnet_apiserver_kubernetes_contact_age_seconds{instance="a",resource="pods"}', 181)],
    quiet: [steady('podnet_apiserver_kubernetes_contact_age_seconds{instance="a",resource="pods"}', 180)],
  },
  {
    ...{ alert: 'PodnetSeriesLimitHit', severity: 'warning', labels: 'namespace="shop"' },
    fires: [steady('podnet_apiserver_pods_beyond_max_series{instance="a",namespace="shop"}', 1)],
    quiet: [steady('podnet_apiserver_max_series{instance="a"}', 50_000)],
  },
  {
    ...{ alert: 'PodnetExpositionFails', severity: 'warning', labels: 'instance="a"' },
    fires: [growing('podnet_apiserver_exposition_failures_total{instance="a"}', 0.01)],
    quiet: [growing('podnet_apiserver_exposition_failures_total{instance="a"}', 0)],
  },
];

const PUSHED = 'podnet_nodeagent_pushes_total{instance="a",server="https://10.0.0.1:10250"';

export const AGENT_CASES: readonly AlertCase[] = [
  {
    ...{ alert: 'PodnetCollectorFails', severity: 'warning', labels: 'instance="a",collector="sriov"' },
    fires: [steady('podnet_nodeagent_collector_success{instance="a",collector="sriov"}', 0)],
    quiet: [steady('podnet_nodeagent_collector_success{instance="a",collector="sriov"}', 1)],
  },
  {
    ...{ alert: 'PodnetPushesFail', severity: 'warning', labels: 'instance="a",server="https://10.0.0.1:10250"' },
    fires: [growing(`${PUSHED},result="ok"}`, 1), growing(`${PUSHED},result="failed"}`, 1.1)],
    quiet: [growing(`${PUSHED},result="ok"}`, 1), growing(`${PUSHED},result="refused"}`, 1)],
  },
  {
    ...{ alert: 'PodnetReportsCut', severity: 'warning', labels: 'instance="a",what="pod"' },
    fires: [steady('podnet_nodeagent_pods_cut{instance="a",what="pod"}', 1)],
    quiet: [steady('podnet_nodeagent_pods_cut{instance="a",what="pod"}', 0)],
  },
  {
    ...{ alert: 'VfOwnerConflict', severity: 'warning', labels: 'instance="a"' },
    fires: [steady('podnet_nodeagent_device_conflicts{instance="a"}', 1)],
    quiet: [steady('podnet_nodeagent_device_conflicts{instance="a"}', 0)],
  },
];
