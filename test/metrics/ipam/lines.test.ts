import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { extraFamilies } from '../../../metrics/ipam/lines.js';
import { refusedFamilies } from '../../../metrics/ipam/refused-families.js';
import { renderNode, type NodeView } from '../../../metrics/node-families.js';
import { IPAM_TYPES } from '../../../openapi/report-terms.js';
import { addressGauges, ipamFamily, ipamHistogram, nodeWithIpam, poolOf } from '../../support/ipam-view.js';

function linesOf(view: NodeView, pattern = /./): string[] {
  const all = [...renderNode(view), ...extraFamilies(view).map(({ lines }) => lines)].join('').split('\n');
  return all.filter((line) => line !== '' && pattern.test(line));
}

test('a family is served under our prefix, with the node', () => {
  const families = [
    ipamFamily('awscni_eni_max', 'gauge', 4),
    ipamFamily('awscni_add_ip_req_count', 'counter', 17),
    ipamFamily('awscni_force_removed_ips', 'counter', 0),
    ipamFamily('awscni_connmark_reconcile_total', 'counter', [[{ result: 'success' }, 3]]),
  ];
  assert.deepEqual(linesOf(nodeWithIpam({ families })), [
    'podnet_ipam_eni_max{node="n1"} 4',
    'podnet_ipam_add_ip_req_total{node="n1"} 17',
    'podnet_ipam_force_removed_ips_total{node="n1"} 0',
    'podnet_ipam_connmark_reconcile_total{node="n1",result="success"} 3',
  ]);
});

test('labels are in the order of the family, others follow by name', () => {
  const labels = { status: '200', zone: 'z', error: 'a"b\\c\nd', api: 'Get', az: '' };
  const families = [
    {
      ...{ name: 'awscni_aws_api_latency_ms', type: 'summary' as const },
      samples: [
        { suffix: '_count' as const, labels, value: 3 },
        { suffix: '_sum' as const, labels, value: 90.5 },
        { labels: { quantile: '1', ...labels }, value: 341 },
        { labels: { ...labels, quantile: '0.5' }, value: 12 },
      ],
    },
  ];
  const text = 'node="n1",api="Get",error="a\\"b\\\\c\\nd",status="200",az="",zone="z"';
  assert.deepEqual(linesOf(nodeWithIpam({ families })), [
    `podnet_ipam_aws_api_latency_seconds{${text},quantile="0.5"} 0.012`,
    `podnet_ipam_aws_api_latency_seconds{${text},quantile="1.0"} 0.341`,
    `podnet_ipam_aws_api_latency_seconds_sum{${text}} 0.0905`,
    `podnet_ipam_aws_api_latency_seconds_count{${text}} 3`,
  ]);
});

test('buckets ascend, are one text in both formats, and stand series by series', () => {
  const name = 'awscni_ipamd_node_initialization_duration_seconds';
  const [yes, no] = ['true', 'false'].map((success) =>
    ipamHistogram(name, { '+Inf': 4, '10': 3, '2.5': 2, '1e-05': 0 }, { success }),
  );
  const samples = [...(yes?.samples ?? []), ...(no?.samples ?? [])].reverse();
  const lines = linesOf(nodeWithIpam({ families: [{ name, type: 'histogram', samples }] }));
  const seriesOf = (success: string) => [
    ...['1e-05"} 0', '2.5"} 2', '10.0"} 3', '+Inf"} 4'].map(
      (le) => `podnet_ipam_${name.slice(7)}_bucket{node="n1",success="${success}",le="${le}`,
    ),
    `podnet_ipam_${name.slice(7)}_sum{node="n1",success="${success}"} 2`,
    `podnet_ipam_${name.slice(7)}_count{node="n1",success="${success}"} 4`,
  ];
  assert.deepEqual(lines, [...seriesOf('false'), ...seriesOf('true')]);
});

test('a label of the source that is called as ours is is told apart', () => {
  const families = [ipamFamily('awscni_eni_max', 'gauge', [[{ exported_node: 'b', node: 'a', node_id: 'c' }, 1]])];
  assert.deepEqual(linesOf(nodeWithIpam({ families })), [
    'podnet_ipam_eni_max{node="n1",exported_exported_node="b",exported_node="a",node_id="c"} 1',
  ]);
});

test('an untyped family is of the type that it is known with', () => {
  const families = [
    ipamFamily('awscni_eni_max', 'unknown', 4),
    ipamFamily('awscni_add_ip_req_count', 'unknown', 17),
    ipamFamily('awscni_new_count', 'unknown', 5),
  ];
  const view = nodeWithIpam({ families });
  assert.deepEqual(linesOf(view), [
    'podnet_ipam_eni_max{node="n1"} 4',
    'podnet_ipam_add_ip_req_total{node="n1"} 17',
    'podnet_ipam_new_count{node="n1"} 5',
  ]);
  assert.deepEqual(
    extraFamilies(view).map(({ family }) => family.type),
    ['unknown'],
  );
});

