// What a report says of probes is judged series by series: what is bad costs itself alone, and nothing unknown is kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { checkReport } from '../../../apiserver/ingest/check.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import { ProbesReport, type DialSeries, type RecentProbes } from '../../../openapi/probe-report.js';
import { PROBE_COLUMNS, REPORT_LIMITS } from '../../../openapi/report-terms.js';
import {
  dialSeries,
  dnsSeries,
  ntpSeries,
  probeReading,
  probeReport,
  probesReport,
  serviceDial,
} from '../../support/probe-reports.js';
import { nodeReport } from '../../support/reports.js';

/** The report as it comes off the wire. */
function check(report: unknown) {
  const { report: accepted, rejections } = checkReport(JSON.parse(JSON.stringify(report)));
  const rejected = rejections.named.map(({ entry, message }) => `${entry} ${message}`);
  assert.ok(rejections.named.every(({ reason }) => reason === 'bad_probe'));
  return { probes: accepted.probes, rejected };
}

const withProbes = (change: object): NodeReport => ({
  ...probeReport(1_000),
  probes: { ...probesReport(), ...change },
});

test('good probes are kept as they are', () => {
  const recent: RecentProbes = { attempts: 8, failures: 3, lastFailed: false, medianSeconds: 0.001 };
  const probes = probesReport({
    dials: [
      dialSeries({ recent }),
      dialSeries({ family: 'ipv6', address: '[fd00::2]:9809' }),
      dialSeries({ network: 'storage', address: '192.168.7.2:9809' }),
      serviceDial({ recent: { attempts: 1, failures: 1, lastFailed: true } }),
    ],
    dns: [dnsSeries(), dnsSeries({ protocol: 'tcp' }), dnsSeries({ server: '[fd00::a]:5353' })],
    ntp: [ntpSeries()],
    internalErrors: { dial: 0, dns: 7 },
  });
  assert.deepEqual(check(probeReport(1_000, probes)), { probes, rejected: [] });
});

test('what the schema does not know is not kept', () => {
  const more = { unheardOf: 1 };
  const known = probesReport({ dials: [dialSeries()], dns: [dnsSeries()], ntp: [ntpSeries()] });
  const [dial, dns, ntp] = [known.dials[0], known.dns[0], known.ntp[0]];
  const { probes, rejected } = check(
    withProbes({
      ...{ dials: [{ ...dial, ...more, peer: { ...dial?.peer, ...more } }], dns: [{ ...dns, ...more }] },
      ...{ ntp: [{ ...ntp, ...more }], internalErrors: more, ...more },
    }),
  );
  assert.deepEqual([probes, rejected], [known, []]);
});

test('a report that says nothing of probes has none', () => {
  const { probes: _, ...silent } = probeReport(1_000);
  assert.deepEqual(check(silent), { probes: undefined, rejected: [] });
});

test('an agent of role node has no probes', () => {
  assert.deepEqual(check(nodeReport(1_000, { probes: probesReport({ dials: [dialSeries()] }) })), {
    probes: undefined,
    rejected: ['probes an agent of role node has none'],
  });
});

for (const [what, probes, said] of [
  ['a list', [dialSeries()], 'a list of 1'],
  ['null', null, 'null'],
  ['a word', 'none', '"none"'],
] as const) {
  test(`probes that are ${what} are one rejection`, () => {
    assert.deepEqual(check({ ...probeReport(1_000), probes }), {
      probes: undefined,
      rejected: [`probes want an object: ${said}`],
    });
  });
}

const change = (changes: object) => ({ ...dialSeries(), ...changes });
const recent = (changes: object) =>
  change({ recent: { attempts: 8, failures: 3, lastFailed: true, medianSeconds: 0.001, ...changes } });

