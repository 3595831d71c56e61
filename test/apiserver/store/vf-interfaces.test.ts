// An interface whose PF counts for it: its counters begin at 0 with the pod, under an identity of their own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterfaceReport } from '../../../openapi/node-report.js';
import { createTestServer, type TestServer } from '../../support/app.js';
import { net1 } from '../../support/device-reports.js';
import { pushAll, valueOf } from '../../support/one-pod.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

/** web-0 with an eth0 of 100 bytes a second, and net1 as told. */
const at = (second: number, told: InterfaceReport) => {
  const eth0 = interfaceReport({ readings: [readingOf(100 * second)] });
  return nodeReport(second * 1_000, { pods: [podReport({ interfaces: [eth0, told] })] });
};
const vf = (value: number, identity = 'e1') => net1(value, { identity });
const netdev = (value: number) => net1(value, { identity: '1/4', source: 'netdev' });

async function run(...told: readonly InterfaceReport[]): Promise<TestServer> {
  const server = createTestServer();
  await pushAll(server, ...told.map((one, i) => at(i + 1, one)));
  return server;
}
const ofNet1 = (server: TestServer) => valueOf(server, 'web-0', 'interface=net1');

test('the counts of a VF are a rate as any other', async () => {
  const server = await run(vf(0), vf(1_000), vf(2_000));
  assert.equal(await ofNet1(server), '1k');
  assert.equal(await valueOf(server), '1100');
});

for (const [what, before, after] of [
  ['higher', 50, 1_000_000],
  ['lower', 1_000_000_000, 70],
] as const) {
  test(`the step from the netdev to the VF is cut out where the VF counts ${what}`, async () => {
    const server = await run(netdev(before), netdev(before + 10), vf(after), vf(after + 10), vf(after + 20));
    assert.equal(await ofNet1(server), '10');
  });

  test(`the step back to the netdev is cut out where the VF counted ${what}`, async () => {
    const server = await run(vf(after), vf(after + 10), netdev(before), netdev(before + 10));
    assert.equal(await ofNet1(server), '10');
  });
}

test('the step to a netdev whose identity is not known, and back, is cut out', async () => {
  const unknown = (value: number) => net1(value, { identity: '', source: 'netdev' });
  const server = await run(vf(10), vf(20), unknown(5_000), unknown(5_010), vf(90_000), vf(90_010));
  assert.equal(await ofNet1(server), '10');
  await pushAll(server, at(7, unknown(9)), at(8, unknown(19)), at(9, vf(7, 'e2')), at(10, vf(17, 'e2')));
  assert.equal(await ofNet1(server), '10');
});

test('a new epoch is no growth, neither lower nor higher, and neither is going back', async () => {
  const server = await run(
    vf(1_000),
    vf(1_010),
    vf(3, 'e2'),
    vf(13, 'e2'),
    vf(900_000, 'e3'),
    vf(900_010, 'e3'),
    vf(2_000),
  );
  assert.equal(await ofNet1(server), '10');
});

test('while a new epoch has one sample the total of the pod is absent, not too small', async () => {
  const server = await run(vf(1_000), vf(5, 'e2'));
  assert.equal(await ofNet1(server), undefined);
  assert.equal(await valueOf(server), undefined);
  await pushAll(server, at(3, vf(15, 'e2')));
  assert.equal(await valueOf(server), '110');
});
