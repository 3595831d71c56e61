import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFile } from '../../../cli/migrate/check.js';
import type { Finding } from '../../../cli/migrate/finding.js';

function find(expr: string): Finding | undefined {
  const text = JSON.stringify({ groups: [{ name: 'g', rules: [{ alert: 'A', expr }] }] });
  return checkFile('f', text).findings[0];
}

const ONCE = 'unless on (cluster, node, namespace, pod, interface) podnet_interface_stacked_info';
const ONCE_BY_NETWORK =
  'unless on (cluster, node, namespace, pod, interface, nad_namespace, network) podnet_interface_stacked_info';

/** What each becomes, or why nothing. */
const CASES: readonly (readonly [expression: string, podnet: string | RegExp])[] = [
  // Names and labels
  [
    'rate(network:container_network_receive_bytes_total{network_name="telco/n3",pod=~"$pod"}[$__rate_interval])',
    'rate(podnet_interface_receive_bytes_total{nad_namespace="telco", network="n3", pod=~"$pod"}[$__rate_interval])',
  ],
  [
    'network:container_network_receive_bytes_total{network_name="kindnet"}',
    'podnet_interface_receive_bytes_total{nad_namespace="", network="kindnet"}',
  ],
  ['network:container_network_receive_bytes_total{network_name=~".*n3"}', /nad_namespace and network/],
  ['network:container_network_receive_bytes_total{network_name=~"telco/n3|n6"}', /nad_namespace and network/],
  ['network:container_network_receive_bytes_total{network_name=~"(telco/n3)"}', /nad_namespace and network/],
  ['network:container_network_receive_bytes_total{network_name="a-$net"}', /nad_namespace and network/],
  ['network:container_network_receive_bytes_total{network_name!~"telco/.*"}', /nad_namespace and network/],
  [
    'network:container_network_receive_bytes_total{network_name=~"telco/.*"}',
    'podnet_interface_receive_bytes_total{nad_namespace="telco"}',
  ],
  [
    'network:container_network_receive_bytes_total{network_name=~"telco/(n3|n6)"}',
    'podnet_interface_receive_bytes_total{nad_namespace="telco", network=~"(n3|n6)"}',
  ],
  [
    'network:container_network_receive_bytes_total{network_name=~"telco/n\\\\d-$net"}',
    'podnet_interface_receive_bytes_total{nad_namespace="telco", network=~"n\\\\d-$net"}',
  ],
  [
    'network:container_network_receive_bytes_total{network_name="telco/$net"}',
    'podnet_interface_receive_bytes_total{nad_namespace="telco", network="$net"}',
  ],
  ['container_network_receive_bytes_total_intf{networkname=~".*"}', 'podnet_interface_receive_bytes_total'],
  [
    'topk(5, sum without (network_name, interface) (network:container_network_receive_bytes_total))',
    /adds up without some labels/,
  ],
  [
    'container_network_receive_bytes_total{container!="POD",image!="",job="kubelet",pod="a"} offset 5m',
    'podnet_interface_receive_bytes_total{pod="a"} offset 5m',
  ],
  ['container_network_receive_bytes_total{id="/kubepods/x"}', /chooses by id/],
  ['{__name__=~"container_network_.+", pod="a"}', /not written in full/],
  ['{__name__=~"up|sriov_vf_rx_bytes"} == 0', /not written in full/],
  ['{__name__=~"(?i)sriov_vf_rx_bytes"} == 0', /is a regular expression that is not tried/],
  ['{__name__=~"(sriov|foo)_vf_[rt]x_.*|.*_x.*y.*|a.+"}', /not written in full/],
  ['network:container_network_${direction}_bytes_total', /not written in full/],
  [
    'label_replace(network:sriov_vf_rx_bytes, "device", "$1", "pciAddr", "(.*)")',
    'label_replace(podnet_vf_receive_bytes_total, "device", "$1", "pci_address", "(.*)")',
  ],
  // What is left out by its value is no less chosen
  ['rate(sriov_vf_rx_bytes{instance!="worker-7:9808"}[5m])', /chooses by instance of the old scrape: podnet has node/],
  ['rate(network_dial_error_total{pod!~"exp-.*"}[5m])', /chooses by pod of the old scrape: podnet has node/],
  ['container_network_receive_bytes_total{id!~"/kubepods/besteffort.*"}', /chooses by id/],
  [
    'container_network_receive_bytes_total{id!="/",container!~"POD|",image!=""}',
    'podnet_interface_receive_bytes_total',
  ],
  // Joins
  [
    'sum(rate(container_network_receive_bytes_total[5m]) + on(namespace,pod,interface) group_left(network_name) pod_network_name_info{network_name="telco/n3"})',
    `sum(rate(podnet_interface_receive_bytes_total{nad_namespace="telco", network="n3"}[5m]) ${ONCE}{nad_namespace="telco", network="n3"})`,
  ],
  [
    'pod_network_name_info + on(namespace,pod,interface) group_right() container_network_receive_bytes_total{pod="a"}',
    'podnet_interface_receive_bytes_total{pod="a"}',
  ],
  [
    'sum(container_network_receive_bytes_total) + on() group_left(network_name) pod_network_name_info',
    /added up over everything/,
  ],
  [
    'sum by (pod) (container_network_receive_bytes_total and on(namespace, pod, interface) pod_network_name_info{network_name="default"})',
    `sum by (pod) (podnet_interface_receive_bytes_total{nad_namespace="", network="default"} ${ONCE}{nad_namespace="", network="default"})`,
  ],
  ['container_network_receive_bytes_total unless on(namespace, pod) pod_network_name_info', /reckons with the value/],
  [
    'sum by (instance, dev_type) (rate(sriov_vf_rx_bytes[5m]) * on (node, pciAddr) group_left(dev_type) sriov_kubepoddevice{namespace="telco"})',
    'sum by (node, resource) (rate(podnet_vf_receive_bytes_total{namespace="telco"}[5m]))',
  ],
  [
    'avg by (pf) (rate(sriov_vf_rx_bytes{pf="p"}[5m]))',
    'avg by (pf) (sum by (node, pf, vf, pci_address, numa_node) (rate({__name__=~"podnet_vf_(unattributed_)?receive_bytes_total", pf="p"}[5m])))',
  ],
  ['sum(rate(sriov_vf_rx_bytes[5m]))', 'sum(rate({__name__=~"podnet_vf_(unattributed_)?receive_bytes_total"}[5m]))'],
  [
    'sum by (pod) (rate(container_network_receive_bytes_total[5m])) * on (namespace, pod) group_left() max by (namespace, pod) (pod_network_name_info{network_name="telco/n3"})',
    /not joined on \(namespace, pod, interface\)/,
  ],
  [
    'container_network_receive_bytes_total + on(namespace,pod,interface) (pod_network_name_info == 0)',
    'podnet_interface_receive_bytes_total',
  ],
  [
    'rate(sriov_vf_rx_bytes[5m]) * on(node,pciAddr) group_left(pod,namespace) (sriov_kubepoddevice{pod="a"} == 1)',
    'rate(podnet_vf_receive_bytes_total{pod="a"}[5m])',
  ],
  [
    'rate(sriov_vf_rx_bytes[5m]) * on(pciAddr) group_left(pod) label_replace(sriov_kubepoddevice,"nic","$1","dev_type",".*/(.*)")',
    /joined with what is made of sriov_kubepoddevice/,
  ],
  [
    'container_network_receive_bytes_total * on(namespace,pod,interface) group_left(network_name) (pod_network_name_info + 1)',
    /joined with what is made of pod_network_name_info/,
  ],
  [
    'sriov_vf_rx_bytes / on(node, pciAddr) group_left(pod, namespace) sriov_kubepoddevice',
    'sum by (node, pf, vf, pci_address, numa_node) ({__name__=~"podnet_vf_(unattributed_)?receive_bytes_total"}) / on(node, pci_address) group_left(pod, namespace) podnet_vf_info{container!=""}',
  ],
  [
    'rate(network:container_network_receive_bytes_total{interface="lxc1"}[5m]) + on(interface, node) group_right pod_interface_shim',
    /by interface, which is that of the node/,
  ],
  // Sums over interfaces
  [
    'sum by (pod) (8 * rate(container_network_receive_bytes_total{interface!="lo"}[5m] offset 1h))',
    `sum by (pod) (8 * (rate(podnet_interface_receive_bytes_total{interface!="lo"}[5m] offset 1h) ${ONCE}))`,
  ],
  [
    'sum by (network_name) (rate(container_network_receive_bytes_total[5m]) + on(namespace,pod,interface) group_left(network_name) pod_network_name_info)',
    `sum by (nad_namespace, network) (rate(podnet_interface_receive_bytes_total[5m]) ${ONCE_BY_NETWORK})`,
  ],
  [
    'sum(8 * rate(container_network_receive_bytes_total[5m]) + on(namespace,pod,interface) group_left(network_name) pod_network_name_info)',
    `sum(8 * (rate(podnet_interface_receive_bytes_total[5m]) ${ONCE}))`,
  ],
  [
    'sum(sum by (network_name) (network:container_network_receive_bytes_total))',
    `sum(sum by (nad_namespace, network) (podnet_interface_receive_bytes_total ${ONCE}))`,
  ],
  [
    'sum by (pod, interface) (max_over_time(rate(container_network_receive_bytes_total[5m])[1h:]))',
    'sum by (pod, interface) (max_over_time(rate(podnet_interface_receive_bytes_total[5m])[1h:]))',
  ],
  [
    'sum by (pod) (rate(container_network_receive_bytes_total{interface="eth0"}[5m]))',
    'sum by (pod) (rate(podnet_interface_receive_bytes_total{interface="eth0"}[5m]))',
  ],
  [
    'sum by (pod) (rate(container_network_receive_bytes_total{interface=~"eth0|net1"}[5m]))',
    'sum by (pod) (rate(podnet_interface_receive_bytes_total{interface=~"eth0|net1"}[5m]))',
  ],
  ['container_network_receive_bytes_total{interface="lxc1"}', /has its name in the pod/],
  [
    'container_network_receive_bytes_total{interface=~"eth0|net1"}',
    'podnet_interface_receive_bytes_total{interface=~"eth0|net1"}',
  ],
  [
    'sriov_kubepodcpu * on(uid) group_left(host_ip) kube_pod_info{created_by_kind="Job"}',
    /takes host_ip, created_by_kind of kube_pod_info/,
  ],
  // Variables
  [
    'rate(sriov_vf_rx_bytes{pf=~"$pf"}[5m]) > $threshold',
    'sum by (node, pf, vf, pci_address, numa_node) (rate({__name__=~"podnet_vf_(unattributed_)?receive_bytes_total", pf=~"$pf"}[5m])) > $threshold',
  ],
  [
    'sum(rate(network:sriov_vf_rx_bytes{$filter, pod="a"}[5m])) * ${mult}',
    'sum(rate(podnet_vf_receive_bytes_total{$filter, pod="a"}[5m])) * ${mult}',
  ],
  ['network:sriov_vf_rx_bytes{$f}', 'podnet_vf_receive_bytes_total{$f}'],
  ['{__name__="network:sriov_vf_rx_bytes",pod="a",$of}', 'podnet_vf_receive_bytes_total{pod="a", $of}'],
  // Labels that podnet's series have besides
  ['network:container_network_receive_bytes_total / other', /matched by all its labels/],
  [
    'sum by (pod) (network:container_network_receive_bytes_total) / sum by (pod) (other)',
    `sum by (pod) (podnet_interface_receive_bytes_total ${ONCE}) / sum by (pod) (other)`,
  ],
  [
    'rate(network_dial_error_total[5m]) / rate(network_latency_seconds_count[5m])',
    'sum by (node, peer_node, host, family) (rate(podnet_dial_errors_total{network="default"}[5m])) / sum by (node, peer_node, host, family) (rate(podnet_dial_latency_seconds_count{network="default"}[5m]))',
  ],
  ['count by (uid) (sriov_kubepodcpu)', /has namespace and pod, and no uid/],
  ['sriov_cpu_info', /podnet has no family of the CPUs/],
  // Values of infos
  ['count by (network_name) (pod_network_name_info)', 'count by (nad_namespace, network) (podnet_interface_info)'],
  ['pod_network_name_info{pod="a"} == 0', 'podnet_interface_info{pod="a"} == 1'],
  ['sum(pod_network_name_info)', /reckons with the value/],
  ['pod_network_name_info + 5', /reckons with the value/],
  // More series than theirs
  [
    'max by (host, proto) (rate(dns_resolve_error_total[5m]))',
    'max by (host, protocol) (sum by (node, protocol, host) (rate(podnet_dns_errors_total[5m])))',
  ],
  ['sum by (proto) (rate(dns_resolve_error_total[5m]))', 'sum by (protocol) (rate(podnet_dns_errors_total[5m]))'],
  [
    'histogram_quantile(0.9, rate(dns_tcp_latency_seconds_bucket[5m] offset 1h))',
    'histogram_quantile(0.9, sum by (le, node, host) (rate(podnet_dns_latency_seconds_bucket{protocol="tcp"}[5m] offset 1h)))',
  ],
  ['ntp_sync_error_total', 'sum by (node, server) (podnet_ntp_errors_total)'],
  ['sum by (host) (rate(network_dial_error_total[5m]))', /host was the address/],
  ['rate(network_dial_error_total{host="10.0.0.1:8000"}[5m])', /host was the address/],
  [
    'rate(ntp_sync_error_total[5m:30s]) + ntp_sync_error_total @ end()',
    'sum by (node, server) (rate(podnet_ntp_errors_total[5m:30s])) + sum by (node, server) (podnet_ntp_errors_total @ end())',
  ],
  ['1 + ntp_sync_error_total offset 5m', '1 + sum by (node, server) (podnet_ntp_errors_total offset 5m)'],
  // Units
  [
    'rate(awscni_aws_api_latency_ms_sum[5m]) / rate(awscni_aws_api_latency_ms_count[5m]) > 500',
    '(1000 * rate(podnet_ipam_aws_api_latency_seconds_sum[5m])) / rate(podnet_ipam_aws_api_latency_seconds_count[5m]) > 500',
  ],
  // Totals
  [
    'awscni_assigned_ip_addresses / on (instance) awscni_ip_max',
    'podnet_ipam_assigned_ip_addresses / on (node) podnet_ipam_ip_max',
  ],
  ['awscni_ip_max', 'podnet_ipam_cluster_ip_max'],
  ['sum(awscni_ip_max)', 'sum(podnet_ipam_ip_max)'],
  ['avg by (instance) (awscni_ip_max)', 'avg by (node) (podnet_ipam_ip_max)'],
  ['awscni_ip_max{instance="a"}', /chooses by instance/],
  ['max(awscni_ip_max) > 1000', 'max(podnet_ipam_cluster_ip_max) > 1000'],
  ['avg by (cluster) (awscni_ip_max{cluster="prod"})', 'avg by (cluster) (podnet_ipam_cluster_ip_max{cluster="prod"})'],
  ['max(awscni_ip_max{instance=~".+"})', 'max(podnet_ipam_cluster_ip_max)'],
  ['awscni_ip_max{node="a"}', 'podnet_ipam_ip_max{node="a"}'],
  ['max by (node) (avg_over_time(awscni_ip_max[1h]))', 'max by (node) (avg_over_time(podnet_ipam_ip_max[1h]))'],
  ['label_replace(awscni_ip_max, "x", "$1", "instance", "(.*):.*") > 20', /a total of the cluster has no node/],
  // Functions of several series
  ['count_over_time(network_dial_error_total[10m]) < 5', /^count_over_time of several series/],
  ['sum(max_over_time(sriov_vf_rx_bytes[1h]))', /^max_over_time of several series/],
  ['resets(dns_resolve_error_total[1h] offset 5m)', /^resets of several series/],
  ['count_over_time(network:sriov_vf_rx_bytes[10m])', 'count_over_time(podnet_vf_receive_bytes_total[10m])'],
  ['avg_over_time(ntp_sync_error_total[10m])', 'sum by (node, server) (avg_over_time(podnet_ntp_errors_total[10m]))'],
  [
    'max_over_time(rate(ntp_sync_error_total[5m])[1h:1m]) > 0',
    'max_over_time(sum by (node, server) (rate(podnet_ntp_errors_total[5m]))[1h:1m]) > 0',
  ],
  ['awscni_ipamd_error_count * on (instance) group_left(zone) node_info', /joined by instance with series of others/],
];