const DIALS: readonly (readonly [string, unknown, RegExp])[] = [
  ['a dial that is none', 7, /^must be object, not 7$/],
  ['a dial of nobody', change({ peer: undefined }), /^want a peer or a host$/],
  ['a dial of both a peer and a host', change({ host: 'a.b' }), /^want a peer or a host$/],
  ['a dial of the node itself', change({ peer: { node: 'node-a', zone: '' } }), /^peer\.node: must be another node/],
  ['a peer whose name is none', change({ peer: { node: 'a b', zone: '' } }), /^peer\.node: must match pattern/],
  ['a zone that is no label', change({ peer: { node: 'a', zone: 'z"' } }), /^peer\.zone: must match pattern/],
  ['a dial over no network', change({ network: '' }), /^network: /],
  ['a family that is none', change({ family: 'ipx' }), /^family: /],
  ['an address with a quote', change({ address: '10.0.0.1"' }), /^address: must match pattern/],
  ['readings of other samples', change({ readings: [null, null] }), /^readings: 2 for 1 samples$/],
  ['readings that are no list', change({ readings: {} }), /^readings: must be array/],
  ['more failures than attempts', recent({ failures: 9 }), /^recent\.failures: must be <= 8/],
  ['more failures than those attempts', recent({ attempts: 2 }), /^recent\.failures: must be no more than the 2 at/],
  ['a last failure of none', recent({ failures: 0 }), /^recent\.lastFailed: cannot be with 0 failures of 8, not true$/],
  ['a last success of none', recent({ attempts: 3, lastFailed: false }), /^recent\.lastFailed: cannot be with 3 fail/],
  ['a median of no success', recent({ attempts: 3 }), /^recent\.medianSeconds: must be left out where all failed/],
  ['recent probes that were none', recent({ attempts: 0 }), /^recent\.attempts: must be >= 1/],
  [
    'a peer that stands twice',
    dialSeries({ address: '10.0.0.9:1' }),
    /^peer node-b network default ipv4 stands before/,
  ],
];

for (const [what, bad, message] of DIALS) {
  test(`${what} is left out and named, and costs no other`, () => {
    const good = [dialSeries(), dialSeries({ family: 'ipv6' })];
    const { probes, rejected } = check(withProbes({ dials: [...good, bad], dns: [dnsSeries()] }));
    assert.deepEqual(probes, probesReport({ dials: good, dns: [dnsSeries()] }));
    assert.match(rejected.join(), /^probes\.dials\[2\] /);
    assert.match(rejected.join().slice('probes.dials[2] '.length), message);
  });
}

test('bad DNS and NTP series cost themselves alone', () => {
  const [dns, ntp] = [dnsSeries(), ntpSeries()];
  const { probes, rejected } = check(
    withProbes({
      dns: [dns, { ...dns, host: 'no.dot' }, { ...dns, protocol: 'quic' }, dns, { ...dns, server: '' }],
      ntp: [ntp, { ...ntp, server: 'b', stratum: 16 }, { ...ntp, server: 'c', offsetSeconds: null }, ntp],
    }),
  );
  assert.deepEqual(probes, probesReport({ dns: [dns], ntp: [ntp] }));
  assert.deepEqual(
    rejected.map((one) => one.split(' ')[0]),
    [
      'probes.dns[1]',
      'probes.dns[2]',
      'probes.dns[3]',
      'probes.dns[4]',
      'probes.ntp[1]',
      'probes.ntp[2]',
      'probes.ntp[3]',
    ],
  );
});

test('lists that are none, or too long, cost their kind alone', () => {
  const long = new Array(REPORT_LIMITS.probeSeries + 1).fill(7);
  const { probes, rejected } = check(withProbes({ dials: long, dns: undefined, ntp: [ntpSeries()] }));
  assert.deepEqual(probes, probesReport({ ntp: [ntpSeries()] }));
  assert.deepEqual(rejected, [
    `probes.dials want a list of at most ${REPORT_LIMITS.probeSeries}: a list of ${REPORT_LIMITS.probeSeries + 1}`,
    `probes.dns want a list of at most ${REPORT_LIMITS.probeSeries}: nothing`,
  ]);
});

test('internal errors that are no counts are not known', () => {
  const of = (internalErrors: unknown) => check(withProbes({ internalErrors }));
  assert.deepEqual(of({ dial: -1, dns: 1.5, ntp: 3 }), {
    probes: probesReport({ internalErrors: { ntp: 3 } }),
    rejected: ['probes.internalErrors.dial not a count: -1', 'probes.internalErrors.dns not a count: 1.5'],
  });
  for (const none of [undefined, null, 7, [1]]) {
    const { probes, rejected } = of(none);
    assert.deepEqual(probes, probesReport());
    assert.match(rejected.join(), /^probes\.internalErrors want an object: /);
  }
});

