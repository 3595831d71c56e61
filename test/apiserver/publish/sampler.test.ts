// What is sampled of the figures at one time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATUM_NAMES, sample, type CounterTotals } from '../../../apiserver/publish/sampler.js';
import type { Datum } from '../../../apiserver/publish/sink.js';
import type { IpamFigures } from '../../../apiserver/store/ipam/ipam-figures.js';

type Totals = Readonly<Record<string, number>>;

function figuresOf(totals: Totals, reporting = 2, missing = 1): Pick<IpamFigures, 'nodes' | 'total'> {
  return {
    nodes: () => ({ reporting, missing }),
    total: ({ reads = '' }) => {
      const value = totals[reads];
      return value === undefined ? undefined : { value, ageMs: 0, spanMs: 0 };
    },
  };
}

const valueOf = (datums: readonly Datum[], name: string): number | undefined =>
  datums.find((datum) => datum.name === name)?.value;

/** What is published of one counter when its total is one after the other; undefined: it is not known. */
function growths(name: string, reads: string, totals: readonly (number | undefined)[]): (number | undefined)[] {
  let previous: CounterTotals = new Map();
  return totals.map((total, index) => {
    const figures = figuresOf(total === undefined ? {} : { [reads]: total });
    const { datums, next } = sample(figures, previous, { nowMs: index, timestampMs: index });
    previous = next;
    return valueOf(datums, name);
  });
}

test('gauges are published as they are, latency in milliseconds', () => {
  const totals = { awscni_assigned_ip_addresses: 12, awscni_eni_max: 4, awscni_aws_api_latency_ms: 0.125 };
  const { datums } = sample(figuresOf(totals), new Map(), { nowMs: 0, timestampMs: 30_000 });
  assert.deepEqual(
    datums,
    [
      { name: 'eniMaxAvailable', unit: 'Count', value: 4, timestampMs: 30_000 },
      { name: 'assignIPAddresses', unit: 'Count', value: 12, timestampMs: 30_000 },
      { name: 'awsAPILatency', unit: 'Milliseconds', value: 125, timestampMs: 30_000 },
      { name: 'nodesReporting', unit: 'Count', value: 2, timestampMs: 30_000 },
      { name: 'nodesMissing', unit: 'Count', value: 1, timestampMs: 30_000 },
    ].toSorted((a, b) => DATUM_NAMES.indexOf(a.name) - DATUM_NAMES.indexOf(b.name)),
  );
});

test('the names are the twenty of cni-metrics-helper and two of ours', () => {
  assert.equal(DATUM_NAMES.length, 22);
  assert.deepEqual(DATUM_NAMES.slice(20), ['nodesReporting', 'nodesMissing']);
  assert.equal(new Set(DATUM_NAMES).size, 22);
});

test('a counter is published as what it grew, and not at first', () => {
  assert.deepEqual(growths('addReqCount', 'awscni_add_ip_req_count', [100, 100, 150, 150]), [undefined, 0, 50, 0]);
});

test('growth over samples that did not know the total is not lost', () => {
  const totals = [5, undefined, undefined, 9, 10];
  assert.deepEqual(growths('addReqCount', 'awscni_add_ip_req_count', totals), [undefined, undefined, undefined, 4, 1]);
});

test('a total that falls and comes back is no growth', () => {
  const totals = [100, 60, 80, 100, 107];
  assert.deepEqual(growths('awsAPIErr', 'awscni_aws_api_error_count', totals), [undefined, undefined, undefined, 0, 7]);
});

test('where no node reports there are no figures, but how many are missing; growth goes on afterwards', () => {
  const reads = 'awscni_add_ip_req_count';
  const first = sample(figuresOf({ [reads]: 5 }), new Map(), { nowMs: 0, timestampMs: 0 });
  const none = sample(figuresOf({}, 0, 3), first.next, { nowMs: 1, timestampMs: 1 });
  assert.deepEqual(
    none.datums.map(({ name, value }) => [name, value]),
    [
      ['nodesReporting', 0],
      ['nodesMissing', 3],
    ],
  );
  const back = sample(figuresOf({ [reads]: 8 }), none.next, { nowMs: 2, timestampMs: 2 });
  assert.equal(valueOf(back.datums, 'addReqCount'), 3);
});

test('where nobody tells of IP addresses, nor ought to, nothing is published', () => {
  assert.deepEqual(sample(figuresOf({}, 0, 0), new Map(), { nowMs: 0, timestampMs: 0 }).datums, []);
});

test('what is no number is left out', () => {
  const totals = { awscni_eni_max: NaN, awscni_eni_allocated: Infinity, awscni_ip_max: 3 };
  const { datums } = sample(figuresOf(totals), new Map(), { nowMs: 0, timestampMs: 0 });
  assert.deepEqual(datums.map(({ name }) => name).toSorted(), ['maxIPAddresses', 'nodesMissing', 'nodesReporting']);
});
