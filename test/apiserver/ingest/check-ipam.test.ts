// What a report says of IP addresses is judged source by source, family by family: what is bad is named, and no part passes for the whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { IpamSourceReport } from '../../../openapi/ipam-report.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { ipamReport, ipamSource } from '../../support/ipam-reports.js';
import { nodeReport } from '../../support/reports.js';

const AT_MS = 100_000;

/** The sources of a report as it comes off the wire. */
function check(...ipam: unknown[]) {
  const { report, rejections } = checkReport(JSON.parse(JSON.stringify({ ...nodeReport(AT_MS), ipam })));
  assert.ok(rejections.named.every(({ reason }) => reason === 'bad_ipam'));
  return { ipam: report.ipam ?? [], rejected: rejections.named.map(({ entry, message }) => `${entry} ${message}`) };
}

const good = ipamSource(AT_MS);
const withFamilies = (...families: unknown[]) => ({ ...good, families: [...good.families, ...families] });
const counter = (name: string, ...samples: unknown[]) => ({ name, type: 'counter', samples });
const sample = (value: unknown, labels: unknown = {}) => ({ labels, value });

test('a good source is kept as it is', () => {
  const latency = {
    ...{ name: 'awscni_aws_api_latency_ms', type: 'summary', help: 'Time.' },
    samples: [
      sample(25, { api: 'a', quantile: '0.99' }),
      { suffix: '_sum', ...sample(50.5, { api: 'a' }) },
      { suffix: '_count', ...sample(2, { api: 'a' }) },
    ],
  };
  const pools = [
    {
      labels: {},
      samples: [
        [1_000, 9],
        [61_000, 8.5],
      ],
    },
    { labels: { network: 'n', range: '10.0.0.0/24' }, samples: [] },
  ];
  const source = { ...withFamilies(latency), leftOut: ['awscni_ec2api_req_count'], pools, problem: 'failed' };
  assert.deepEqual(check(source), { ipam: [source], rejected: [] });
});

test('what the schema does not know is not kept', () => {
  const more = { unheardOf: 1 };
  const families = good.families.map((family) => ({
    ...{ ...family, ...more },
    samples: family.samples.map((one) => ({ ...one, ...more })),
  }));
  const pools = [{ labels: {}, samples: [[1_000, 9]] }];
  const told = { ...good, ...more, families, pools: pools.map((pool) => ({ ...pool, ...more })) };
  assert.deepEqual(check(told), { ipam: [{ ...good, pools }], rejected: [] });
});

test('a source without a reading says that much', () => {
  const { takenAt: _, ...never } = { ...good, families: [], problem: 'not_found' };
  assert.deepEqual(check(never), { ipam: [never], rejected: [] });
});

const SOURCES: readonly (readonly [string, unknown, RegExp])[] = [
  ['is no object', 7, /^ipam\[1\] must be object/],
  ['has a name that nobody knows', { ...good, name: 'calico' }, /^ipam\[1\] name: /],
  ['has no interval', { ...good, name: 'host-local', intervalMs: 0 }, /^ipam\[1\] intervalMs: /],
  ['is read at no time', { ...good, name: 'host-local', takenAt: -1 }, /^ipam\[1\] takenAt: /],
  ['stands there twice', good, /^ipam\[1\] awscni stands before in this report$/],
  ['has too many families', { ...good, families: new Array(257).fill(0) }, /^ipam\[1\] families: must not have more/],
  ['has too many pools', { ...good, pools: new Array(257).fill(0) }, /^ipam\[1\] pools: must not have more/],
];

for (const [what, bad, message] of SOURCES) {
  test(`a source that ${what} is left out and named`, () => {
    const { ipam, rejected } = check(good, bad);
    assert.deepEqual(
      ipam.filter(({ problem }) => problem !== 'rejected'),
      [good],
    );
    assert.equal(rejected.length, 1);
    assert.match(rejected[0] ?? '', message);
  });
}

test('a reading from after the report was sent is none', () => {
  const soon = { ...good, takenAt: AT_MS + 1_000 };
  const later = { ...ipamSource(AT_MS + 1_001), problem: 'failed' };
  assert.deepEqual(check(soon).ipam, [soon]);
  const { ipam, rejected } = check(later);
  assert.deepEqual(ipam, [
    { name: 'awscni', intervalMs: 1_000, problem: 'failed', families: [], leftOut: [], pools: [] },
  ]);
  assert.deepEqual(rejected, ['ipam[0].takenAt 101001 is after the report was sent']);
});

test('a source that is all bad is one that cannot be read, and not one that is not there', () => {
  const rejected = { intervalMs: 100, problem: 'rejected', families: [], leftOut: [], pools: [] };
  assert.deepEqual(check({ ...good, intervalMs: 'x' }).ipam, [{ name: 'awscni', ...rejected }]);
  assert.deepEqual(check({ ...good, takenAt: AT_MS + 1_001 }).ipam, [
    { name: 'awscni', ...rejected, intervalMs: 1_000 },
  ]);
  assert.deepEqual(check({ ...good, name: 'toString' }).ipam, []);
});

