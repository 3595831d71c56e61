import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkReport } from '../../../apiserver/ingest/check.js';
import type { AcceptedPod } from '../../../apiserver/store/report.js';
import { Store } from '../../../apiserver/store/store.js';
import type { NodeReport, PodReport } from '../../../openapi/node-report.js';
import { interfaceReport, nodeReport, podReport, readingOf, transportOf } from '../../support/reports.js';

const CPU = { container: 'c', cpu: 3, numaNode: 0 };
const PODS = [
  podReport({ exclusiveCpus: [CPU], numaAligned: true, container: { name: 'c', image: 'i', cgroup: '' } }),
  podReport({ uid: 'other', name: 'web-1', interfaces: [interfaceReport({ lowerDevices: [] })] }),
  podReport({ uid: 'host', name: 'web-2', hostNetwork: true, interfaces: [] }),
  podReport({ uid: 'unread', name: 'web-3', interfaces: [interfaceReport({ receiveUnreliable: true })] }),
];
const KEYS = [
  ...['uid', 'name', 'namespace', 'labels', 'workload', 'creationTimestamp', 'interfaces', 'machine', 'transport'],
  ...['hostNetwork', 'exclusiveCpus', 'numaAligned', 'container', 'app', 'kind', 'cpu', 'network', 'identity'],
  ...[
    'readings',
    'lowerDevices',
    'unproven',
    'skipped',
    'receiveUnreliable',
    'source',
    'unknown',
    '__proto__',
    'constructor',
    '0',
  ],
];
const VALUES: readonly unknown[] = [
  ...[
    null,
    1,
    -1,
    1.5,
    true,
    false,
    '',
    'no_time',
    'web-0',
    'web-1',
    'other',
    'eth0',
    'a b',
    'toString',
    [],
    {},
    [[]],
    [null],
  ],
  ...[
    '2026-11-20 10:00:00Z',
    '2026-11-20T10:00:00Z',
    '2026-13-20T10:00:00Z',
    { name: 'x' },
    [CPU, CPU],
    [readingOf(7)],
  ],
  ...[
    [transportOf(1)],
    [readingOf(-1)],
    [[1, 2]],
    { app: 'web' },
    { app: '/' },
    interfaceReport(),
    [interfaceReport()],
  ],
];

interface Change {
  readonly at: number;
  readonly key: string;
  /** Of VALUES; beyond them: the key is taken away. */
  readonly value: number;
}

/** Objects and lists within a value, itself among them. */
function withinOf(value: unknown): object[] {
  return typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(withinOf)] : [];
}

function changed(pods: object[], changes: readonly Change[]): unknown {
  for (const { at, key, value } of changes) {
    const all = withinOf(pods);
    const one = all[at % all.length] as Record<string, unknown>;
    if (value >= VALUES.length) Reflect.deleteProperty(one, key);
    else
      Object.defineProperty(one, key, {
        value: structuredClone(VALUES[value]),
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return JSON.parse(JSON.stringify(pods));
}

const outcomeOf = ({ report, rejections }: ReturnType<typeof checkReport>) => ({
  report: { ...report, pods: report.pods.map(({ transport, ...pod }) => ({ ...pod, transport })) },
  named: rejections.named,
  counts: rejections.counts,
});

test('what is held of a report before changes nothing in how the next one is judged', () => {
  const change = fc.record({
    at: fc.nat(200),
    key: fc.constantFrom(...KEYS),
    value: fc.nat(VALUES.length + 5),
  });
  let again = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), fc.array(change, { maxLength: 2 }), (before, after) => {
      const store = new Store({ historyMs: 300_000 });
      const first = changed(structuredClone(PODS), before);
      if (!Array.isArray(first)) return;
      const pods = changed(structuredClone(first) as object[], after);
      store.ingest(checkReport({ ...nodeReport(1_000), pods: first }).report, 1_000);
      const body = { ...nodeReport(2_000), pods };
      const known = checkReport(body, store);
      assert.deepEqual(outcomeOf(known), outcomeOf(checkReport(body)));
      const held = store.nodeOf(body.node, body.role)?.pods;
      if (known.report.pods.some(({ meta }) => held?.get(meta.uid)?.meta === meta)) again++;
    }),
    { numRuns: 600 },
  );
  assert.ok(again > 200, 'most pods are the ones that are held');
});

test('a pod that says the same again is the one that is held, and so are the interfaces it brings', () => {
  const store = new Store({ historyMs: 300_000 });
  const told = [...PODS, podReport({ uid: 'counting', name: 'web-4', transport: [transportOf(1)] })];
  const bodyAt = (atMs: number) => JSON.parse(JSON.stringify(nodeReport(atMs, { pods: told }))) as NodeReport;
  store.ingest(checkReport(bodyAt(1_000)).report, 1_000);
  const body = bodyAt(2_000);
  const { report } = checkReport(body, store);
  const held = store.nodeOf(report.node, report.role)?.pods;
  assert.deepEqual(
    report.pods.map(({ meta }) => held?.get(meta.uid)?.meta === meta),
    told.map(() => true),
  );
  // Those are copied of which something may have to be left out.
  const isItself = ({ interfaces }: AcceptedPod, i: number): boolean[] =>
    interfaces.map((one, j) => one === body.pods?.[i]?.interfaces?.[j]);
  assert.deepEqual(report.pods.map(isItself), [[true], [true], [], [false], [true]]);
});

