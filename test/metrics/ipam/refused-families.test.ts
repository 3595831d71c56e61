import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CLUSTER_FAMILIES, NODE_FAMILIES } from '../../../metrics/catalogue.js';
import { KNOWN_IPAM_FAMILIES } from '../../../metrics/ipam/known-families.js';
import { refusedFamilies } from '../../../metrics/ipam/refused-families.js';
import { servedFamily, takenNames } from '../../../metrics/ipam/served-families.js';
import type { IpamFamily, IpamSample } from '../../../openapi/ipam-report.js';
import { IPAM_TYPES, type IpamSourceName } from '../../../openapi/report-terms.js';
import { ipamFamily, ipamHistogram } from '../../support/ipam-view.js';

/** Why each is refused. */
function problems(families: readonly IpamFamily[], source: IpamSourceName = 'awscni'): string[] {
  return [...refusedFamilies(source, families).values()];
}

function summary(name: string, samples: readonly IpamSample[]): IpamFamily {
  return { name, type: 'summary', samples: [...samples] };
}

const at = (le: string, value: number): IpamSample => ({ suffix: '_bucket', labels: { le }, value });

test('what is known is refused with no type but its own, and `unknown` is believed', () => {
  for (const { source, name, type } of KNOWN_IPAM_FAMILIES) {
    for (const told of IPAM_TYPES) {
      const isBelieved = told === type || told === 'unknown';
      assert.deepEqual(
        problems([{ name, type: told, samples: [] }], source),
        isBelieved ? [] : [`${name} is a ${told}, where it is known as a ${type}`],
      );
    }
  }
});

test('an untyped family is held to the type that it is known with', () => {
  const untyped = (name: string, value: number, labels = {}) => ipamFamily(name, 'unknown', [[labels, value]]);
  assert.deepEqual(problems([untyped('awscni_add_ip_req_count', -1)]), [
    'awscni_add_ip_req_count is a counter and has a value below 0',
  ]);
  assert.deepEqual(problems([untyped('awscni_aws_api_latency_ms', 12, { api: 'x', quantile: '0.99' })]), []);
  // as an untyped text has them: families of their own, under names that the known one has
  for (const suffix of ['_sum', '_count']) {
    assert.deepEqual(problems([untyped(`awscni_aws_api_latency_ms${suffix}`, 12)]), [
      `awscni_aws_api_latency_ms${suffix} would be served under the name of awscni_aws_api_latency_ms`,
    ]);
  }
});

test('a family that nobody knew is let pass, of any type', () => {
  const families = [
    ipamFamily('awscni_new_gauge', 'gauge', -3),
    ipamFamily('awscni_new_req_count', 'counter', [[{ fn: 'a' }, 1]]),
    ipamFamily('awscni_new_thing', 'unknown', 7),
    ipamHistogram('awscni_new_duration_seconds', { '0.5': 1, '1': 3, '+Inf': 4 }),
    summary('awscni_new_latency_ms', [
      { labels: { quantile: '0.5' }, value: 3 },
      { suffix: '_sum', labels: {}, value: 9 },
      { suffix: '_count', labels: {}, value: 3 },
    ]),
  ];
  assert.deepEqual(problems(families), []);
  assert.deepEqual(problems([ipamFamily('hostlocal_range_reserved_addresses', 'gauge', 1)], 'host-local'), []);
});

test('no family takes a name of ours', () => {
  for (const [name, type, why] of [
    ['awscni_free_ip_addresses', 'gauge', 'under the name of podnet_ipam_free_ip_addresses'],
    ['awscni_exhaustion_seconds', 'gauge', 'under the name of podnet_ipam_exhaustion_seconds'],
    ['awscni_nodes', 'gauge', 'under the name of podnet_ipam_nodes'],
    ['awscni_cluster_anything', 'gauge', 'as a total of the cluster'],
    ['awscni_add_ip_req_total', 'counter', 'under the name of podnet_ipam_add_ip_req_total'],
    ['awscni_add_ip_req_total', 'gauge', 'under the name of podnet_ipam_add_ip_req_total'],
    // OpenMetrics calls the counter so
    ['awscni_add_ip_req', 'gauge', 'under the name of podnet_ipam_add_ip_req_total'],
    ['awscni_eni', 'histogram', ''],
    [
      'awscni_ipamd_startup_duration_seconds_bucket',
      'gauge',
      'under the name of podnet_ipam_ipamd_startup_duration_seconds',
    ],
    ['awscni_range_free_addresses', 'gauge', 'as one of another source'],
  ] as const) {
    assert.deepEqual(problems([{ name, type, samples: [] }]), why === '' ? [] : [`${name} would be served ${why}`]);
  }
});

test('a name without what those of the source begin with is refused', () => {
  for (const name of ['go_goroutines', 'awscni_', 'podnet_ipam_eni_max', 'hostlocal_range_addresses']) {
    assert.deepEqual(problems([ipamFamily(name, 'gauge', 1)]), [`${name} is no family of awscni`]);
  }
  assert.deepEqual(problems([ipamFamily('hostlocal_leases', 'gauge', 1)], 'host-local'), [
    'hostlocal_leases would be served as one of another source',
  ]);
});