const READING = probeReading('dial', { latencies: [0.001, 0.3, 11], failures: { timeout: 2 } });
const altered = (column: number, value: unknown) => READING.map((one, i): unknown => (i === column ? value : one));

const BAD_READINGS: readonly (readonly [string, unknown, RegExp])[] = [
  ['a word', 'reading', /^a reading has 27 numbers: "reading"$/],
  ['a list too short', READING.slice(1), /^a reading has 27 numbers: a list of 26$/],
  ['one of another kind', probeReading('dns'), /^a reading has 27 numbers: a list of 33$/],
  ['one with a negative count', altered(0, -1), /^column 0 is not a count: -1$/],
  ['one with half a probe', altered(PROBE_COLUMNS.failures, 0.5), /^column 21 is not a count: 0.5$/],
  ['one with a failure that is not known', altered(26, null), /^column 26 is not a count: null$/],
  ['one with more than 64 bits', altered(PROBE_COLUMNS.count, 1e20), /^column 19 is not a count: /],
  ['one whose seconds are a word', altered(PROBE_COLUMNS.sum, '1'), /^column 20 is not a sum of seconds: "1"$/],
  ['one whose buckets fall', altered(6, 0), /^column 6 counts 0 of which 1 took less time$/],
  ['one that counts fewer than its buckets', altered(PROBE_COLUMNS.count, 1), /^column 19 counts 1 of which 2 took/],
];

for (const [what, reading, message] of BAD_READINGS) {
  test(`a reading that is ${what} is not known, and the others are`, () => {
    const samples = [1, 2, 3].map((sequence) => ({ sequence, takenAt: sequence * 100 }));
    const dial = dialSeries({ readings: [READING, reading, READING] as DialSeries['readings'] });
    const { probes, rejected } = check(probeReport(1_000, { dials: [dial] }, { sequence: 3, samples }));
    assert.deepEqual(probes?.dials[0]?.readings, [READING, null, READING]);
    assert.match(rejected.join(), /^probes\.dials\[0\]\.readings\[1\] /);
    assert.match(rejected.join().split(' ').slice(1).join(' '), message);
  });
}

test('readings go with the good samples', () => {
  const samples = [1, 9, 3, 4].map((sequence, i) => ({ sequence, takenAt: i === 1 ? 9_000 : sequence * 100 }));
  const readings = [1, 2, 3, 4].map((probes) => probeReading('dial', { latencies: new Array(probes).fill(0.001) }));
  const { report, rejections } = checkReport(
    probeReport(1_000, { dials: [dialSeries({ readings })] }, { sequence: 9, samples }),
  );
  assert.deepEqual(
    rejections.named.map(({ entry }) => entry),
    ['samples[1]'],
  );
  assert.deepEqual(
    report.samples.map(({ sequence }) => sequence),
    [1, 3, 4],
  );
  assert.deepEqual(report.probes?.dials[0]?.readings, [readings[0], readings[2], readings[3]]);
});

test('whatever stands in the probes, what is kept fits the schema', () => {
  const schema = Compile(ProbesReport);
  const whole = probesReport({ dials: [dialSeries(), serviceDial()], dns: [dnsSeries()], ntp: [ntpSeries()] });
  const paths = ['dials', 'dials/0', 'dials/0/peer', 'dials/0/recent', 'dials/1/readings', 'dials/1/readings/0'];
  const anyPath = fc.constantFrom(...paths, 'dns', 'dns/0/host', 'ntp/0/offsetSeconds', 'internalErrors', 'ntp/0/more');
  fc.assert(
    fc.property(anyPath, fc.jsonValue({ maxDepth: 3 }), (path, value) => {
      const changed = structuredClone(whole) as unknown;
      const keys = path.split('/');
      const last = keys.pop() ?? '';
      const parent = keys.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], changed);
      (parent as Record<string, unknown>)[last] = value;
      const { probes } = check({ ...probeReport(1_000), probes: changed });
      assert.ok(schema.Check(probes));
      assert.ok(Math.abs(probes.dials.length - 1) <= 1 && probes.ntp.length <= 1);
      if (path.startsWith('dials')) assert.deepEqual([probes.dns, probes.ntp], [whole.dns, whole.ntp]);
    }),
  );
});
