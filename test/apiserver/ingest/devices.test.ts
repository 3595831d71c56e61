// What a report says of devices is judged entry by entry: what is bad costs itself alone, and nothing unknown is kept.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { freeVf, net1, ownerReport, pfReport, rawOf, VF3, vfReport } from '../../support/device-reports.js';
import { nodeReport, podReport, readingOf } from '../../support/reports.js';

const more = { unheardOf: 1 };

async function push(server: TestServer, change: Record<string, unknown>) {
  const { statusCode, body } = await server.pushBody(gzipSync(JSON.stringify({ ...nodeReport(1_000), ...change })));
  assert.equal(statusCode, 200, body.message);
  return body;
}

function devicesOf(server: TestServer) {
  const [node] = server.store.nodes();
  assert.ok(node);
  return node.devices;
}

const pods = (change: object) => ({ pods: [{ ...podReport(), ...change }] });
const vfs = (...changes: object[]) => ({
  virtualFunctions: [freeVf(), ...changes.map((change) => ({ ...vfReport(), ...change }))],
});

const ENTRIES: readonly (readonly [string, Record<string, unknown>, string, RegExp])[] = [
  [
    'a PF without a PCI address',
    { physicalFunctions: [{ ...pfReport(), pciAddress: 'eth0' }] },
    'bad_physical_function',
    /^physicalFunctions\[0\] pciAddress: must match pattern/,
  ],
  [
    'a PF that stands twice',
    { physicalFunctions: [pfReport(), pfReport({ name: 'other' })] },
    'bad_physical_function',
    /^physicalFunctions\[1\] pciAddress 0000:01:00\.0 stands before/,
  ],
  ['a VF without an epoch', vfs({ epoch: '' }), 'bad_virtual_function', /^virtualFunctions\[1\] epoch: /],
  [
    'a VF that stands twice',
    vfs({}, { vf: 9 }),
    'bad_virtual_function',
    /^virtualFunctions\[2\] pciAddress 0000:01:10\.3 stands before/,
  ],
  ['an owner that is none', vfs({ owner: 'web-0' }), 'bad_owner', /^virtualFunctions\[1\]\.owner /],
  [
    'an owner that nobody names',
    vfs({ owner: ownerReport({ source: 'rumour' as never }) }),
    'bad_owner',
    /^virtualFunctions\[1\]\.owner source: /,
  ],
  [
    'an owner that is no pod of the report',
    vfs({ owner: ownerReport({ podUid: 'uid-of-another-node' }) }),
    'bad_owner',
    /^virtualFunctions\[1\]\.owner podUid: "uid-of-another-node" is no pod of this report$/,
  ],
  [
    'a raw counter that is a number',
    vfs({ raw: { ...rawOf(1), receiveBytes: 7 } }),
    'bad_counter',
    /^virtualFunctions\[1\]\.raw receiveBytes is not a count: 7$/,
  ],
  [
    'a raw counter beyond 64 bits',
    vfs({ raw: { ...rawOf(1), receiveBytes: '18446744073709551616' } }),
    'bad_counter',
    /receiveBytes is not a count/,
  ],
  [
    'a negative counter of a VF',
    vfs({ counted: { receiveBytes: -1 } }),
    'bad_counter',
    /^virtualFunctions\[1\]\.counted receiveBytes is not a count: -1$/,
  ],
  [
    'a counter by no name',
    vfs({ unattributed: { 'a"b': 1 } }),
    'bad_counter',
    /^virtualFunctions\[1\]\.unattributed "a\\"b" is no name of a counter$/,
  ],
  ['counters that are a list', vfs({ counted: [1] }), 'bad_counter', /want counters by name: a list of 1$/],
  [
    'more counters than a VF can have',
    vfs({ counted: Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`rdma/mlx5_0/1/hw/c${i}`, 1])) }),
    'bad_counter',
    /600 counters are more than the 512 that there may be$/,
  ],
  ['CPUs that are no list', { cpus: [{ numaNode: 0, cpus: '0-' }] }, 'bad_cpu', /^cpus\[0\] cpus: must match pattern/],
  [
    'a NUMA node that stands twice',
    { cpus: ['0-3', '4-7'].map((cpus) => ({ numaNode: 0, cpus })) },
    'bad_cpu',
    /^cpus\[1\] numaNode 0 stands before/,
  ],
  [
    'an exclusive CPU that is none',
    pods({ exclusiveCpus: [{ container: 'app', cpu: -1 }] }),
    'bad_cpu',
    /^pods\[0\]\.exclusiveCpus\[0\] cpu: /,
  ],
  [
    'exclusive CPUs that are no list',
    pods({ exclusiveCpus: '0-3' }),
    'bad_cpu',
    /^pods\[0\]\.exclusiveCpus want a list/,
  ],
  [
    'an exclusive CPU that stands twice',
    pods({ exclusiveCpus: [1, 2].map(() => ({ container: 'app', cpu: 3 })) }),
    'bad_cpu',
    /^pods\[0\]\.exclusiveCpus\[1\] cpu 3 of app stands before/,
  ],
  [
    'an alignment that is a word',
    pods({ numaAligned: 'yes' }),
    'bad_cpu',
    /^pods\[0\]\.numaAligned want true or false/,
  ],
];
for (const [what, change, reason, message] of ENTRIES) {
  test(`${what} is left out, counted and named`, async () => {
    const server = createTestServer();
    const body = await push(server, change);
    assert.equal(body.rejectedCount, 1);
    assert.equal(body.rejected[0]?.reason, reason);
    assert.match(`${body.rejected[0]?.entry ?? ''} ${body.rejected[0]?.message ?? ''}`, message);
    assert.equal(server.store.reported('default', 'web-0').length, 1, 'the pod is there');
    if ('virtualFunctions' in change) assert.ok(devicesOf(server).at('0000:01:10.4'), 'the VF beside it is there');
  });
}

