import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { KNOWN_IPAM_FAMILIES } from '../../../metrics/ipam/known-families.js';
import { readAwscni } from '../../../nodeagent/ipam/awscni-text.js';
import { IpamReadError } from '../../../nodeagent/ipam/source.js';

const fixture = (name: string) => readFileSync(`test/fixtures/ipamd/${name}.txt`, 'utf8');
const freeOf = (text: string) => readAwscni(text).pools.map(({ free }) => free);

test('every family that ipamd is known to have is read, and nothing of Go', () => {
  const { families, leftOut, bad } = readAwscni(fixture('present'));
  const known = KNOWN_IPAM_FAMILIES.filter(({ source }) => source === 'awscni');
  assert.deepEqual(
    families.map(({ name, type }) => [name, type]).sort(),
    known.map(({ name, type }) => [name, type]).sort(),
  );
  for (const { name, family } of known) {
    const labels = families
      .find((read) => read.name === name)
      ?.samples.flatMap((sample) => Object.keys(sample.labels).filter((label) => label !== 'le'));
    assert.deepEqual(new Set(labels), new Set(family.labels.filter((label) => label !== 'node')), name);
  }
  assert.deepEqual([leftOut, bad], [[], []]);
});

test('what the node can still give is its maximum less what pods have', () => {
  assert.deepEqual(readAwscni(fixture('present')).pools, [{ labels: {}, free: 27 - 12, size: 27 }]);
  assert.deepEqual(readAwscni(fixture('prefix-delegation')).pools, [{ labels: {}, free: 432 - 41, size: 432 }]);
});

test('without a maximum that means anything nobody knows what is free', () => {
  assert.deepEqual(freeOf(fixture('old-2020')), []);
  assert.deepEqual(freeOf(fixture('ipv6')), []);
  assert.deepEqual(freeOf(fixture('fault-nan-gauge')), []);
  assert.deepEqual(freeOf('awscni_ip_max 0\nawscni_assigned_ip_addresses 0\n'), []);
  assert.deepEqual(freeOf('awscni_ip_max 5\n'), []);
  assert.deepEqual(freeOf('# TYPE awscni_ip_max gauge\nawscni_assigned_ip_addresses 0\n'), []);
  assert.deepEqual(freeOf('awscni_ip_max{x="1"} 5\nawscni_assigned_ip_addresses 0\n'), []);
  assert.deepEqual(freeOf('awscni_ip_max 1e300\nawscni_assigned_ip_addresses 0\n'), []);
});

test('without what the node has nothing tells whether its maximum is one', () => {
  assert.deepEqual(freeOf('awscni_ip_max 50\nawscni_assigned_ip_addresses 7\n'), []);
});

test('pods that have more than the maximum leave none', () => {
  assert.deepEqual(freeOf('awscni_ip_max 5\nawscni_total_ip_addresses 5\nawscni_assigned_ip_addresses 7\n'), [0]);
});

test('versions of ipamd differ in families, labels and quantiles', () => {
  assert.equal(readAwscni(fixture('old-2020')).families.length, 14);
  const latency = readAwscni(fixture('quantiles')).families.find(({ name }) => name === 'awscni_aws_api_latency_ms');
  const high = latency?.samples.filter(({ labels }) => labels['quantile'] === '0.99').map(({ value }) => value);
  assert.equal(Math.max(...(high ?? [])), 341);
});

test('a bad family is left out as a whole, and the others are kept', () => {
  for (const [name, family, reason] of [
    ['fault-nan-gauge', 'awscni_ip_max', 'bad_value'],
    ['fault-negative-counter', 'awscni_add_ip_req_count', 'bad_value'],
    ['fault-duplicate-series', 'awscni_assigned_ip_per_eni', 'duplicate_series'],
  ] as const) {
    const { families, leftOut, bad } = readAwscni(fixture(name));
    assert.deepEqual([families.length, leftOut, bad.map((one) => one.reason)], [25, [family], [reason]]);
    assert.ok(bad[0]?.message.startsWith(`${family}: line `));
  }
});

test('a family that must not be served is left out, and nothing is reckoned from it', () => {
  const text = fixture('present').replace('# TYPE awscni_ip_max gauge', '# TYPE awscni_ip_max counter');
  const { families, leftOut, bad, pools } = readAwscni(`${text}awscni_nodes 3\n`);
  assert.deepEqual([families.length, leftOut, pools], [25, ['awscni_ip_max', 'awscni_nodes'], []]);
  assert.deepEqual(bad, [
    { reason: 'refused_family', message: 'awscni_ip_max is a counter, where it is known as a gauge' },
    { reason: 'refused_family', message: 'awscni_nodes would be served under the name of podnet_ipam_nodes' },
  ]);
});

test('a text that is cut or no metrics is refused with its line and a way out', () => {
  for (const [name, line] of [
    ['fault-cut', 75],
    ['fault-html', 1],
  ] as const) {
    assert.throws(
      () => readAwscni(fixture(name)),
      (error) =>
        error instanceof IpamReadError &&
        error.reason === 'failed' &&
        error.message.includes(`line ${line}: `) &&
        error.message.includes('--ipam.endpoint'),
    );
  }
});

test('a body is read as it came, and refused where it is not UTF-8', () => {
  const text = fixture('present');
  assert.deepEqual(readAwscni(Buffer.from(text)), readAwscni(text));
  const bytes = Buffer.from(text.replace('GetMetadata', '\u00ff'), 'latin1');
  assert.throws(() => readAwscni(bytes), {
    name: 'IpamReadError',
    reason: 'failed',
    message: /line \d+: the text is not UTF-8/,
  });
});

test('metrics of another program are not those of ipamd', () => {
  for (const text of [fixture('other-program'), '', 'awscni 1\n', '# awscni_ip_max 5\n']) {
    assert.throws(() => readAwscni(text), {
      name: 'IpamReadError',
      reason: 'failed',
      message: /begins with awscni_: /,
    });
  }
  assert.deepEqual(readAwscni('awscni_ip_max NaN\n').leftOut, ['awscni_ip_max']);
});