test('an expression becomes one that says the same, or none', () => {
  for (const [expression, expected] of CASES) {
    const finding = find(expression);
    assert.ok(finding !== undefined, expression);
    if (typeof expected === 'string') {
      assert.equal(finding.podnet, expected, `${expression}: ${finding.why.join()}`);
    } else {
      assert.equal(finding.podnet, undefined, expression);
      assert.match(finding.why.join('; '), expected, expression);
    }
  }
});

test('what is suggested is left alone when it is looked at again', () => {
  for (const [expression, expected] of CASES) {
    if (typeof expected !== 'string') continue;
    assert.equal(find(expected)?.status, 'works', expression);
  }
});

test('expressions over series of others are none of ours', () => {
  for (const expression of [
    'up == 0',
    'sum(rate(http_requests_total[5m]))',
    '$metric',
    '{job="x"}',
    '{__name__=~".+"}',
  ]) {
    assert.equal(find(expression), undefined, expression);
  }
});

test('a pattern that takes for ever is not tried', () => {
  const patterns = [
    '(([a-z_]*)*)*[!]',
    '(a|a)+!',
    '.*.*.*.*.*.*.*.*!',
    '(.*|.*)(.*|.*)!',
    '[a-z]{1,9}*',
    '.?.?.?.?.?x',
    '(a?)?(a?)?(a?)?(a?)?x',
  ];
  for (const pattern of patterns) {
    const finding = find(`{__name__=~"${pattern}"}`);
    assert.deepEqual(
      [finding?.status, finding?.why],
      ['change', [`its name is a regular expression that is not tried: ${pattern}`]],
    );
  }
});

