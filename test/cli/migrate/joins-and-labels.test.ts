// What is made of an info before it is joined, what labels --compat has not, and what several series are to a function.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFile } from '../../../cli/migrate/check.js';
import type { Finding } from '../../../cli/migrate/finding.js';

function find(expr: string): Finding {
  const text = JSON.stringify({ groups: [{ name: 'g', rules: [{ alert: 'A', expr }] }] });
  const [finding] = checkFile('f', text).findings;
  assert.ok(finding !== undefined, expr);
  return finding;
}

const NMD_JOIN = 'on (namespace,pod,interface) group_left(network_name)';
const VF_JOIN = 'rate(sriov_vf_rx_bytes[5m]) * on (node,pciAddr) group_left(pod)';

test('a join goes only where what is joined is the info with the one value that it has', () => {
  const received = 'rate(container_network_receive_bytes_total[5m])';
  for (const joined of [
    `${received} * ${NMD_JOIN} group by (namespace,pod,interface,network_name) (pod_network_name_info)`,
    `${received} + ${NMD_JOIN} count by (namespace,pod,interface,network_name) (pod_network_name_info)`,
    `${received} + ${NMD_JOIN} topk(5, pod_network_name_info)`,
    `${received} + ${NMD_JOIN} topk by (namespace) (1, pod_network_name_info)`,
    `${VF_JOIN} sum by (node,pciAddr,pod) (sriov_kubepoddevice)`,
  ]) {
    const { podnet, why } = find(joined);
    assert.equal(podnet, undefined, joined);
    assert.match(why.join(), /is joined with what is made of/, joined);
  }
  for (const [joined, expected] of [
    [
      `${received} + ${NMD_JOIN} topk by (namespace,pod,interface) (1, pod_network_name_info)`,
      'rate(podnet_interface_receive_bytes_total[5m])',
    ],
    [
      `${received} + ${NMD_JOIN} sum by (namespace,pod,interface,network_name) (pod_network_name_info)`,
      'rate(podnet_interface_receive_bytes_total[5m])',
    ],
    [`${VF_JOIN} group by (node,pciAddr,pod) (sriov_kubepoddevice)`, 'rate(podnet_vf_receive_bytes_total[5m])'],
  ] as const) {
    assert.equal(find(joined).podnet, expected, joined);
  }
});

test('a join with an info of another time goes where the series are of that time', () => {
  for (const [joined, expected] of [
    [
      'sriov_vf_rx_bytes offset 1h * on (node,pciAddr) group_left(pod) sriov_kubepoddevice offset 1h',
      'podnet_vf_receive_bytes_total offset 1h',
    ],
    [
      `sum by (pod) (rate(sriov_vf_rx_bytes[5m] offset 1h) * on (node,pciAddr) group_left(pod) (sriov_kubepoddevice offset 1h))`,
      'sum by (pod) (rate(podnet_vf_receive_bytes_total[5m] offset 1h))',
    ],
    [
      'sriov_kubepoddevice @ end() * on (node,pciAddr) group_right() sriov_vf_rx_bytes @ end()',
      'podnet_vf_receive_bytes_total @ end()',
    ],
    [
      `${VF_JOIN.replace('[5m]', '[5m] offset 1d')} sriov_kubepoddevice`,
      'rate(podnet_vf_receive_bytes_total[5m] offset 1d)',
    ],
  ] as const) {
    assert.equal(find(joined).podnet, expected, joined);
  }
  assert.match(find(`${VF_JOIN} (sriov_kubepoddevice offset 1h)`).why.join(), /is joined with what is made of/);
  assert.match(find(`${VF_JOIN} sriov_kubepoddevice offset 1h`).why.join(), /is joined with what is made of/);
});

test('an info of 1 that is added is one more', () => {
  assert.match(
    find('sriov_vf_rx_bytes + on (node,pciAddr) group_left(pod) sriov_kubepoddevice').podnet ?? '',
    / \+ on \(node, pci_address\) group_left\(pod\) podnet_vf_info/,
  );
});

test('of an info that holds while series do the info remains', () => {
  const {
    podnet,
    why,
    with: flags,
  } = find(
    'pod_network_name_info and on (namespace,pod,interface) (rate(container_network_receive_bytes_total[5m]) > 1e9)',
  );
  assert.equal(podnet, undefined);
  assert.match(why.join(), /reckons with the value of pod_network_name_info/);
  // cAdvisor's, as in any other join
  assert.deepEqual(flags, ['--compat=network-metrics-daemon']);
});

