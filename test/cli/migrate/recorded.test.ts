import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFile } from '../../../cli/migrate/check.js';
import type { Finding } from '../../../cli/migrate/finding.js';

function record(name: string, expr: string, labels?: Readonly<Record<string, string>>): Finding | undefined {
  return checkFile('f', JSON.stringify({ groups: [{ name: 'g', rules: [{ record: name, expr, labels }] }] }))
    .findings[0];
}

const JOINED = 'container_network_receive_bytes_total + on(namespace,pod,interface) group_left(network_name)';
const RECEIVED = 'network:container_network_receive_bytes_total';

test('the rules of a predecessor go', () => {
  const rules = [
    [RECEIVED, `(${JOINED} ( pod_network_name_info ))`],
    ['container_network_receive_bytes_total_intf', 'container_network_receive_bytes_total'],
    ['network:sriov_vf_rx_bytes', 'sriov_vf_rx_bytes * on (pciAddr) group_left(pod) sriov_kubepoddevice'],
    [
      'container_network_receive_bytes_total',
      'network:container_network_receive_bytes_total + on(interface, node) group_right pod_interface_shim',
    ],
  ] as const;
  for (const [name, expr] of rules) assert.equal(record(name, expr)?.status, 'delete', expr);
});

test('a rule of one’s own under such a name is to be renamed', () => {
  const rules = [
    record(RECEIVED, 'sum by (namespace) (rate(podnet_interface_receive_bytes_total[5m]))'),
    record(RECEIVED, `abs(${JOINED} pod_network_name_info)`),
    record(RECEIVED, `${JOINED} pod_network_name_info`, { cluster: 'a' }),
    record(RECEIVED, `${JOINED.replace('receive', 'transmit')} pod_network_name_info`),
    record('container_network_receive_bytes_total', 'sum by (namespace) (rate(foo[5m]))'),
  ];
  for (const finding of rules) {
    assert.equal(finding?.status, 'change', finding?.expression);
    assert.match(finding?.needs[0] ?? '', /^a rule of your own under a name that --compat=\S+ serves: rename it$/);
  }
});