test('of interfaces that are chosen by name it is told that a sum may have traffic twice', () => {
  const notesOn = (matcher: string) =>
    find(`sum by (pod) (network:container_network_receive_bytes_total{${matcher}})`)?.notes.join() ?? '';
  for (const matcher of ['interface=~"eth0|net1"', 'interface!="eth0"'])
    assert.match(notesOn(matcher), /traffic twice/);
  for (const matcher of ['interface="eth0"', 'interface!="lo"', 'pod="a"'])
    assert.doesNotMatch(notesOn(matcher), /traffic twice/);
});

test('labels that templates have to call otherwise are told', () => {
  assert.deepEqual(find('sum by (pciAddr, dev_type) (network:sriov_vf_rx_bytes)')?.renamed, {
    pciAddr: 'pci_address',
    dev_type: 'resource',
  });
});

test('a matcher on the old scrape has to go, also with --compat', () => {
  const needs = (expression: string) => [find(expression)?.status, ...(find(expression)?.needs ?? [])];
  assert.deepEqual(needs('rate(ntp_sync_error_total{job="net-exporter"}[5m])'), [
    'change',
    'job="net-exporter" chooses the old scrape: leave it out',
  ]);
  assert.deepEqual(needs('rate(ntp_sync_error_total{instance!="worker-7:9102"}[5m])'), [
    'change',
    'instance!="worker-7:9102" chooses the old scrape: podnet has node',
  ]);
  assert.deepEqual(needs('rate(ntp_sync_error_total{server="a",pod!=""}[5m])'), ['served']);
  const joined =
    'container_network_receive_bytes_total{job="kubelet"} + on(namespace,pod,interface) pod_network_name_info';
  assert.deepEqual(needs(joined), ['served']);
});

