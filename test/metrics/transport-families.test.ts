import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE_FAMILIES, RATE_NAMES } from '../../metrics/catalogue.js';
import { podLabel } from '../../metrics/labels.js';
import { renderNode } from '../../metrics/node-families.js';
import { TRANSPORT_FAMILIES } from '../../metrics/transport-families.js';
import { TRANSPORT_COUNTERS } from '../../openapi/report-terms.js';

const LABELS = 'node="n1",namespace="a",pod="web-0"';

/** The lines of a pod without interfaces, but for its info. */
function linesOf(transport: readonly number[] | undefined, labels: readonly string[] = []): string[] {
  const meta = { namespace: 'a', name: 'web-0', labels: { app: 'web' }, hostNetwork: false };
  const pod = { meta, interfaces: [], ...(transport !== undefined && { transport }) };
  const text = renderNode({ node: 'n1', pods: [pod] }, labels.map(podLabel)).join('');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('podnet_pod_info'));
}

test('every transport counter is one series of one family', () => {
  const columns = TRANSPORT_FAMILIES.flatMap(({ series }) => series.map(({ column }) => column));
  assert.deepEqual(
    [...columns].sort((a, b) => a - b),
    [...TRANSPORT_COUNTERS.keys()],
  );
  assert.equal(new Set(NODE_FAMILIES.map(({ name }) => name)).size, NODE_FAMILIES.length);
});

test('each counter of a pod is printed with the labels of the pod', () => {
  const lines = linesOf(TRANSPORT_COUNTERS.map((_, column) => column + 1));
  assert.deepEqual(lines, [
    `podnet_tcp_retransmitted_segments_total{${LABELS}} 1`,
    `podnet_tcp_outgoing_resets_total{${LABELS}} 2`,
    `podnet_tcp_established_resets_total{${LABELS}} 3`,
    `podnet_tcp_listen_overflows_total{${LABELS}} 4`,
    `podnet_tcp_listen_drops_total{${LABELS}} 5`,
    `podnet_sockets{${LABELS},protocol="tcp"} 6`,
    `podnet_sockets{${LABELS},protocol="udp"} 8`,
    `podnet_tcp_sockets_time_wait{${LABELS}} 7`,
    `podnet_udp_receive_errors_total{${LABELS}} 9`,
    `podnet_udp_receive_buffer_errors_total{${LABELS}} 10`,
    `podnet_udp_transmit_buffer_errors_total{${LABELS}} 11`,
    `podnet_conntrack_entries{${LABELS}} 12`,
  ]);
});

test('a transport counter that is not known has no line', () => {
  const lines = linesOf(TRANSPORT_COUNTERS.map((counter) => (counter === 'udpSocketsInUse' ? 0 : NaN)));
  assert.deepEqual(lines, [`podnet_sockets{${LABELS},protocol="udp"} 0`]);
  assert.deepEqual(linesOf(undefined), []);
});

test('chosen pod labels are on the transport series', () => {
  const lines = linesOf(
    TRANSPORT_COUNTERS.map(() => 3),
    ['app'],
  );
  assert.equal(lines.length, TRANSPORT_COUNTERS.length);
  assert.ok(lines.every((line) => line.endsWith(',label_app="web"} 3')));
});

test('of the transport counters the HPA gets the rate of retransmissions', () => {
  assert.deepEqual(RATE_NAMES.slice(8), ['network_tcp_retransmitted_segments_per_second']);
});
