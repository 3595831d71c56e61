// Beside a real containerd: what its pods have of two networks, and what they leave behind.
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CriClient } from '../../../nodeagent/cri/client.js';
import { Sandboxes } from '../../../nodeagent/cri/sandboxes.js';
import { addressOwners } from '../../../nodeagent/inventory/address-owners.js';
import { createHostLocalSource } from '../../../nodeagent/ipam/host-local.js';
import { Backoff } from '../../../runtime/backoff.js';
import { systemClock } from '../../../runtime/clock.js';
import { createLogger } from '../../../runtime/logger.js';
import { sleep } from '../../../runtime/sleep.js';
import { createManualClock } from '../../support/clock.js';
import { Containerd, CONTAINERD_REQUIREMENTS } from '../../support/containerd.js';
import { placesIn } from '../../support/containerd/config.js';
import type { RunningPod } from '../../support/containerd/pods.js';
import { linesOf } from '../../support/host-local-bed.js';
import { eventually } from '../../support/programs.js';
import { missing } from '../../support/requirements.js';

const OPTIONS = { prefix: 'pnci', octet: 247 };

describe('the addresses of pods of containerd', { skip: missing(...CONTAINERD_REQUIREMENTS) }, () => {
  const stop = new AbortController();
  let containerd: Containerd;
  let sandboxes: Sandboxes;
  let running: Promise<void> | undefined;
  const pods: RunningPod[] = [];

  before(async () => {
    containerd = await Containerd.start(OPTIONS);
    for (const name of ['a', 'b', 'c']) {
      pods.push(await containerd.createPod({ namespace: 'telco', name, uid: `uid-${name}` }));
    }
    sandboxes = new Sandboxes({
      client: new CriClient({ socketPath: containerd.endpoint.replace('unix://', '') }),
      states: { up: () => undefined, off: () => undefined },
      log: createLogger('test', { level: 'debug', format: 'text', write: () => undefined }),
      ...{ clock: systemClock, sleep, intervalMs: 100 },
      backoff: new Backoff({ firstMs: 20, maxMs: 50, random: Math.random }),
    });
    running = sandboxes.run(stop.signal);
  });
  after(async () => {
    stop.abort();
    await running;
    await containerd?.close();
  });

  test('are used while the sandbox lives, and leaked when they outlive it', async () => {
    const { cniData, cniConfig, directory } = placesIn(containerd.owner.directory);
    const clock = createManualClock(1_000_000, Date.now());
    const source = createHostLocalSource({
      ...{ networksPath: cniData, confPath: cniConfig, clock },
      owners: () => addressOwners(undefined, sandboxes.known),
    });
    const lines = async () => linesOf(await source.read(stop.signal));
    const expected = (leaked: string) => [
      `pnci-bridge 10.247.1.2-10.247.1.254 addresses=253 used=3 free=250${leaked}`,
      `pnci-ptp 10.247.0.2-10.247.0.254 addresses=253 used=3 free=250${leaked}`,
    ];
    await eventually(
      () => sandboxes.known?.ready.size,
      (size) => size === 3,
    );
    assert.deepEqual(await lines(), expected(''));
    clock.advance(400_000);
    assert.deepEqual(await lines(), expected(' leaked=0'));

    const [gone = assert.fail()] = pods;
    const copy = join(directory, 'copy');
    await cp(cniData, copy, { recursive: true, preserveTimestamps: true });
    await containerd.removePod(gone);
    // Stopped and not yet removed, a sandbox still holds its addresses: a listing may fall in between.
    await eventually(
      () => [...(sandboxes.known?.newest ?? [])].length,
      (count) => count === 2,
    );
    assert.deepEqual(
      await lines(),
      expected(' leaked=0').map((line) => line.replace('used=3 free=250', 'used=2 free=251')),
    );
    await cp(copy, cniData, { recursive: true, preserveTimestamps: true }); // as if giving them back had failed
    assert.deepEqual(await lines(), expected(' leaked=0'));
    clock.advance(120_000);
    assert.deepEqual(await lines(), expected(' leaked=1'));

    await containerd.stop();
    await eventually(
      () => sandboxes.known,
      (known) => known === undefined,
    );
    assert.deepEqual(await lines(), expected(''));
    await containerd.resume();
  });
});