test('what is wrong is said of what is wrong', () => {
  const wrong = (expression: string) => [find(expression)?.status, find(expression)?.wrong.join(' ') ?? ''] as const;
  const blind = (threshold: string, family = 'network_latency_seconds') =>
    wrong(`histogram_quantile(0.95, sum by (le) (rate(${family}_bucket[5m]))) > ${threshold}`);
  assert.equal(blind('0.5')[0], 'change');
  assert.match(blind('0.5')[1], /Never fires/);
  const quantile = 'histogram_quantile(0.95, sum by (le) (rate(network_latency_seconds_bucket[5m])))';
  for (const never of [`${quantile} * 1000 > 17`, `0.5 < ${quantile}`, `count(${quantile} / 2 >= 0.009) > 3`]) {
    assert.match(wrong(never)[1], /Never fires/, never);
  }
  for (const can of [`1000 * ${quantile} > 10`, `count(${quantile} > 0.01) > 3`, `0.5 > ${quantile}`]) {
    assert.doesNotMatch(wrong(can)[1], /Never fires/, can);
  }
  assert.equal(blind('0.016')[0], 'served');
  assert.equal(blind('0.01')[0], 'served');
  assert.doesNotMatch(blind('0.01')[1], /Never fires/);
  assert.equal(blind('0.5', 'dns_udp_latency_seconds')[0], 'served');
  assert.equal(blind('0.6', 'ntp_latency_seconds')[0], 'change');
  const join = (on: string) => wrong(`sriov_vf_rx_bytes * on (${on}) group_left(pod) sriov_kubepoddevice`);
  assert.equal(join('pciAddr')[0], 'change');
  assert.match(join('pciAddr')[1], /Joined without the node/);
  assert.equal(join('node, pciAddr')[0], 'served');
  const wrapped = wrong('sriov_vf_rx_bytes * on (pciAddr) group_left(pod) (sriov_kubepoddevice > 0)');
  assert.equal(wrapped[0], 'change');
  assert.match(wrapped[1], /Joined without the node/);
  assert.match(wrong('rate(container_network_receive_bytes_total[5m])')[1], /receive was what the pod sent/);
  assert.doesNotMatch(
    wrong('container_network_receive_bytes_total + on(namespace,pod,interface) group_left() pod_network_name_info')[1],
    /receive was what the pod sent/,
  );
  assert.match(wrong('sum(awscni_eni_max)')[1], /Counted twice/);
  assert.doesNotMatch(wrong('awscni_eni_max')[1], /Counted twice/);
});

