import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compat } from '../../../metrics/compat/compat.js';
import { renderNode, type NodeView } from '../../../metrics/node-families.js';
import { DEFAULT_NETWORK } from '../../../nodeagent/probes/peers.js';
import {
  dialView,
  dnsView,
  everyProbe,
  nodeWithProbes,
  ntpView,
  probeRow,
  serviceDialView,
} from '../../support/probe-view.js';

const COMPAT = new Compat(['net-exporter']);

function linesOf(view: NodeView, family: string): string[] {
  const text = COMPAT.render(view)[COMPAT.families.findIndex(({ name }) => name === family)] ?? '';
  return text.split('\n').filter((line) => line !== '');
}

const powers = (count: number) => Array.from({ length: count }, (_, i) => String(2 ** i / 1_000));

test('names, types, HELP, labels and buckets are its own', () => {
  const text = [
    ['network_latency_seconds', 'histogram', 'Histogram of latency of network dials.', 'host', 5],
    ['network_dial_error_total', 'counter', 'Total number of errors dialing hosts.', 'host'],
    ['network_error_total', 'counter', 'Total number of internal errors.', ''],
    ['dns_tcp_latency_seconds', 'histogram', 'Histogram of latency of TCP DNS resolutions.', 'host', 15],
    ['dns_udp_latency_seconds', 'histogram', 'Histogram of latency of UDP DNS resolutions.', 'host', 15],
    ['dns_latency_seconds', 'histogram', 'Histogram of latency of DNS resolutions.', 'host', 15],
    ['dns_resolve_error_total', 'counter', 'Total number of errors resolving hosts.', 'host,proto'],
    ['dns_error_total', 'counter', 'Total number of internal errors.', ''],
    ['ntp_latency_seconds', 'histogram', 'Histogram of latency of NTP sync requests.', 'server', 10],
    ['ntp_sync_error_total', 'counter', 'Total number of errors ntp syncs.', 'server'],
    ['ntp_error_total', 'counter', 'Total number of internal errors.', ''],
  ] as const;
  assert.deepEqual(
    COMPAT.families.map(({ name, type, help, labels }) => [
      ...[name, type, help],
      labels.filter((label) => label !== 'node').join(','),
    ]),
    text.map((family) => family.slice(0, 4)),
  );
  const probes = { ...everyProbe(), internalErrors: { dial: 1, dns: 2, ntp: 3 } };
  for (const [name, , , , buckets] of text) {
    const { labels } = COMPAT.families.find((family) => family.name === name) ?? { labels: [] };
    const lines = linesOf(nodeWithProbes(probes), name);
    assert.ok(lines.length > 0, name);
    const bounds = new Set<string>();
    for (const line of lines) {
      const { le, ...others } = Object.fromEntries(
        [...line.matchAll(/(\w+)="(.*?)"/g)].map(([, label = '', value = '']) => [label, value] as const),
      );
      assert.deepEqual(Object.keys(others), labels, line);
      if (le !== undefined) bounds.add(le);
    }
    assert.deepEqual([...bounds], buckets === undefined ? [] : [...powers(buckets), '+Inf'], name);
  }
});

test('a bucket has the count that the same bucket of podnet has', () => {
  const took = [0.0009, 0.001, 0.0011, 0.002, 0.015, 0.016, 0.017, 5].map((seconds) => [seconds, 1] as const);
  const view = nodeWithProbes({ dials: [dialView({ row: probeRow('dial', took) })] });
  const countsOf = (lines: readonly string[]) =>
    new Map(lines.flatMap((line) => [...line.matchAll(/le="(.*)"\} (\d+)$/g)].map(([, le, count]) => [le, count])));
  const ours = countsOf(renderNode(view).join('').split('\n'));
  const theirs = countsOf(linesOf(view, 'network_latency_seconds'));
  assert.equal(theirs.size, 6);
  for (const [le, count] of theirs) assert.equal(count, ours.get(le), le);
});

// Fault of net-exporter: of a dial that failed it counts those alone whose peer is being deleted, and never the Service's.
test('every failed dial counts, also that of the Service, by the address dialled', () => {
  const failed = probeRow('dial', [], { refused: 1, timeout: 2, unreachable: 3, reset: 4, dns: 5, other: 6 });
  const view = nodeWithProbes({
    dials: [dialView({ row: failed, address: '[fd00::2]:9809' }), serviceDialView({ row: failed })],
  });
  assert.deepEqual(linesOf(view, 'network_dial_error_total'), [
    'network_dial_error_total{host="[fd00::2]:9809",node="n1"} 21',
    'network_dial_error_total{host="10.96.0.20:9809",node="n1"} 21',
  ]);
});

test('dials over secondary networks are not among them', () => {
  const dials = [dialView({ network: 'n3' }), dialView({ network: DEFAULT_NETWORK, address: '10.0.0.9:9809' })];
  for (const family of ['network_latency_seconds', 'network_dial_error_total']) {
    const hosts = linesOf(nodeWithProbes({ dials }), family).map((line) => /host="(.*?)"/.exec(line)?.[1]);
    assert.deepEqual([...new Set(hosts)], ['10.0.0.9:9809']);
  }
});

test('lookups at several servers are added up, by host', () => {
  const view = nodeWithProbes({
    dns: [
      dnsView({ row: probeRow('dns', [[0.003, 20]], { servfail: 2 }) }),
      dnsView({ server: '10.96.0.11', row: probeRow('dns', [[0.003, 1]], { empty: 1, timeout: 4 }) }),
      dnsView({ protocol: 'tcp', row: probeRow('dns', [[0.003, 100]], { reset: 1 }) }),
    ],
  });
  const labels = 'host="kubernetes.default.svc.cluster.local.",node="n1"';
  const countOf = (family: string) => linesOf(view, family).at(-1);
  assert.equal(countOf('dns_udp_latency_seconds'), `dns_udp_latency_seconds_count{${labels}} 21`);
  assert.equal(countOf('dns_tcp_latency_seconds'), `dns_tcp_latency_seconds_count{${labels}} 100`);
  assert.equal(countOf('dns_latency_seconds'), `dns_latency_seconds_count{${labels}} 121`);
  assert.deepEqual(linesOf(view, 'dns_resolve_error_total'), [
    `dns_resolve_error_total{${labels},proto="udp"} 7`,
    `dns_resolve_error_total{${labels},proto="tcp"} 1`,
  ]);
});

test('internal errors that nobody tells of are absent', () => {
  const internal = ['network_error_total', 'dns_error_total', 'ntp_error_total'];
  const told = (internalErrors: object) =>
    internal.flatMap((family) => linesOf(nodeWithProbes({ internalErrors }), family));
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ dial: 0, ntp: 2 }), ['network_error_total{node="n1"} 0', 'ntp_error_total{node="n1"} 2']);
});

test('a probe that has no reading has no series', () => {
  const view = nodeWithProbes({
    dials: [dialView({ row: [] })],
    dns: [dnsView({ row: [] })],
    ntp: [ntpView({ row: [] })],
  });
  assert.equal(COMPAT.render(view).join(''), '');
});
