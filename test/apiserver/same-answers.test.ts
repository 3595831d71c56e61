// Any two replicas answer the same query alike, whatever each of them has been through.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeReport } from '../../openapi/node-report.js';
import { createTestServer, metricPath, type TestServer } from '../support/app.js';
import { createManualClock } from '../support/clock.js';
import { interfaceReport, nodeReport, podReport, readingOf } from '../support/reports.js';

const METRIC = 'network_receive_bytes_per_second';
const SECONDS = 40;
/** As long as an agent keeps what it read, in samples. */
const KEPT = 30;

/** What counters of a node grow by in each second. */
type Growth = readonly number[];

/** The report that an agent makes at a second, with the samples that the server lacks. */
function reportAt(second: number, lacking: number, growth: Growth): NodeReport {
  const count = Math.min(second, Math.max(1, lacking), KEPT);
  const seconds = Array.from({ length: count }, (_, i) => second - count + 1 + i);
  const valueAt = (at: number): number => growth.slice(0, at).reduce((sum, by) => sum + by, 0);
  const readings = seconds.map((at) => readingOf(valueAt(at)));
  return nodeReport(second * 1_000, {
    sequence: second,
    samples: seconds.map((at) => ({ sequence: at, takenAt: at * 1_000 })),
    pods: [podReport({ interfaces: [interfaceReport({ readings })] })],
  });
}

interface Replica {
  server: TestServer;
  /** Of the newest sample that it has confirmed. */
  confirmed: number;
}

test('replicas that lost reports, or were started anew, answer as the one that lost nothing', async () => {
  const growths = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: SECONDS, maxLength: SECONDS });
  /** Seconds of which the report does not arrive, and the one in which it is started anew. */
  const fate = fc.record({
    lost: fc.uniqueArray(fc.integer({ min: 1, max: SECONDS - 1 }), { maxLength: 12 }),
    restart: fc.integer({ min: 0, max: SECONDS - 1 }),
  });
  const query = fc.constantFrom('10s', '20s', '25s');
  await fc.assert(
    fc.asyncProperty(growths, fate, fate, query, async (growth, one, other, window) => {
      const clock = createManualClock();
      const start = (): TestServer => createTestServer({ clock, windowMs: 10_000, historyMs: 25_000 });
      const replicas = [one, other, { lost: [], restart: 0 }].map((its) => {
        const replica: Replica = { server: start(), confirmed: 0 };
        return { its, replica };
      });
      for (let second = 1; second <= SECONDS; second++) {
        clock.advance(1_000);
        for (const { its, replica } of replicas) {
          if (second === its.restart) Object.assign(replica, { server: start(), confirmed: 0 });
          if (its.lost.includes(second)) continue;
          const { statusCode } = await replica.server.push(reportAt(second, second - replica.confirmed, growth));
          assert.equal(statusCode, 200);
          replica.confirmed = second;
        }
      }
      clock.advance(400);
      const path = metricPath('*', METRIC, { metricLabelSelector: `window=${window}` });
      const [first, second, whole] = await Promise.all(replicas.map(({ replica }) => replica.server.get(path)));
      assert.equal(whole?.statusCode, 200, whole?.text);
      // Values, windows and timestamps, byte for byte.
      assert.deepEqual([first?.text, second?.text], [whole.text, whole.text]);
      const exposed = await Promise.all(
        replicas.map(async ({ replica }) => (await replica.server.get('/metrics?namespace=default')).text),
      );
      assert.deepEqual(new Set(exposed).size, 1);
    }),
    { numRuns: 12 },
  );
});
