import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkReport } from '../../../apiserver/ingest/check.js';
import { Store } from '../../../apiserver/store/store.js';
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
    'receiveUnreliable',
    'source',
    'unknown',
    '__proto__',
    'constructor',
    '0',
  ],
];
const VALUES: readonly unknown[] = [
  ...[null, 1, -1, 1.5, true, false, '', 'web-0', 'web-1', 'other', 'eth0', 'a b', 'toString', [], {}, [[]], [null]],
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
  const body = (atMs: number): unknown => JSON.parse(JSON.stringify(nodeReport(atMs, { pods: PODS })));
  store.ingest(checkReport(body(1_000)).report, 1_000);
  const { report } = checkReport(body(2_000), store);
  const held = store.nodeOf(report.node, report.role)?.pods;
  assert.deepEqual(
    report.pods.map(({ meta }) => held?.get(meta.uid)?.meta === meta),
    [true, true, true, true],
  );
});