test('a matcher on what --compat does not have has to go', () => {
  const needs = (expr: string) => [find(expr).status, ...find(expr).needs];
  const recorded = 'network:container_network_receive_bytes_total';
  assert.deepEqual(needs(`${recorded}{image!="",id!="/"}`), [
    'change',
    'image!="" chooses by a label that --compat has not, either: leave it out',
  ]);
  assert.equal(find(`${recorded}{image!=""}`).podnet, 'podnet_interface_receive_bytes_total');
  assert.equal(find(`${recorded}{container=~"$container"}`).status, 'change');
  assert.deepEqual(needs(`${recorded}{container!="POD",id!~"/system.*",image=~".*"}`), ['served']);
  const counter = 'container_network_receive_bytes_total';
  assert.deepEqual(needs(`${counter}{container="POD"}`), [
    'change',
    'container="POD" chooses the sandbox, and --compat has a container of the pod: leave it out',
  ]);
  assert.deepEqual(needs(`${counter}{image!="",id!~"/system.*",interface!="lo",interface=~"cali.+"}`), ['served']);
  assert.match(
    needs(`${counter}{interface="eth0"}`)[1] ?? '',
    /is a name in the pod, and --compat has that on the node/,
  );
});

test('what cAdvisor once called pods is told', () => {
  const { status, needs, podnet } = find(
    'sum by (pod_name) (rate(container_network_receive_bytes_total{pod_name=~"a.*"}[5m]))',
  );
  assert.equal(status, 'change');
  assert.deepEqual(needs, ['pod_name=~"a.*" is an old name: write pod', 'pod_name is an old name: write pod']);
  const rate = 'rate(podnet_interface_receive_bytes_total{pod=~"a.*"}[5m])';
  const once = 'unless on (cluster, node, namespace, pod, interface) podnet_interface_stacked_info';
  assert.equal(podnet, `sum by (pod) (${rate} ${once})`);
});

test('whether series are absent is asked of them, and not of their sum', () => {
  assert.equal(
    find('absent(sriov_vf_rx_bytes{pf="p"} offset 5m)').podnet,
    'absent({__name__=~"podnet_vf_(unattributed_)?receive_bytes_total", pf="p"} offset 5m)',
  );
  assert.equal(
    find('absent_over_time(network_latency_seconds_count[10m])').podnet,
    'absent_over_time(podnet_dial_latency_seconds_count{network="default"}[10m])',
  );
  assert.equal(find('absent(rate(ntp_sync_error_total[5m]))').podnet, 'absent(rate(podnet_ntp_errors_total[5m]))');
});

test('who counts or ranks addresses means those of nodes', () => {
  for (const [expr, expected] of [
    ['topk(10, awscni_assigned_ip_addresses)', 'topk(10, podnet_ipam_assigned_ip_addresses)'],
    ['count(awscni_assigned_ip_addresses > 20)', 'count(podnet_ipam_assigned_ip_addresses > 20)'],
    ['quantile(0.9, awscni_ip_max)', 'quantile(0.9, podnet_ipam_ip_max)'],
  ] as const) {
    const { podnet, needs } = find(expr);
    assert.equal(podnet, expected);
    assert.deepEqual(needs, ['scrape the agents: the apiserver has the total alone']);
  }
  assert.deepEqual(find('max(awscni_ip_max)').needs, []);
});

test('a label that a variable names is pointed at', () => {
  const { notes } = find('sum by ($by) (network:sriov_vf_rx_bytes)');
  assert.ok(notes.includes('$by has to be labels that podnet has'), notes.join());
});

test('what is matched by all labels finds nothing of another scrape', () => {
  const need = (expr: string) => find(expr).needs.filter((text) => text.includes('are matched by all their labels'));
  for (const broken of [
    'network:container_network_receive_bytes_total - ignoring(network_name) container_network_receive_bytes_total',
    'rate(ntp_sync_error_total[5m]) > 0 and ignoring(server) up == 1',
  ]) {
    assert.notDeepEqual(need(broken), [], broken);
    assert.equal(find(broken).status, 'change');
  }
  for (const whole of [
    `(${VF_JOIN} sriov_kubepoddevice) / (${VF_JOIN} sriov_kubepoddevice)`,
    'network:sriov_vf_rx_bytes or other',
    'sum by (node) (network:sriov_vf_rx_bytes) / sum by (node) (other)',
    'network:sriov_vf_rx_bytes / on (node) group_left () other',
  ]) {
    assert.deepEqual(need(whole), [], whole);
  }
});

test('when a sample was taken is not asked of a sum', () => {
  assert.match(find('time() - timestamp(sriov_vf_rx_bytes) > 60').why.join(), /^timestamp of several series/);
  assert.equal(find('timestamp(network:sriov_vf_rx_bytes)').podnet, 'timestamp(podnet_vf_receive_bytes_total)');
});

test('what looks after a predecessor goes with it', () => {
  const { status, needs, with: flags } = find('absent(up{job="net-exporter"} == 1)');
  assert.equal(status, 'change');
  assert.match(needs.join(), /^job="net-exporter" looks after net-exporter, which goes/);
  assert.deepEqual(flags, []);
  const others = JSON.stringify({
    groups: [{ name: 'g', rules: [{ expr: 'up{job!="net-exporter"}' }, { expr: 'x{path="/net-exporter"}' }] }],
  });
  assert.deepEqual(checkFile('f', others).findings, []);
});
