import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelsOf } from '../../../scripts/promql/check.js';
import { knownSeries } from '../../../scripts/promql/known-families.js';

const known = await knownSeries();
const labels = (expression: string): string[] => [...labelsOf(expression, known)].sort();

test('the labels of a result are those that Prometheus would give it', () => {
  const bytes = 'rate(podnet_interface_receive_bytes_total[5m])';
  const perPod = `sum by (cluster, node, namespace, pod) (${bytes})`;
  for (const [expression, expected] of [
    ['podnet_ipam_nodes', ['cluster', 'state']],
    ['podnet_apiserver_pods', ['cluster', 'instance', 'job']],
    [`sum(${bytes})`, []],
    [`sum by (pod) (${bytes})`, ['pod']],
    ['sum without (state) (podnet_ipam_nodes)', ['cluster']],
    ['topk(5, podnet_ipam_nodes)', ['cluster', 'state']],
    ['histogram_quantile(0.9, sum by (node, le) (rate(podnet_dns_latency_seconds_bucket[5m])))', ['node']],
    ['label_join(podnet_ipam_nodes, "more", "/", "cluster", "state")', ['cluster', 'more', 'state']],
    ['label_replace(podnet_ipam_nodes, "more", "x", "", "")', ['cluster', 'more', 'state']],
    ['time() - podnet_ipam_nodes > 3', ['cluster', 'state']],
    ['absent(podnet_ipam_nodes)', []],
    ['podnet_ipam_nodes and on (cluster) podnet_pf_info', ['cluster', 'state']],
    ['podnet_ipam_nodes / on (cluster) podnet_ipam_cluster_ip_max', ['cluster']],
    ['podnet_ipam_nodes / ignoring (state) podnet_ipam_cluster_ip_max', ['cluster']],
    ['podnet_ipam_nodes or podnet_apiserver_pods', ['cluster', 'instance', 'job', 'state']],
    [
      `${perPod} * on (cluster, node, namespace, pod) group_left (workload) podnet_pod_info`,
      ['cluster', 'namespace', 'node', 'pod', 'workload'],
    ],
  ] as const) {
    assert.deepEqual(labels(expression), [...expected], expression);
  }
});

test('what cannot be meant is refused, with what is wrong of it', () => {
  for (const [expression, problem] of [
    ['sum(', /no PromQL/],
    ['podnet_nothing', /no family podnet_nothing/],
    ['{__name__=~"podnet_.*"}', /a selector without a name/],
    ['podnet_ipam_nodes{node="a"}', /podnet_ipam_nodes has no label node/],
    ['podnet_pod_info{instance="a"}', /podnet_pod_info has no label instance/],
    ['sum by (pod) (podnet_ipam_nodes)', /no label pod here, of .*state/],
    ['podnet_ipam_nodes / on (node) podnet_ipam_cluster_ip_max', /no label node/],
    ['podnet_ipam_nodes * on (cluster) group_left (pf) podnet_ipam_cluster_ip_max', /no label pf/],
    ['histogram_quantile(0.9, sum by (node) (rate(podnet_dns_latency_seconds_bucket[5m])))', /no label le/],
    ['rate(podnet_ipam_nodes[5m])', /podnet_ipam_nodes does not count/],
    ['sum(podnet_interface_receive_bytes_total)', /counts: it has a rate/],
    ['podnet_ipam_nodes or vector(0)', /what is absent is no number/],
  ] as const) {
    assert.throws(() => labels(expression), problem, expression);
  }
});