test('a bad owner or counter costs itself, and not the VF', async () => {
  const server = createTestServer();
  await push(server, vfs({ owner: 7, raw: { receiveBytes: '1', transmitBytes: 'x' }, counted: 'none' }));
  const { owner, raw, counted, unattributed, vf } = devicesOf(server).at(VF3) ?? {};
  assert.deepEqual([owner, raw, counted, vf], [undefined, { receiveBytes: '1' }, undefined, 3]);
  assert.deepEqual(unattributed, vfReport().unattributed);
});

test('the owner of a VF may be a pod that itself had to be left out', async () => {
  const server = createTestServer();
  const body = await push(server, { ...vfs({}), ...pods({ name: 'a b' }) });
  assert.deepEqual(
    body.rejected.map(({ reason }) => reason),
    ['bad_pod'],
  );
  assert.equal(devicesOf(server).at(VF3)?.owner?.podUid, 'uid-web-0');
});

test('what no schema knows is not kept', async () => {
  const server = createTestServer();
  const cpu = { container: 'app', containerId: 'c1', cpu: 3, numaNode: 0 };
  await push(server, {
    physicalFunctions: [{ ...pfReport(), ...more }],
    virtualFunctions: [{ ...vfReport(), ...more, owner: { ...ownerReport(), ...more } }],
    cpus: [{ numaNode: 0, cpus: '0-3', ...more }],
    ...pods({ numaAligned: false, exclusiveCpus: [{ ...cpu, ...more }] }),
  });
  const { physicalFunctions, virtualFunctions, cpus } = devicesOf(server);
  assert.deepEqual(physicalFunctions, [pfReport()]);
  assert.deepEqual(virtualFunctions, [vfReport()]);
  assert.deepEqual(cpus, [{ numaNode: 0, cpus: '0-3' }]);
  const [pod] = server.store.reported('default', 'web-0');
  assert.deepEqual([pod?.meta.exclusiveCpus, pod?.meta.numaAligned], [[cpu], false]);
});

