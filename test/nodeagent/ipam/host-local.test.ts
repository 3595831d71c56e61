// Against the state that the real plugin writes.
import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { IpRange, RangeParts } from '../../../nodeagent/ipam/ip-range.js';
import { isInRange, parseIp, rangeOf } from '../../../nodeagent/ipam/ip-range.js';
import { HostLocalBed, linesOf, plugin, type Json } from '../../support/host-local-bed.js';
import { missing } from '../../support/requirements.js';

const skip = missing('cni-plugins');

function cacheFile(config: Json): Json {
  return { kind: 'cniCacheV1', config: Buffer.from(JSON.stringify(config)).toString('base64') };
}

describe('what host-local has given', { skip }, () => {
  test('is told of each range of a network', async () => {
    using bed = new HostLocalBed();
    const ranges = [
      [{ subnet: '10.1.0.0/29' }, { subnet: '10.2.0.0/24', rangeStart: '10.2.0.10', rangeEnd: '10.2.0.19' }],
      [{ subnet: '2001:db8::/64' }],
    ];
    const pods = plugin('pods', { ranges });
    bed.write('net.d/10-pods.conflist', { name: 'pods', plugins: [pods, { type: 'portmap' }] });
    for (let i = 0; i < 7; i++) assert.equal(bed.add(pods, `c${i}`).length, 2);
    bed.del(pods, 'c6');
    const reading = await bed.read();
    assert.deepEqual(linesOf(reading), [
      'pods 10.1.0.2-10.1.0.6 addresses=5 used=5 free=0',
      'pods 10.2.0.10-10.2.0.19 addresses=10 used=1 free=9',
      `pods 2001:db8::2-2001:db8::ffff:ffff:ffff:ffff addresses=${2 ** 64} used=6 free=${2 ** 64}`,
    ]);
    assert.deepEqual(reading.pools, [
      { labels: { network: 'pods', range: '10.1.0.2-10.1.0.6' }, free: 0 },
      { labels: { network: 'pods', range: '10.2.0.10-10.2.0.19' }, free: 9 },
    ]);
    assert.deepEqual([reading.leftOut, reading.bad], [[], []]);
  });

  test('of a /30 is one address, and it can run out', async () => {
    using bed = new HostLocalBed();
    const tiny = plugin('tiny', { subnet: '10.1.0.0/30' });
    bed.write('net.d/tiny.conf', tiny);
    assert.deepEqual(bed.add(tiny, 'a'), ['10.1.0.2']);
    assert.deepEqual(bed.add(tiny, 'b'), []);
    assert.deepEqual(await bed.lines(), ['tiny 10.1.0.2-10.1.0.2 addresses=1 used=1 free=0']);
    bed.del(tiny, 'a');
    assert.deepEqual(await bed.lines(), ['tiny 10.1.0.2-10.1.0.2 addresses=1 used=0 free=1']);
  });

  test('is what our ranges say, up to the last address', () => {
    const configs: RangeParts[] = [
      { subnet: '10.1.0.0/29', rangeStart: undefined, rangeEnd: undefined, gateway: undefined },
      { subnet: '10.1.0.0/29', rangeStart: '10.1.0.0', rangeEnd: '10.1.0.7', gateway: '10.1.0.3' },
      { subnet: '10.1.0.0/29', rangeStart: '10.1.0.2', rangeEnd: undefined, gateway: '10.1.0.6' },
      { subnet: '10.1.0.0/29', rangeStart: '10.1.0.1', rangeEnd: '10.1.0.1', gateway: undefined },
      { subnet: '10.1.0.0/29', rangeStart: '10.1.0.4', rangeEnd: '10.1.0.4', gateway: '10.9.0.1' },
      { subnet: 'fd00::/125', rangeStart: undefined, rangeEnd: undefined, gateway: undefined },
      { subnet: 'fd00::/125', rangeStart: 'fd00::', rangeEnd: 'fd00::6', gateway: 'fd00::6' },
    ];
    for (const parts of configs) {
      using bed = new HostLocalBed();
      const config = plugin('net', { ...parts });
      const given: string[] = [];
      for (let found = bed.add(config, 'c0'); found.length > 0; found = bed.add(config, `c${given.length}`))
        given.push(...found);
      const range: IpRange = rangeOf(parts);
      assert.equal(range.size, BigInt(given.length), JSON.stringify(parts));
      for (const one of given) assert.ok(isInRange(range, parseIp(one) ?? assert.fail(one)), one);
    }
  });

  test('outside of the ranges that are configured now is told apart', async () => {
    using bed = new HostLocalBed();
    bed.add(plugin('pods', { subnet: '10.9.0.0/24' }), 'old');
    const pods = plugin('pods', { subnet: '10.1.0.0/24' });
    bed.add(pods, 'new');
    bed.write('net.d/10-pods.conf', pods).reserve('pods', '10.1.0.1', 'gateway');
    assert.deepEqual(await bed.lines(), ['pods 10.1.0.2-10.1.0.254 addresses=253 used=1 free=252', 'pods - used=2']);
  });

  test('of a network without configuration is counted, and nothing is free', async () => {
    using bed = new HostLocalBed();
    const nad = plugin('nad', { subnet: '10.1.0.0/24' });
    bed.add(nad, 'a');
    const reading = await bed.read();
    assert.deepEqual([linesOf(reading), reading.pools], [['nad - used=1'], []]);
    bed.del(nad, 'a');
    assert.deepEqual(await bed.lines(), ['nad - used=0']);
  });

  test('has its ranges from what libcni, Multus and flannel keep', async () => {
    using bed = new HostLocalBed();
    const [nad, other, cbr0, main] = ['nad', 'nad-b', 'cbr0', 'main'].map((name, i) =>
      plugin(name, { subnet: `10.${i}.0.0/24` }),
    ) as [Json, Json, Json, Json];
    for (const one of [nad, other, cbr0, main]) bed.add(one, 'a');
    const old = plugin('nad', { subnet: '10.77.0.0/24' });
    bed.write('lib/cni/multus/results/nad-old-net1', cacheFile(old));
    utimesSync(join(bed.root, 'lib/cni/multus/results/nad-old-net1'), 1, 1);
    bed.write('lib/cni/multus/results/nad-a-net1', cacheFile(nad));
    bed.write('lib/cni/multus/results/nad-b-a-net1', cacheFile(other));
    bed.write('lib/cni/multus/results/nad-garbage', 'x');
    bed.write('lib/cni/results/main-a-eth0', cacheFile(main));
    bed.write('lib/cni/flannel/a', cbr0);
    bed.write('net.d/10-flannel.conflist', { name: 'cbr0', plugins: [{ type: 'flannel', delegate: {} }] });
    assert.deepEqual(await bed.lines(), [
      'cbr0 10.2.0.2-10.2.0.254 addresses=253 used=1 free=252',
      'main 10.3.0.2-10.3.0.254 addresses=253 used=1 free=252',
      'nad 10.0.0.2-10.0.0.254 addresses=253 used=1 free=252',
      'nad-b 10.1.0.2-10.1.0.254 addresses=253 used=1 free=252',
    ]);
    // what they keep is looked at again after a minute
    bed.write('lib/cni/results/main-b-eth0', cacheFile(plugin('main', { subnet: '10.3.0.0/28' })));
    utimesSync(join(bed.root, 'lib/cni/results/main-b-eth0'), 4e9, 4e9);
    bed.clock.advance(61_000);
    assert.deepEqual((await bed.lines())[1], 'main 10.3.0.2-10.3.0.14 addresses=13 used=1 free=12');
  });

  test('is that of the first configuration, as libcni looks it up', async () => {
    using bed = new HostLocalBed();
    const pods = plugin('pods', { subnet: '10.1.0.0/24' });
    bed.add(pods, 'a');
    bed.write('net.d/90-pods.conflist', { name: 'pods', plugins: [pods, plugin('x', { subnet: '10.1.0.0/16' })] });
    bed.write('net.d/10-pods.conf', plugin('pods', { subnet: '10.2.0.0/24' }));
    bed.write('net.d/00-pods.conf.bak', plugin('pods', { subnet: '10.3.0.0/24' }));
    assert.deepEqual(await bed.lines(), ['pods 10.1.0.2-10.1.0.254 addresses=253 used=1 free=252']);
  });

  test('is found below the directory, and not elsewhere', async () => {
    using bed = new HostLocalBed();
    const below = plugin('pods', { subnet: '10.1.0.0/24', dataDir: join(bed.networksPath, 'own') });
    const elsewhere = plugin('away', { subnet: '10.2.0.0/24', dataDir: join(bed.root, 'away') });
    bed.add(below, 'a');
    bed.add(elsewhere, 'a');
    bed.write('net.d/1.conf', below).write('net.d/2.conf', elsewhere);
    const { bad, ...reading } = await bed.read();
    assert.deepEqual(linesOf({ bad, ...reading }), ['own/pods 10.1.0.2-10.1.0.254 addresses=253 used=1 free=252']);
    assert.deepEqual(
      bad.map(({ reason }) => reason),
      ['data_dir_elsewhere'],
    );
  });
});
