// A pod whose interfaces are stacked on each other beyond what any real one needs: lines and work would grow with the square of their number.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodReport } from '../../../openapi/node-report.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { createTestServer, metricPath, type TestServer } from '../../support/app.js';
import { linesOf } from '../../support/limited-pods.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../../support/reports.js';

const ALL = REPORT_LIMITS.interfacesPerPod;
const METRIC = 'network_receive_bytes_per_second';

/** @param lowers indexes of those below each */
const stackedPod = (value: number, lowers: (i: number) => readonly number[]): PodReport =>
  podReport({
    ...{ uid: 'stacked', name: 'stacked' },
    interfaces: Array.from({ length: ALL }, (_, i) =>
      interfaceReport({
        ...{ name: `i${i}`, network: `n${i}`, primary: false, identity: `1/${i + 2}` },
        lowerDevices: lowers(i).map((lower) => `i${lower}`),
        readings: [readingOf(value)],
      }),
    ),
  });

const linesIn = async (server: TestServer, family: string): Promise<string[]> =>
  linesOf((await server.get('/metrics')).text, `${family}{`);

for (const [what, lowers, base] of [
  ['a chain', (i: number) => (i + 1 < ALL ? [i + 1] : []), [`i${ALL - 1}`]],
  ['a mesh', (i: number) => Array.from({ length: 64 }, (_, k) => (i + k + 1) % ALL), []],
] as const) {
  test(`of a pod with ${what} of ${ALL} interfaces none that is stacked is taken`, async () => {
    const server = createTestServer();
    for (const second of [1, 2]) {
      server.clock.advance(1_000);
      const value = 100 * second;
      const other = podReport({ interfaces: [interfaceReport({ readings: [readingOf(value)] })] });
      const { body } = await server.push(nodeReport(second * 1_000, { pods: [stackedPod(value, lowers), other] }));
      assert.equal(body.rejectedCount, 1);
      assert.deepEqual(body.rejected[0], {
        ...{ entry: 'pods[0].interfaces', reason: 'bad_interface' },
        message:
          'stacked on more than 16 others each, or on more than 4 networks, on average: those that are stacked are left out',
      });
    }
    assert.deepEqual(await linesIn(server, 'podnet_interface_stacked_info'), []);
    const counted = (await linesIn(server, 'podnet_interface_receive_bytes_total')).filter((line) =>
      line.includes('pod="stacked"'),
    );
    assert.deepEqual(
      counted.map((line) => /interface="(\w+)"/.exec(line)?.[1]),
      base,
    );
    assert.equal((await server.get(metricPath('stacked', METRIC))).statusCode, 404, 'its sum is not known');
    assert.equal((await server.get(metricPath('web-0', METRIC))).body.items[0]?.value, '100');
  });
}

test('what is held of an interface that was left out is not stacked on those of a later report', async () => {
  const server = createTestServer();
  // Of each report every other interface is on the next one: together they would be a chain.
  for (const odd of [0, 1]) {
    server.clock.advance(1_000);
    const { interfaces = [], ...pod } = stackedPod(1, (i) => (i % 2 === odd && i + 1 < ALL ? [i + 1] : []));
    const isBad = (i: number): boolean => odd === 1 && i % 2 === 0;
    const pods = [{ ...pod, interfaces: interfaces.map((one, i) => (isBad(i) ? { ...one, readings: [] } : one)) }];
    const { statusCode } = await server.push(nodeReport(1_000 + 1_000 * odd, { pods }));
    assert.equal(statusCode, 200);
  }
  assert.ok((await linesIn(server, 'podnet_interface_stacked_info')).length <= ALL);
});