test('of two that would have one name neither is served', () => {
  const gauge = (name: string) => ipamFamily(name, 'gauge', 1);
  const counter = (name: string) => ipamFamily(name, 'counter', 1);
  assert.deepEqual(problems([gauge('awscni_eni_max'), gauge('awscni_eni_max')]), [
    'awscni_eni_max is told twice',
    'awscni_eni_max is told twice',
  ]);
  for (const [one, other] of [
    [counter('awscni_new_count'), counter('awscni_new_total')],
    [counter('awscni_new_count'), gauge('awscni_new')],
    [counter('awscni_new'), gauge('awscni_new_total')],
    [ipamHistogram('awscni_new', { '+Inf': 1 }), gauge('awscni_new_bucket')],
    [summary('awscni_new', []), gauge('awscni_new_sum')],
  ] as const) {
    assert.deepEqual(problems([gauge('awscni_other'), one, other]), [
      `${other.name} would be served under the name of ${one.name}`,
      `${one.name} would be served under the name of ${other.name}`,
    ]);
  }
});

test('who must not have a name takes it from nobody', () => {
  const known = ipamFamily('awscni_add_ip_req_count', 'counter', 5);
  const other = ipamFamily('awscni_add_ip_req_total', 'counter', 6);
  assert.deepEqual([...refusedFamilies('awscni', [other, known]).keys()], [other]);
});

test('samples have to be those of the type', () => {
  const count: IpamSample = { suffix: '_count', labels: {}, value: 4 };
  const sum: IpamSample = { suffix: '_sum', labels: {}, value: 4 };
  const incoherent = 'is a histogram whose buckets, sum and count do not go together';
  for (const [type, samples, why] of [
    ['gauge', [sum], 'is a gauge and has a sample _sum'],
    ['counter', [{ labels: {}, value: -1 }], 'is a counter and has a value below 0'],
    ['gauge', [{ labels: {}, value: NaN }], 'has a value that is not a number'],
    ['gauge', [{ labels: {}, value: Infinity }], 'has a value that is not a number'],
    ['histogram', [{ labels: {}, value: 1 }], 'is a histogram and has a sample without suffix'],
    ['histogram', [at('fast', 1)], "has a sample with the le 'fast'"],
    ['histogram', [{ suffix: '_bucket', labels: {}, value: 1 }], "has a sample with the le ''"],
    ['histogram', [{ ...sum, labels: { le: '1' } }], 'has a sample _sum with le'],
    ['histogram', [at('1', 4), sum, count], incoherent],
    ['histogram', [at('+Inf', 3), sum, count], incoherent],
    ['histogram', [at('1', 5), at('+Inf', 4), sum, count], incoherent],
    ['histogram', [at('+Inf', 4), count], incoherent],
    ['histogram', [sum, count], incoherent],
    ['histogram', [at('1', 2), at('1.0', 2), at('+Inf', 4), sum, count], 'has a series twice'],
    ['summary', [at('1', 4)], 'is a summary and has a sample _bucket'],
    ['summary', [{ labels: {}, value: 4 }], "has a sample with the quantile ''"],
    ['summary', [{ labels: { quantile: '1.01' }, value: 4 }], "has a sample with the quantile '1.01'"],
    ['summary', [{ ...count, value: -4 }], 'is a summary and has a value below 0'],
  ] as const) {
    assert.deepEqual(problems([{ name: 'awscni_new', type, samples: [...samples] }]), [`awscni_new ${why}`]);
  }
});

test('labels have to be such that no two series are one', () => {
  const twice = (...labels: readonly Record<string, string>[]) =>
    problems([
      ipamFamily(
        'awscni_new',
        'gauge',
        labels.map((one) => [one, 1]),
      ),
    ]);
  assert.deepEqual(twice({ a: '1', b: '2' }, { b: '2', a: '1' }), ['awscni_new has a series twice']);
  assert.deepEqual(twice({ a: '' }, {}), ['awscni_new has a series twice']);
  assert.deepEqual(twice({ a: '1' }, { a: '2' }, { b: '1' }, {}), []);
  assert.deepEqual(twice({ node: 'x' }, { exported_node: 'x' }), []);
  assert.deepEqual(twice({ a: '\ud800' }), ['awscni_new has a value of the label a that is not Unicode']);
  assert.deepEqual(twice({ a: 'line\nfeed "\\ 🦆' }), []);
  assert.deepEqual(twice({ 'a-b': '1' }), ['awscni_new has a label whose name is none']);
  assert.deepEqual(twice({ __name__: 'x' }), ["awscni_new has the label __name__, which is Prometheus' own"]);
});

const PARTS = ['a', 'b', '_count', '_total', '_sum', '_bucket', 'range_', 'eni_max', 'nodes', 'cluster_'];
const families = fc.array(
  fc.record({
    name: fc
      .array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 3 })
      .map((parts) => `awscni_${parts.join('')}`),
    type: fc.constantFrom(...IPAM_TYPES),
    samples: fc.constant<IpamSample[]>([]),
  }),
  { maxLength: 12 },
);

test('those that pass have names of their own, and pass again', () => {
  const ours = [...NODE_FAMILIES, ...CLUSTER_FAMILIES];
  fc.assert(
    fc.property(families, (told) => {
      const refused = refusedFamilies('awscni', told);
      const passed = told.filter((family) => !refused.has(family));
      assert.equal(refusedFamilies('awscni', passed).size, 0);
      const served = passed.map((family) => servedFamily('awscni', family)).filter((family) => family !== undefined);
      assert.equal(served.length, passed.length);
      const names = [...new Set([...ours, ...served])].flatMap((family) => takenNames(family));
      assert.equal(new Set(names).size, names.length);
    }),
  );
});
