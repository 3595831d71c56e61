// What is given to nobody: the state that the real plugin writes, and a clock that a test moves.
import assert from 'node:assert/strict';
import { rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PodAddresses } from '../../../nodeagent/ipam/host-local-owners.js';
import { HostLocalBed, plugin } from '../../support/host-local-bed.js';
import { missing } from '../../support/requirements.js';

const skip = missing('cni-plugins');
const PODS = plugin('pods', { subnet: '10.1.0.0/24' });
const NAD = plugin('nad', { subnet: '10.2.0.0/24' });
const LONG_AGO = 0;

const pod = (addresses: string[], more: Partial<PodAddresses> = {}): PodAddresses => ({
  ...{ addresses, areAll: false, createdMs: LONG_AGO },
  ...more,
});

/** Both networks, with their configuration. */
function createBed(): HostLocalBed {
  return new HostLocalBed().write('net.d/pods.conf', PODS).write('net.d/nad.conf', NAD);
}

/** Leaked addresses by network; a network of which nothing is told is left out. */
async function leaked(bed: HostLocalBed): Promise<Record<string, number>> {
  const { families } = await bed.read();
  const samples = families.find(({ name }) => name === 'hostlocal_range_leaked_addresses')?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [labels['network'] ?? '', value]));
}

/** Long enough after the state was written. */
async function leakedLater(bed: HostLocalBed): Promise<Record<string, number>> {
  bed.clock.advance(300_000);
  await leaked(bed);
  bed.clock.advance(120_000);
  return leaked(bed);
}

