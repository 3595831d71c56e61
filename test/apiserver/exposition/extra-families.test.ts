import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflate } from '../../../apiserver/exposition/deflated.js';
import { extraPieces, nodeExtras, type NodeExtras } from '../../../apiserver/exposition/extra-families.js';
import type { ExpositionFormat } from '../../../metrics/render.js';
import type { IpamFamily } from '../../../openapi/ipam-report.js';
import { ipamFamily, ipamHistogram, nodeWithIpam } from '../../support/ipam-view.js';

function extrasOf(node: string, ...families: IpamFamily[]): NodeExtras[] {
  const extras = nodeExtras(nodeWithIpam({ families }, node));
  return extras === undefined ? [] : [extras];
}

function textOf(nodes: readonly NodeExtras[], only?: string, format: ExpositionFormat = 'text'): string[] {
  const text = [...extraPieces(nodes, format, only)].map(inflate).join('');
  return text.split('\n').slice(0, -1);
}

const thing = (value: number) => ipamFamily('awscni_new_thing', 'gauge', value, 'A thing.');
const count = (value: number) => ipamFamily('awscni_new_count', 'counter', value, 'A count.');

test('each family has one header, and the lines of all nodes that have it', () => {
  const nodes = [
    ...extrasOf('a', thing(1), count(2)),
    ...extrasOf('b', count(3)),
    ...extrasOf('c', thing(4), count(5)),
    ...extrasOf('d', ipamFamily('awscni_eni_max', 'gauge', 3)),
  ];
  assert.deepEqual(textOf(nodes), [
    '# HELP podnet_ipam_new_thing A thing.',
    '# TYPE podnet_ipam_new_thing gauge',
    'podnet_ipam_new_thing{node="a"} 1',
    'podnet_ipam_new_thing{node="c"} 4',
    '# HELP podnet_ipam_new_total A count.',
    '# TYPE podnet_ipam_new_total counter',
    'podnet_ipam_new_total{node="a"} 2',
    'podnet_ipam_new_total{node="c"} 5',
    'podnet_ipam_new_total{node="b"} 3',
  ]);
  assert.deepEqual(textOf([]), []);
});

test('a family can be asked for by its name', () => {
  const nodes = extrasOf('a', thing(1), count(2));
  assert.deepEqual(textOf(nodes, 'podnet_ipam_new_total').slice(2), ['podnet_ipam_new_total{node="a"} 2']);
  assert.deepEqual(textOf(nodes, 'podnet_ipam_new'), []);
});

test('of what nodes call by one name and type differently the type is not known', () => {
  const other = ipamFamily('awscni_new_thing', 'counter', 9, 'No thing.');
  const same = ipamFamily('awscni_new_thing', 'unknown', 7, 'Whatever.');
  const nodes = [...extrasOf('a', thing(1)), ...extrasOf('b', other, count(3)), ...extrasOf('c', same)];
  assert.deepEqual(textOf(nodes, undefined, 'openmetrics'), [
    '# HELP podnet_ipam_new A count.',
    '# TYPE podnet_ipam_new counter',
    'podnet_ipam_new_total{node="b"} 3',
    '# HELP podnet_ipam_new_thing A thing.',
    '# TYPE podnet_ipam_new_thing unknown',
    'podnet_ipam_new_thing{node="a"} 1',
    'podnet_ipam_new_thing{node="c"} 7',
    '# HELP podnet_ipam_new_thing_total No thing.',
    '# TYPE podnet_ipam_new_thing_total unknown',
    'podnet_ipam_new_thing_total{node="b"} 9',
  ]);
  assert.deepEqual(textOf(nodes, 'podnet_ipam_new_thing_total').slice(1), [
    '# TYPE podnet_ipam_new_thing_total untyped',
    'podnet_ipam_new_thing_total{node="b"} 9',
  ]);
});

test('a name is no less disputed where it is that of a part of a histogram', () => {
  const nodes = [
    ...extrasOf('a', ipamHistogram('awscni_new_seconds', { '1': 1, '+Inf': 2 })),
    ...extrasOf('b', ipamFamily('awscni_new_seconds_sum', 'gauge', 5)),
  ];
  assert.deepEqual(
    textOf(nodes).filter((line) => !line.startsWith('# HELP')),
    [
      '# TYPE podnet_ipam_new_seconds_bucket untyped',
      'podnet_ipam_new_seconds_bucket{node="a",le="1.0"} 1',
      'podnet_ipam_new_seconds_bucket{node="a",le="+Inf"} 2',
      '# TYPE podnet_ipam_new_seconds_sum untyped',
      'podnet_ipam_new_seconds_sum{node="a"} 1',
      'podnet_ipam_new_seconds_sum{node="b"} 5',
      '# TYPE podnet_ipam_new_seconds_count untyped',
      'podnet_ipam_new_seconds_count{node="a"} 2',
    ],
  );
});

test('five thousand nodes, each with families of other names, keep them apart', () => {
  const nodes = Array.from({ length: 5_000 }, (_, i) =>
    extrasOf(`n${i}`, thing(i), ipamFamily(`awscni_only_${i % 50}`, 'gauge', i)),
  ).flat();
  const lines = textOf(nodes);
  assert.equal(lines.length, 2 * 51 + 2 * 5_000);
  assert.ok(lines.includes('podnet_ipam_only_49{node="n4999"} 4999'));
  assert.equal(lines.filter((line) => line.startsWith('podnet_ipam_new_thing{')).length, 5_000);
});