const REQ = 'awscni_ec2api_req_count';
const FAMILIES: readonly (readonly [string, unknown, RegExp])[] = [
  ['a sample that is no object', counter(REQ, sample(1), 7), /samples\[1\] must be object/],
  ['a value that is null', counter(REQ, sample(null)), /samples\[0\] value: must be number/],
  ['a value that is NaN', counter(REQ, sample('NaN')), /samples\[0\] value: must be number, not "NaN"/],
  ['a label that is no text', counter(REQ, sample(1, { fn: 1 })), /samples\[0\] labels\.fn: must be string/],
  ['a label that is too long', counter(REQ, sample(1, { fn: 'x'.repeat(1_025) })), /samples\[0\] labels\.fn: /],
  ['no samples', { name: REQ, type: 'counter' }, /families\[10\] must have required/],
  ['a type that is none', { name: REQ, type: 'info', samples: [] }, /families\[10\] type: must be equal/],
  ['a negative counter', counter(REQ, sample(-1)), /families\[10\] .* below 0/],
  ['more than can be counted', counter(REQ, sample(2 ** 53)), /families\[10\] .* has counted 9007199254740992/],
  ['a series that stands twice', counter(REQ, sample(1), sample(2)), /families\[10\] .* has a series twice/],
  ['a label name that is none', counter(REQ, sample(1, { 'a-b': '' })), /families\[10\] .* a label whose name is none/],
  ['a label of Prometheus', counter(REQ, sample(1, { __name__: 'x' })), /families\[10\] .* Prometheus' own/],
  ['another type than it has', { name: REQ, type: 'gauge', samples: [] }, /families\[10\] .* is a gauge/],
];

for (const [what, bad, message] of FAMILIES) {
  test(`a family with ${what} is left out as a whole`, () => {
    const { ipam, rejected } = check(withFamilies(bad));
    assert.deepEqual(ipam, [{ ...good, leftOut: [REQ] }]);
    assert.equal(rejected.length, 1);
    assert.match(rejected[0] ?? '', message);
    assert.match(rejected[0] ?? '', /^ipam\[0\]\.families\[10\]/);
  });
}

test('every bad sample of a family is named', () => {
  const { rejected } = check(withFamilies(counter(REQ, sample('a'), sample(1), sample('b', { fn: 'x' }))));
  assert.deepEqual(
    rejected.map((one) => one.split(' ')[0]),
    ['ipam[0].families[10].samples[0]', 'ipam[0].families[10].samples[2]'],
  );
});

test('thousands of bad samples cost no more than some: they are named as far as an answer has room', () => {
  const bad = Array.from({ length: 256 }, (_, i) => counter(`awscni_bad_${i}`, ...new Array<unknown>(4_000).fill(0)));
  const long = counter('awscni_long', ...new Array<unknown>(REPORT_LIMITS.ipamSamples + 1).fill(0));
  const { ipam, rejected } = check({ ...good, families: [long, ...bad.slice(1)] });
  assert.equal(ipam[0]?.leftOut.length, 256);
  assert.equal(rejected.length, REPORT_LIMITS.rejectedNamed);
  assert.equal(rejected[0], 'ipam[0].families[0] more than 16384 samples together');
});

test('of two families with one name both are left out', () => {
  const { ipam, rejected } = check(withFamilies(counter(REQ, sample(1)), counter(REQ, sample(2, { fn: 'x' }))));
  assert.deepEqual(ipam, [{ ...good, leftOut: [REQ] }]);
  assert.equal(rejected.length, 2);
});

test('a family of which a copy is bad is left out with it', () => {
  const { ipam } = check(withFamilies(counter(REQ, sample(1)), counter(REQ, sample('x'))));
  assert.deepEqual(ipam, [{ ...good, leftOut: [REQ] }]);
});

test('a family that its source left out is not kept', () => {
  const { ipam } = check({ ...withFamilies(counter(REQ, sample(1))), leftOut: [REQ] });
  assert.deepEqual(ipam, [{ ...good, leftOut: [REQ] }]);
});

test('families of others are not those of a source', () => {
  const { ipam, rejected } = check({
    ...withFamilies(counter('hostlocal_x'), counter('go_gc'), counter('awscni_')),
    leftOut: ['hostlocal_y', 'awscni_x y', 7, 'awscni_gone'],
  });
  assert.deepEqual(ipam, [{ ...good, leftOut: ['awscni_gone'] }]);
  assert.equal(rejected.length, 6);
});

const POOL_FLAWS: readonly (readonly [string, unknown, RegExp])[] = [
  ['is no object', 7, /^ipam\[0\]\.pools\[1\] must be object/],
  ['has the labels of another', { labels: {}, samples: [] }, /^ipam\[0\]\.pools\[1\] .*stands before in this source/],
  ['has a label that ranges do not have', { labels: { zone: 'a' }, samples: [] }, /^ipam\[0\]\.pools\[1\] .*: "zone"/],
  [
    'has too many samples',
    { labels: { range: 'r' }, samples: new Array(62).fill([1, 1]) },
    /samples: must not have more/,
  ],
];

for (const [what, bad, message] of POOL_FLAWS) {
  test(`a pool that ${what} is left out`, () => {
    const pool = { labels: {}, samples: [[1_000, 9]] };
    const { ipam, rejected } = check({ ...good, pools: [pool, bad] });
    assert.deepEqual(ipam, [{ ...good, pools: [pool] }]);
    assert.equal(rejected.length, 1);
    assert.match(rejected[0] ?? '', message);
  });
}

test('samples of a pool go oldest first, and none is of the future', () => {
  const samples = [[1_000, 9], [1_000, 8], [500, 8], [2_000, -1], [3_000], [102_000, 7], [4_000, 6], 'x'];
  const { ipam, rejected } = check({ ...good, pools: [{ labels: {}, samples }] });
  assert.deepEqual(ipam[0]?.pools, [
    {
      labels: {},
      samples: [
        [1_000, 9],
        [4_000, 6],
      ],
    },
  ]);
  assert.equal(rejected.length, 6);
});

const many = (count: number) => Array.from({ length: count }, (_, i) => sample(i, { fn: `f${i}` }));

test('the samples of all sources together are no more than a report can have', () => {
  const full = counter(REQ, ...many(REPORT_LIMITS.ipamSamples - 10));
  const other = { ...ipamSource(AT_MS, {}, { name: 'host-local', families: [] }), name: 'host-local' };
  const range = (samples: unknown[]) => ({ name: 'hostlocal_range_addresses', type: 'gauge', samples });
  const whole = check(withFamilies(full), { ...other, families: [range([])] });
  assert.deepEqual(whole.rejected, []);
  const { ipam, rejected } = check(withFamilies(full), { ...other, families: [range([sample(1)])] });
  assert.deepEqual(ipam[1], { ...other, leftOut: ['hostlocal_range_addresses'] });
  assert.deepEqual(rejected, ['ipam[1].families[0] more than 16384 samples together']);
});

test('a report of nothing but samples is not looked at sample by sample', () => {
  const full = { type: 'counter', samples: new Array(16_384).fill(0) };
  const families = Array.from({ length: 256 }, (_, i) => ({ name: `awscni_x${i}`, ...full }));
  const { report, rejections } = checkReport({ ...nodeReport(AT_MS), ipam: [{ ...good, families }] });
  assert.deepEqual(report.ipam?.[0]?.families, []);
  assert.equal(report.ipam?.[0]?.leftOut.length, 256);
  assert.equal(rejections.total, REPORT_LIMITS.rejectedNamed + 255);
  assert.match(rejections.named[0]?.message ?? '', /must be object/);
});

test('no agent can fill the memory with labels', () => {
  const long = 'x'.repeat(1_000);
  const labels = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`l${i}`, long]));
  const families = Array.from({ length: 40 }, (_, i) => counter(`awscni_big_${i}`, sample(1, labels)));
  const { ipam, rejected } = check({ ...good, families });
  assert.equal(ipam[0]?.families.length, 32); // of 32 kB each
  assert.equal(rejected.length, 8);
  assert.match(rejected[0] ?? '', /more than 1048576 characters/);
});