describe('a leaked address', { skip }, () => {
  test('is told of after five minutes, and two of watching', async () => {
    using bed = createBed();
    for (const id of ['a', 'b', 'c']) bed.add(PODS, id);
    bed.owners = { sandboxIds: new Set(['a', 'b', 'c']) };
    assert.deepEqual(await leaked(bed), {});
    bed.clock.advance(119_000);
    assert.deepEqual(await leaked(bed), {});
    bed.clock.advance(1_000);
    assert.deepEqual(await leaked(bed), { pods: 0 });
    bed.owners = { sandboxIds: new Set(['a']) };
    assert.deepEqual(await leaked(bed), { pods: 0 });
    bed.clock.advance(120_000);
    assert.deepEqual(await leaked(bed), { pods: 0 }, 'four minutes old');
    bed.clock.advance(70_000);
    assert.deepEqual(await leaked(bed), { pods: 2 });
    bed.del(PODS, 'b');
    assert.deepEqual(await leaked(bed), { pods: 1 });
  });

  test('is watched anew after it was given to another', async () => {
    using bed = createBed();
    bed.add(PODS, 'a');
    bed.owners = { sandboxIds: new Set() };
    assert.deepEqual(await leakedLater(bed), { pods: 1 });
    bed.del(PODS, 'a');
    rmSync(join(bed.networksPath, 'pods/last_reserved_ip.0'));
    assert.deepEqual(bed.add(PODS, 'b'), ['10.1.0.2']);
    utimesSync(join(bed.networksPath, 'pods/10.1.0.2'), 1, 1);
    assert.deepEqual(await leaked(bed), { pods: 0 });
    bed.clock.advance(120_000);
    assert.deepEqual(await leaked(bed), { pods: 1 });
  });

  test('is told of for as long as somebody can tell', async () => {
    using bed = createBed();
    bed.add(PODS, 'a');
    bed.owners = { sandboxIds: new Set() };
    assert.deepEqual(await leakedLater(bed), { pods: 1 });
    bed.owners = undefined;
    assert.deepEqual(await leaked(bed), {});
    bed.owners = { sandboxIds: new Set() };
    assert.deepEqual(await leaked(bed), {});
    assert.deepEqual(await leakedLater(bed), { pods: 1 });
  });

  test('is known by the addresses of the pods, and what else their sandboxes have', async () => {
    using bed = createBed();
    const [address = ''] = bed.add(PODS, 'a');
    bed.add(NAD, 'a');
    bed.add(PODS, 'gone');
    bed.add(NAD, 'gone');
    bed.owners = { pods: [pod([address])] };
    assert.deepEqual(await leakedLater(bed), { nad: 1, pods: 1 });
  });

  test('is not known where a pod may have addresses that nobody tells', async () => {
    using bed = createBed();
    bed.add(NAD, 'a');
    bed.owners = { pods: [pod(['192.168.0.1'])] };
    assert.deepEqual(await leakedLater(bed), {}, 'its annotation is missing');
    bed.owners = { pods: [pod([])] };
    assert.deepEqual(await leakedLater(bed), {}, 'it has just been made');
    bed.owners = { pods: [pod(['192.168.0.1'], { areAll: true })] };
    assert.deepEqual(await leakedLater(bed), { nad: 1 });
    bed.owners = { pods: [pod(['192.168.0.1', '10.2.0.2'], { areAll: true })] };
    assert.deepEqual(await leakedLater(bed), { nad: 0 });
    bed.owners = {};
    assert.deepEqual(await leakedLater(bed), {});
  });

  test('is none of a pod that was made after it was given', async () => {
    using bed = createBed();
    bed.add(NAD, 'a');
    const createdMs = bed.clock.wallMs() + 1_200_000;
    bed.owners = { pods: [pod([], { createdMs })] };
    assert.deepEqual(await leakedLater(bed), { nad: 1 });
  });

  test('may be of a pod that was made just after it, for the clocks of node and API server may differ', async () => {
    using bed = createBed();
    bed.add(NAD, 'a');
    const givenMs = bed.clock.wallMs();
    bed.owners = { pods: [pod([], { createdMs: givenMs + 590_000 })] };
    assert.deepEqual(await leakedLater(bed), {});
    bed.owners = { pods: [pod([], { createdMs: givenMs + 620_000 })] };
    assert.deepEqual(await leakedLater(bed), { nad: 1 });
  });

  test('is judged by who lives when all was read, and not before', async () => {
    using bed = createBed();
    bed.add(PODS, 'a');
    const told = [new Set<string>(), new Set(['a'])];
    let asked = 0;
    Object.defineProperty(bed, 'owners', { get: () => ({ sandboxIds: told[asked++ % told.length] }) });
    assert.deepEqual(await leakedLater(bed), { pods: 0 });
    assert.ok(asked >= 4, String(asked));
  });

  test('is not told of where the runtime says otherwise than the pods', async () => {
    using bed = createBed();
    const [address = ''] = bed.add(PODS, 'a');
    bed.add(PODS, 'b');
    bed.owners = { sandboxIds: new Set(['b']), pods: [pod([address])] };
    assert.deepEqual(await leakedLater(bed), { pods: 0 });
  });

  test('may be of a file that is empty, as after a power failure', async () => {
    using bed = createBed();
    bed.add(PODS, 'a');
    bed.write('lib/cni/networks/pods/10.1.0.9', '').write('lib/cni/networks/pods/10.1.0.10', '\0\0\0 \n');
    bed.owners = { sandboxIds: new Set(['a']) };
    assert.deepEqual(await leakedLater(bed), {}, 'whose they are nobody tells');
    bed.owners = { sandboxIds: new Set(['a']), pods: [pod(['10.1.0.2'])] };
    assert.deepEqual(await leakedLater(bed), { pods: 2 });
    bed.owners = { sandboxIds: new Set(['a']), pods: [pod(['10.1.0.2']), pod(['10.1.0.9'], { areAll: true })] };
    assert.deepEqual(await leaked(bed), { pods: 1 });
  });

  test('of an old plugin, which wrote the id alone, is known too', async () => {
    using bed = createBed();
    bed.write('lib/cni/networks/pods/10.1.0.2', 'a').write('lib/cni/networks/pods/10.1.0.3', 'b\n');
    bed.owners = { sandboxIds: new Set(['a']) };
    assert.deepEqual(await leakedLater(bed), { pods: 1 });
  });

  test('is found among more files than one reading reads', async () => {
    using bed = createBed();
    for (let i = 0; i < 2_500; i++) bed.reserve('pods', `10.1.${10 + (i >> 8)}.${i & 255}`, i === 7 ? 'gone' : 'a');
    bed.owners = { sandboxIds: new Set(['a']) };
    bed.clock.advance(300_000);
    assert.deepEqual(await leaked(bed), {});
    await leaked(bed);
    bed.clock.advance(120_000);
    const { families } = await bed.read();
    const samples = families.find(({ name }) => name === 'hostlocal_range_leaked_addresses')?.samples;
    assert.deepEqual(
      samples?.map(({ labels, value }) => [labels['range'], value]),
      [
        ['10.1.0.2-10.1.0.254', 0],
        ['', 1],
      ],
    );
  });
});
