// What the counters of VFs stood at goes back to an agent that was started again, so that the owners' figures go on where they stood.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualFunctionReport } from '../../../openapi/device-report.js';
import type { NodeReport } from '../../../openapi/node-report.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { countedOf, freeVf, ownerReport, rawOf, VF3, vfReport } from '../../support/device-reports.js';
import { nodeReport } from '../../support/reports.js';

const SECOND_START = { instance: { id: 'instance-b', startedAt: 5_000 } };

/** The answer to a report; without `virtualFunctions` the agent does not know them. */
async function push(server: TestServer, second: number, overrides: Partial<NodeReport> = {}) {
  server.clock.advance(1_000);
  const { statusCode, body } = await server.push(nodeReport(second * 1_000, overrides));
  assert.equal(statusCode, 200, body.message);
  return body;
}

const told = (...virtualFunctions: VirtualFunctionReport[]) => ({ virtualFunctions });
const BASE = {
  ...{ pciAddress: VF3, epoch: 'e1', ownerKey: 'uid-web-0' },
  ...{ raw: rawOf(5_000), counted: countedOf(1_000), unattributed: countedOf(10) },
};

test('an agent that was started again is told what its VFs stood at', async () => {
  const server = createTestServer();
  assert.deepEqual((await push(server, 1)).virtualFunctionBases, [], 'nothing is known at first');
  const known = await push(server, 2, told(vfReport(), freeVf()));
  assert.equal('virtualFunctionBases' in known, false, 'an agent that knows is told nothing');
  await push(server, 3, told(vfReport({ raw: rawOf(6_000), counted: countedOf(2_000) }), freeVf()));
  const wanted = [
    { ...BASE, raw: rawOf(6_000), counted: countedOf(2_000) },
    { pciAddress: '0000:01:10.4', epoch: 'e1', raw: rawOf(5_000), unattributed: countedOf(10) },
  ];
  assert.deepEqual((await push(server, 6, { ...SECOND_START, sequence: 1 })).virtualFunctionBases, wanted);
  assert.deepEqual((await push(server, 7, { ...SECOND_START, sequence: 2 })).virtualFunctionBases, wanted);
  const [web0] = wanted;
  assert.ok(web0);
  await push(server, 8, {
    ...SECOND_START,
    sequence: 3,
    ...told(vfReport({ raw: rawOf(7_000), counted: countedOf(3_000) })),
  });
  const third = { instance: { id: 'instance-c', startedAt: 9_000 }, sequence: 1 };
  assert.deepEqual((await push(server, 10, third)).virtualFunctionBases, [
    { ...web0, raw: rawOf(7_000), counted: countedOf(3_000) },
  ]);
});

test('a report that comes again is answered as before', async () => {
  const server = createTestServer();
  await push(server, 1, told(vfReport()));
  for (const _time of [1, 2]) {
    assert.deepEqual((await push(server, 6, { ...SECOND_START, sequence: 1 })).virtualFunctionBases, [BASE]);
  }
});

test('VFs that were never read have no base', async () => {
  const server = createTestServer();
  const { raw: _, counted: _c, unattributed: _u, ...unread } = vfReport();
  await push(server, 1, told({ ...unread, isCurrent: false }));
  assert.deepEqual((await push(server, 2)).virtualFunctionBases, []);
});

test('counters that are not of the newest sample are a base all the same', async () => {
  const server = createTestServer();
  await push(server, 1, told(vfReport({ isCurrent: false })));
  assert.deepEqual((await push(server, 2)).virtualFunctionBases, [BASE]);
});

test('an owner without a uid is told apart by its name', async () => {
  const server = createTestServer();
  const { podUid: _, ...owner } = ownerReport();
  await push(server, 1, told(vfReport({ owner })));
  assert.deepEqual((await push(server, 2)).virtualFunctionBases, [{ ...BASE, ownerKey: 'default/web-0' }]);
});

test('another boot begins anew', async () => {
  const server = createTestServer();
  await push(server, 1, told(vfReport()));
  server.clock.advance(60_000);
  assert.deepEqual((await push(server, 2, { bootId: 'boot-b' })).virtualFunctionBases, []);
});

test('a node without VFs has none, whatever it had', async () => {
  const server = createTestServer();
  await push(server, 1, told(vfReport()));
  await push(server, 2, told());
  assert.deepEqual((await push(server, 3)).virtualFunctionBases, []);
});

test('bases outlive a step of the clock and a silence for as long as the node is remembered', async () => {
  const server = createTestServer();
  await push(server, 100, told(vfReport()));
  server.clock.advance(290_000);
  const exists = () => true;
  server.store.expire(server.clock.monotonicMs(), exists);
  server.clock.advance(900_000);
  server.store.expire(server.clock.monotonicMs(), exists);
  const restarted = { ...SECOND_START, sequence: 1 };
  assert.deepEqual((await push(server, 1_300, restarted)).virtualFunctionBases, [BASE]);
  assert.deepEqual((await push(server, 50, { ...restarted, sequence: 2 })).virtualFunctionBases, [BASE]);
});

test('each node has its own, by the same PCI address', async () => {
  const server = createTestServer();
  await push(server, 1, told(vfReport()));
  await push(server, 1, { node: 'node-b', bootId: 'b', ...told(freeVf({ pciAddress: VF3, raw: rawOf(9) })) });
  assert.deepEqual((await push(server, 2)).virtualFunctionBases, [BASE]);
  const { virtualFunctionBases } = await push(server, 2, { node: 'node-b', bootId: 'b' });
  assert.deepEqual(virtualFunctionBases?.[0]?.raw, rawOf(9));
});

test('an answer has no more bases than an agent takes', async () => {
  const server = createTestServer();
  const rdma = Array.from({ length: 500 }, (_, i) => [`rdma/mlx5_${i}/1/hw/counter`, '1'.repeat(20)] as const);
  const raw = { receiveBytes: '5', ...Object.fromEntries(rdma) };
  const functions = Array.from({ length: 256 }, (_, i) =>
    freeVf({ vf: i, pciAddress: `0000:${(i >> 3).toString(16).padStart(2, '0')}:00.${i & 7}`, raw }),
  );
  await push(server, 1, told(...functions));
  const { virtualFunctionBases = [] } = await push(server, 2);
  const bytes = JSON.stringify(virtualFunctionBases).length;
  assert.equal(virtualFunctionBases.length, functions.length, 'counters of RDMA devices go first');
  assert.deepEqual(virtualFunctionBases.at(-1)?.raw, { receiveBytes: '5' });
  assert.ok(bytes <= REPORT_LIMITS.virtualFunctionBaseBytes + 1_000, `${bytes} bytes`);
});
