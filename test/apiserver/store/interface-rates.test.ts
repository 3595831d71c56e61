// What a person sees of all interfaces: which of them are in the sums beside.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveInterfaces } from '../../../apiserver/store/interface-rates.js';
import { createTestServer } from '../../support/app.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

for (const [what, unproven, counted] of [
  ['of an interface that counts, and not of the bond on it', undefined, ['eth0']],
  ['of the bond, where what it is stacked on is not proven to count', true, ['bond0']],
] as const) {
  test(`a sum has the traffic ${what}`, async () => {
    const server = createTestServer();
    for (const second of [1, 2]) {
      server.clock.advance(1_000);
      const readings = [readingOf(100 * second)];
      const eth0 = interfaceReport({ name: 'eth0', readings, ...(unproven !== undefined && { unproven }) });
      const bond0 = interfaceReport({ name: 'bond0', identity: '1/9', lowerDevices: ['eth0'], readings });
      const pod = podReport({ interfaces: [eth0, bond0] });
      assert.equal((await server.push(nodeReport(second * 1_000, { pods: [pod] }))).body.rejectedCount, 0);
    }
    const { store, pods, clock } = server;
    const shown = liveInterfaces(store, pods, { windowMs: 5_000, nowMs: clock.monotonicMs() });
    assert.deepEqual(
      shown.filter(({ isCounted }) => isCounted).map(({ series }) => series.name),
      counted,
    );
  });
}