test('why a pod was not read is taken, and changes nothing of what is held of it', () => {
  const store = new Store({ historyMs: 300_000 });
  store.ingest(checkReport(nodeReport(1_000)).report, 1_000);
  const { interfaces: _, ...unread } = podReport();
  const pods = () => store.nodeOf('node-a', 'node')?.pods.get(unread.uid);
  const meta = pods()?.meta;
  assert.ok(meta);
  for (const [i, skipped] of (['no_time', 'failed', undefined] as const).entries()) {
    const pod = { ...unread, ...(skipped !== undefined && { skipped }) };
    const { report } = checkReport(nodeReport(2_000 + 1_000 * i, { pods: [pod] }), store);
    store.ingest(report, 2_000 + 1_000 * i);
    assert.deepEqual([pods()?.meta === meta, pods()?.skipped], [true, skipped]);
  }
});

/** What a pod that is held may bring in its place, and what is rejected of that. */
const BROUGHT: Readonly<Record<string, readonly [change: (pod: PodReport) => unknown, ...reasons: string[]]>> = {
  nothing: [() => null, 'bad_pod'],
  'a text': [() => 'uid-web-0', 'bad_pod'],
  'another time': [(pod) => ({ ...pod, creationTimestamp: '2026-11-20T10:00:01Z' })],
  'its time in a form of no schema': [(pod) => ({ ...pod, creationTimestamp: '2026-11-20 10:00:00Z' }), 'bad_pod'],
  'no time': [({ creationTimestamp: _, ...pod }) => pod, 'bad_pod'],
  'interfaces that are a text': [(pod) => ({ ...pod, interfaces: 'eth0' }), 'bad_pod'],
  'interfaces that have a length': [(pod) => ({ ...pod, interfaces: { length: 1 } }), 'bad_pod'],
  'no list for its interfaces': [(pod) => ({ ...pod, interfaces: null }), 'bad_pod'],
  'more interfaces than a pod has': [(pod) => ({ ...pod, interfaces: Array(257).fill(interfaceReport()) }), 'bad_pod'],
  'nothing for an interface': [(pod) => ({ ...pod, interfaces: [null] }), 'bad_interface'],
  'no readings': [withReadings(null), 'bad_interface'],
  'readings that have a length': [withReadings({ length: 1 }), 'bad_interface'],
  'one reading too many': [withReadings([null, null]), 'bad_interface'],
  'a reading that is none': [withReadings([[1]]), 'bad_counter'],
  'counts that its agent does not believe': [(pod) => withInterface(pod, { unproven: true })],
  'counts of what it receives that are too small': [(pod) => withInterface(pod, { receiveUnreliable: true })],
  'an interface twice': [
    (pod) => ({ ...pod, interfaces: [interfaceReport(), interfaceReport()] }),
    'duplicate_interface',
  ],
  'transport counters that are none': [(pod) => ({ ...pod, transport: [[-1]] }), 'bad_counter'],
};

function withInterface(pod: PodReport, overrides: object): object {
  return { ...pod, interfaces: [{ ...interfaceReport(), ...overrides }] };
}

function withReadings(readings: unknown) {
  return (pod: PodReport): object => withInterface(pod, { readings });
}

for (const [what, [change, ...reasons]] of Object.entries(BROUGHT)) {
  test(`a pod that is held and brings ${what} is judged as if it were new`, () => {
    const store = new Store({ historyMs: 300_000 });
    const pod = podReport({ transport: [transportOf(1)] });
    store.ingest(checkReport(nodeReport(1_000, { pods: [pod] })).report, 1_000);
    const body: unknown = JSON.parse(JSON.stringify({ ...nodeReport(2_000), pods: [change(pod)] }));
    const known = outcomeOf(checkReport(body, store));
    assert.deepEqual(known, outcomeOf(checkReport(body)));
    assert.deepEqual(
      known.named.map(({ reason }) => reason),
      reasons,
    );
  });
}

test('what is held of an interface is not enough to believe its counts', () => {
  const interfaces = [
    interfaceReport({ name: 'eth0', unproven: true }),
    interfaceReport({ name: 'net1', receiveUnreliable: true }),
  ];
  const store = new Store({ historyMs: 300_000 });
  const body = nodeReport(1_000, { pods: [podReport({ interfaces })] });
  store.ingest(checkReport(body).report, 1_000);
  const { report } = checkReport(body, store);
  assert.deepEqual(
    report.pods[0]?.interfaces.map(({ readings }) => readings),
    [[null], [[null, null, null, null, 4, 5, 6, 7]]],
  );
});

test('a sample that is none takes its readings with it, also those of an interface that is held', () => {
  const store = new Store({ historyMs: 300_000 });
  store.ingest(checkReport(nodeReport(1_000)).report, 1_000);
  const interfaces = [interfaceReport({ readings: [readingOf(1), readingOf(2)] })];
  const samples = [{ sequence: 2 }, { sequence: 3, takenAt: 3_000 }];
  const { report } = checkReport({ ...nodeReport(3_000), samples, pods: [podReport({ interfaces })] }, store);
  assert.deepEqual(
    report.pods[0]?.interfaces.map(({ readings }) => readings),
    [[readingOf(2)]],
  );
});