test('counters by names of tomorrow are kept', async () => {
  const server = createTestServer();
  const raw = { receiveFrobs: '18446744073709551615', 'rdma/mlx5_2/1/hw/out_of_sequence': '7' };
  const body = await push(server, vfs({ raw }));
  assert.deepEqual([body.rejectedCount, devicesOf(server).at(VF3)?.raw], [0, raw]);
});

test('an agent of role probe has no devices', async () => {
  const server = createTestServer();
  const lists = { physicalFunctions: [pfReport()], ...vfs(), cpus: [{ numaNode: 0, cpus: '0' }] };
  const body = await push(server, { role: 'probe', pods: [], ...lists });
  assert.deepEqual(
    body.rejected.map(({ entry, reason }) => [entry, reason]),
    [
      ['physicalFunctions', 'bad_physical_function'],
      ['virtualFunctions', 'bad_virtual_function'],
      ['cpus', 'bad_cpu'],
    ],
  );
  assert.equal(devicesOf(server).virtualFunctions, undefined);
  assert.equal(body.virtualFunctionBases, undefined);
});

test('an interface that is unproven has no readings, whatever is said of it', async () => {
  const server = createTestServer();
  await push(server, pods({ interfaces: [net1(7, { unproven: true, readings: [readingOf(7)] })] }));
  const series = server.store.reported('default', 'web-0')[0]?.interfaces.get('net1');
  assert.equal(series?.meta.unproven, true);
  assert.ok(series.values.every(Number.isNaN));
});

/** VFs that all have the same counters, and names as long as they may be. */
function vfsWith(counters: object, count: number) {
  const address = (i: number) => `0000:${(i >> 3).toString(16).padStart(4, '0').replace(/^(..)/, '$1:')}.${i & 7}`;
  const long = 'a'.repeat(253);
  const owner = ownerReport({ container: long, network: long, resource: `${long}/${'b'.repeat(63)}` });
  return Array.from({ length: count }, (_, i) => {
    const { pf, vf, epoch, isCurrent } = freeVf({ vf: i });
    return { pf, vf, epoch, isCurrent, pciAddress: address(i), owner, ...counters };
  });
}

function rdmaCounters<Counter>(value: Counter): Record<string, Counter> {
  return Object.fromEntries(Array.from({ length: REPORT_LIMITS.countersPerVf }, (_, i) => [`rdma/d/1/hw/${i}`, value]));
}

test('the counters of all VFs of a report have a bound together', async () => {
  const server = createTestServer();
  const wanted = REPORT_LIMITS.vfCounters / REPORT_LIMITS.countersPerVf;
  const body = await push(server, { virtualFunctions: vfsWith({ raw: rdmaCounters('1') }, wanted + 1) });
  assert.equal(body.rejectedCount, 1);
  assert.match(body.rejected[0]?.message ?? '', /^512 counters are more than the 0 that there may be$/);
  assert.equal(devicesOf(server).virtualFunctions?.length, wanted + 1);
});

test('what one node says of its VFs does not take /metrics from the others', async () => {
  const server = createTestServer();
  const body = await push(server, { virtualFunctions: vfsWith({ counted: rdmaCounters(1) }, 2_000) });
  assert.ok(body.rejectedCount > 0);
  assert.match(body.rejected[0]?.message ?? '', /^512 counters are more than the \d+ that there may be$/);
  await server.push(nodeReport(1_000, { node: 'node-b', pods: [podReport({ name: 'web-1', uid: 'uid-web-1' })] }));
  const { statusCode, text } = await server.get('/metrics?family=podnet_pod_info');
  assert.equal(statusCode, 200);
  assert.equal(text.match(/^podnet_pod_info{/gm)?.length, 2);
});