test('an agent that probes has no IP addresses to tell of', () => {
  const { report, rejections } = checkReport({ ...ipamReport(AT_MS), role: 'probe' });
  assert.equal(report.ipam, undefined);
  assert.deepEqual(rejections.named, [
    { entry: 'ipam', reason: 'bad_ipam', message: 'an agent of role probe does not read IP address management' },
  ]);
});

test('an agent may know sources that this server does not', () => {
  const { ipam, rejected } = check(good, { ...good, name: 'a' }, { ...good, name: 'b' }, { ...good, name: 'c' });
  assert.deepEqual([ipam, rejected.length], [[good], 3]);
});

test('whatever JSON stands for a part of a source, what is kept fits the schema', () => {
  const schema = Compile(IpamSourceReport);
  const rich = { ...good, pools: [{ labels: {}, samples: [[1_000, 9]] }], leftOut: ['awscni_x'] };
  const paths = [['families'], ['families', '3'], ['families', '3', 'samples'], ['families', '3', 'samples', '0']]
    .concat([['families', '3', 'samples', '0', 'labels'], ['pools'], ['pools', '0'], ['pools', '0', 'samples']])
    .concat([
      ['leftOut'],
      ['leftOut', '0'],
      ['takenAt'],
      ['problem'],
      ['name'],
      ['intervalMs'],
      ['families', '3', 'name'],
    ]);
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 4 }), (path, value) => {
      const told = structuredClone(rich) as unknown as Record<string, unknown>;
      let at = told;
      for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
      at[path.at(-1) ?? ''] = value;
      const { ipam } = check(told);
      assert.ok(ipam.every((source) => schema.Check(source)));
    }),
    { numRuns: 500 },
  );
});
