// Answers that take long to make leave others their turn, and are no other for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestServer, type TestServer } from '../../support/app.js';
import { createManualClock } from '../../support/clock.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const NODES = 10;
const PODS = 40;
const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1/namespaces';
const RATE = 'network_receive_bytes_per_second';

/** @param msPerLook what every look at the clock takes */
async function serverOf(msPerLook: number): Promise<TestServer> {
  const clock = createManualClock();
  const slow = {
    ...clock,
    monotonicMs: () => {
      clock.advance(msPerLook);
      return clock.monotonicMs();
    },
  };
  const server = createTestServer({ clock: slow });
  for (const second of [1, 2]) {
    for (let node = 0; node < NODES; node++) {
      const pods = Array.from({ length: PODS }, (_, i) => {
        const name = `web-${node * PODS + i}`;
        const readings = [readingOf(100 * (i + 1) * second)];
        const interfaces = [
          interfaceReport({ readings }),
          interfaceReport({
            ...{ name: 'net1', network: `n${i % 3}`, nadNamespace: 'telco' },
            primary: false,
            readings,
          }),
        ];
        return podReport({ namespace: i % 2 === 0 ? 'even' : 'odd', name, uid: name, interfaces });
      });
      const report = nodeReport(second * 1_000, { node: `node-${node}`, bootId: `boot-${node}`, pods });
      assert.equal((await server.push(report)).statusCode, 200);
    }
  }
  return server;
}

/** Turns of the event loop that others had while this was asked. */
async function turnsOf(server: TestServer, path: string) {
  let turns = 0;
  let isOver = false;
  const tick = (): void => {
    turns++;
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  const { statusCode, body } = await server.get<{ items: { readonly timestamp?: string }[] }>(path);
  isOver = true;
  assert.equal(statusCode, 200);
  return { turns, items: body.items.map(({ timestamp: _, ...rest }) => rest) };
}

for (const [what, path, count] of [
  ['pods of a namespace', `${CUSTOM}/namespaces/even/pods/*/${RATE}`, (NODES * PODS) / 2],
  ['sums of nodes', `${CUSTOM}/nodes/*/${RATE}`, NODES],
  ['sums of networks', `${CUSTOM}/namespaces/telco/network-attachment-definitions.k8s.cni.cncf.io/*/${RATE}`, 3],
  ['interfaces of all namespaces', '/apis/podnet.dev/v1alpha1/podnetworks', 2 * NODES * PODS],
  ['the sum of a namespace', `${CUSTOM}/namespaces/even/metrics/${RATE}`, 1],
  ['the sum of all pods', `${EXTERNAL}/podnet-system/${RATE}`, 1],
  ['the sum of a network', `${EXTERNAL}/telco/${RATE}?labelSelector=network%3Dn1,nad_namespace%3Dtelco`, 1],
  ['a page of interfaces', '/apis/podnet.dev/v1alpha1/podnetworks?limit=30', 30],
] as const) {
  test(`the answer of ${what} is made in turns`, async () => {
    const [quick, slow] = [await turnsOf(await serverOf(0), path), await turnsOf(await serverOf(1), path)];
    assert.equal(slow.items.length, count);
    assert.deepEqual(slow.items, quick.items);
    assert.ok(slow.turns >= quick.turns + 2, `${slow.turns} turns, and ${quick.turns} where nothing takes time`);
  });
}
