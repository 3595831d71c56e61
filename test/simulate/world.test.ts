import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INTERFACE_COUNTERS } from '../../openapi/report-terms.js';
import { World } from './world.js';

const START_MS = 5_000_000;
const world = new World({
  ...{ nodes: 40, pods: 30, interfaces: 2, startMs: START_MS, startWallMs: 1_800_000_000_000, namespacePods: 1_000 },
  ...{ podLifeMs: 60_000, agentLifeMs: 90_000, bootLifeMs: 300_000 },
});

describe('the world of the simulator', () => {
  test('has as many pods of a namespace at any time, each followed by another', () => {
    for (let ms = START_MS; ms < START_MS + 300_000; ms += 7_777) {
      const pods = world.podsIn('team-0', ms);
      assert.equal(pods.length, 1_000);
      assert.equal(new Set(pods.map(({ uid }) => uid)).size, 1_000);
      for (const { bornMs, endsMs } of pods) assert.ok(bornMs <= ms && ms < endsMs + 1e-6, `${bornMs} ${ms} ${endsMs}`);
      assert.deepEqual(world.podsOf(3, ms).slice(0, 5), world.podsIn('team-0', ms).slice(90, 95));
    }
    const [pod] = world.podsOf(7, START_MS);
    const next = world.podAt(7, 0, (pod?.endsMs ?? NaN) + 1);
    assert.equal(next.bornMs, pod?.endsMs);
    assert.notEqual(next.name, pod?.name);
  });

  test('counts at the rate that it tells, on the clock of the node, and begins anew with a boot', () => {
    let boots = 0;
    for (let node = 0; node < 40; node++) {
      const pod = world.podAt(node, 0, START_MS + 1);
      const lastMs = Math.min(pod.endsMs, START_MS + 60_000) - 1;
      for (const [column] of INTERFACE_COUNTERS.entries()) {
        for (let ms = START_MS + 1; ms + 1_000 < lastMs; ms += 1_000) {
          const isSameBoot = world.boot(node, ms).bootId === world.boot(node, ms + 1_000).bootId;
          const before = world.counter(pod, 1, column, ms);
          const after = world.counter(pod, 1, column, ms + 1_000);
          if (!isSameBoot) boots++;
          else {
            const seconds = (world.nodeMs(node, ms + 1_000) - world.nodeMs(node, ms)) / 1_000;
            const isRising = ms > world.boot(node, ms).bootedMs;
            // whole counts, and times in millionths of a second
            if (isRising) assert.ok(Math.abs(after - before - world.perSecond(pod, 1, column) * seconds) <= 2);
          }
        }
      }
    }
    assert.ok(boots > 0);
  });
});