test('families that nobody knew are of the type and the help that their source tells', () => {
  const families = [
    ipamFamily('awscni_new_thing', 'gauge', [[{ b: '2', a: '1' }, -7]], 'A new\nthing.'),
    ipamFamily('awscni_new_req_count', 'counter', 3),
    ipamFamily('awscni_new_long', 'gauge', 3, 'x'.repeat(100_000)),
    ipamFamily('awscni_new_empty', 'gauge', []),
  ];
  assert.deepEqual(
    extraFamilies(nodeWithIpam({ families })).map(({ family: { name, type, help }, lines }) => [
      ...[name, type, help.length > 100 ? help.length : help],
      lines,
    ]),
    [
      ['podnet_ipam_new_thing', 'gauge', 'A new\nthing.', 'podnet_ipam_new_thing{node="n1",a="1",b="2"} -7\n'],
      [
        ...['podnet_ipam_new_req_total', 'counter', 'As awscni tells it under awscni_new_req_count.'],
        'podnet_ipam_new_req_total{node="n1"} 3\n',
      ],
      ['podnet_ipam_new_long', 'gauge', 1_024, 'podnet_ipam_new_long{node="n1"} 3\n'],
    ],
  );
});

test('free addresses are what the node can have less what pods have, where both are known', () => {
  const freeOf = (view: NodeView) => linesOf(view, /^podnet_ipam_free/);
  const [most, assigned, total] = addressGauges(27, 12);
  assert.ok(most !== undefined && assigned !== undefined && total !== undefined);
  assert.deepEqual(freeOf(nodeWithIpam({ families: [most, assigned, total] })), [
    'podnet_ipam_free_ip_addresses{node="n1"} 15',
  ]);
  assert.deepEqual(freeOf(nodeWithIpam({ families: addressGauges(27, 30, 27) })), [
    'podnet_ipam_free_ip_addresses{node="n1"} 0',
  ]);
  for (const families of [
    [most, total],
    [assigned, total],
    addressGauges(0, 0),
    // IPv6: the maximum is that of IPv4, the prefix has more
    addressGauges(432, 21, 2 ** 48),
    [most, { ...assigned, samples: [] }],
    [most, { ...assigned, samples: [...assigned.samples, { labels: { cidr: 'x' }, value: 3 }] }],
  ]) {
    assert.deepEqual(freeOf(nodeWithIpam({ families })), []);
  }
});

test('addresses run out at their trend', () => {
  const secondsOf = (...pools: ReturnType<typeof poolOf>[]) =>
    linesOf(nodeWithIpam({ families: [], pools }), /exhaustion/);
  assert.deepEqual(secondsOf(poolOf(30, -2, 60)), ['podnet_ipam_exhaustion_seconds{node="n1"} 900']);
  assert.deepEqual(secondsOf(poolOf(0, 0, 0)), ['podnet_ipam_exhaustion_seconds{node="n1"} 0']);
  for (const pool of [poolOf(30, 0, 60), poolOf(30, 2, 30), poolOf(30, -2, 29), { labels: {}, samples: [] }]) {
    assert.deepEqual(secondsOf(pool), []);
  }
  assert.deepEqual(secondsOf(), []);
  assert.deepEqual(secondsOf(poolOf(30, -2, 60, { network: 'a', range: 'b' })), []);
});

test('ranges of host-local run out each by itself', () => {
  const range = (network: string, text: string) => ({ network, range: text });
  const [a, b] = [range('cbr0', '10.0.0.0/24'), range('cbr0', 'fd00::/64')];
  const families = [
    ipamFamily('hostlocal_range_free_addresses', 'gauge', [
      [a, 30],
      [b, 2 ** 53 - 1],
    ]),
  ];
  const pools = [poolOf(30, -2, 60, a), poolOf(2 ** 53 - 1, 0, 60, b), poolOf(1, -2, 60, a)];
  assert.deepEqual(linesOf(nodeWithIpam({ name: 'host-local', families, pools })), [
    'podnet_ipam_range_free_addresses{node="n1",network="cbr0",range="10.0.0.0/24"} 30',
    'podnet_ipam_range_free_addresses{node="n1",network="cbr0",range="fd00::/64"} 9007199254740991',
    'podnet_ipam_range_exhaustion_seconds{node="n1",network="cbr0",range="10.0.0.0/24"} 900',
  ]);
});

/** https://prometheus.io/docs/instrumenting/exposition_formats: one sample. */
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)+)\} \S+$/;

test('whatever passes makes lines that parse, and no series twice', () => {
  const name = fc.constantFrom(
    'awscni_eni_max',
    'awscni_aws_api_latency_ms',
    'awscni_new',
    'awscni_new_total',
    'awscni_b',
  );
  const label = fc.constantFrom('node', 'exported_node', 'le', 'quantile', 'api', 'z');
  const labels = fc.dictionary(
    label,
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '0.5', '1', '+Inf')),
  );
  const sample = fc.record(
    {
      suffix: fc.constantFrom('_sum' as const, '_count' as const, '_bucket' as const),
      labels,
      value: fc.double({ noNaN: true }),
    },
    { requiredKeys: ['labels', 'value'] },
  );
  const family = fc.record({ name, type: fc.constantFrom(...IPAM_TYPES), samples: fc.array(sample, { maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(family, { maxLength: 4 }), (told) => {
      const refused = refusedFamilies('awscni', told);
      const lines = linesOf(nodeWithIpam({ families: told.filter((one) => !refused.has(one)) }));
      const series = lines.map((line) => {
        const [, name = '', text = ''] = SAMPLE.exec(line) ?? [];
        assert.notEqual(name, '', line);
        assert.ok(!/NaN|Infinity/.test(line.slice(line.lastIndexOf(' '))), line);
        const pairs = [...text.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)];
        assert.equal(new Set(pairs.map(([, key]) => key)).size, pairs.length, line);
        return JSON.stringify([
          name,
          pairs
            .filter(([, , value]) => value !== '')
            .map(([pair]) => pair)
            .sort(),
        ]);
      });
      assert.equal(new Set(series).size, series.length);
    }),
    { numRuns: 500 },
  );
});