test('what asks for the values of a label is a selector and nothing else', () => {
  const ask = (query: string) => {
    const list = [{ type: 'query', name: 'v', query }];
    return checkFile('f', JSON.stringify({ title: 'd', panels: [], templating: { list } })).findings[0];
  };
  const vfs = '{__name__=~"podnet_vf_(unattributed_)?receive_bytes_total"}';
  assert.equal(ask('label_values(sriov_vf_rx_bytes, pciAddr)')?.podnet, `label_values(${vfs}, pci_address)`);
  assert.equal(ask('label_values(sriov_vf_rx_bytes, pciAddr)')?.status, 'served');
  const node = ask('label_values(sriov_vf_rx_bytes, instance)');
  assert.equal(node?.podnet, `label_values(${vfs}, node)`);
  assert.deepEqual(
    [node?.status, node?.needs],
    ['change', ['instance is that of the old scrape, one for each node: write node']],
  );
  assert.equal(ask('label_values(awscni_ip_max, instance)')?.podnet, 'label_values(podnet_ipam_ip_max, node)');
  assert.match(ask('query_result(sriov_vf_rx_bytes)')?.podnet ?? '', /^query_result\(sum by /);
});

test('of a total it is told what it is where ipamd itself was scraped', () => {
  const [note = ''] = find('max(awscni_ip_max) > 1000')?.notes.filter((text) => text.includes('ipamd')) ?? [];
  assert.match(note, /of each node: podnet_ipam_ip_max$/);
});
