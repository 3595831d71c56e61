// State and configuration that are not what they ought to be.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import { IpamReadError } from '../../../nodeagent/ipam/source.js';
import { HostLocalBed, linesOf, plugin } from '../../support/host-local-bed.js';
import { missing } from '../../support/requirements.js';

const PODS = plugin('pods', { subnet: '10.1.0.0/24' });
const LINE = 'pods 10.1.0.2-10.1.0.254 addresses=253 used=1 free=252';

function createBed(): HostLocalBed {
  return new HostLocalBed().write('net.d/pods.conf', PODS).reserve('pods', '10.1.0.2', 'a');
}

async function read(bed: HostLocalBed): Promise<{ lines: string[]; reasons: string[] }> {
  const reading = await bed.read();
  return { lines: linesOf(reading), reasons: reading.bad.map(({ reason }) => reason).sort() };
}

async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

const isReason = (reason: string) => (error: unknown) => error instanceof IpamReadError && error.reason === reason;

describe('the state of host-local', () => {
  test('that is not there is told', async () => {
    using bed = createBed();
    rmSync(bed.networksPath, { recursive: true });
    await assert.rejects(bed.read(), isReason('not_found'));
    writeFileSync(bed.networksPath, '');
    await assert.rejects(bed.read(), isReason('not_found'));
  });

  test('without a network says nothing', async () => {
    using bed = new HostLocalBed().write('net.d/pods.conf', PODS);
    mkdirSync(join(bed.networksPath, 'pods'));
    bed.write('lib/cni/networks/README', '');
    assert.deepEqual(await bed.read(), { families: [], leftOut: [], pools: [], bad: [] });
    bed.write('lib/cni/networks/pods/lock', '');
    assert.deepEqual(await bed.lines(), ['pods 10.1.0.2-10.1.0.254 addresses=253 used=0 free=253']);
  });

  test('goes without what is no address', async () => {
    using bed = createBed();
    for (const name of [
      'lock',
      'last_reserved_ip.0',
      'last_reserved_ip.x',
      '10.1.0.3.tmp',
      '010.1.0.4',
      'FD00::1',
      '\u{1f4a9}',
    ])
      bed.write(`lib/cni/networks/pods/${name}`, 'x');
    const { bad, ...reading } = await bed.read();
    assert.deepEqual(linesOf({ bad, ...reading }), [LINE]);
    assert.deepEqual(
      bad.map(({ reason }) => reason),
      ['not_an_address'],
    );
    assert.match(bad[0]?.message ?? '', /^network pods: 4 of its entries, such as /);
  });

  test('counts as given what host-local takes for that', async () => {
    using bed = createBed();
    symlinkSync('/etc/passwd', join(bed.networksPath, 'pods/10.1.0.3'));
    mkdirSync(join(bed.networksPath, 'pods/10.1.0.4'));
    execFileSync('mkfifo', [join(bed.networksPath, 'pods/10.1.0.5')]);
    bed.owners = { sandboxIds: new Set(['a']) };
    assert.deepEqual(await read(bed), {
      lines: [LINE.replace('used=1 free=252', 'used=4 free=249')],
      reasons: ['not_a_file'],
    });
    bed.clock.advance(400_000);
    assert.deepEqual(await bed.lines(), [LINE.replace('used=1 free=252', 'used=4 free=249 leaked=0')]);
  });

  test('leads nowhere else', async () => {
    using bed = createBed();
    bed.write('away/10.9.0.1', 'a').write('away/net/10.9.0.1', 'a');
    symlinkSync(join(bed.root, 'away'), join(bed.networksPath, 'linked'));
    bed.write('net.d/linked.conf', plugin('net', { subnet: '10.9.0.0/24', dataDir: join(bed.networksPath, 'linked') }));
    mkdirSync(join(bed.networksPath, 'no network'));
    assert.deepEqual(await read(bed), { lines: [LINE], reasons: ['not_a_network', 'symlink'] });
  });

  test('may be large, and costs itself where it is too large', async () => {
    using bed = createBed();
    const large = join(bed.networksPath, 'large');
    mkdirSync(large);
    const fill = (from: number, to: number) => {
      const first = join(large, `10.8.${from >> 8}.${from & 255}`);
      writeFileSync(first, '');
      for (let i = from + 1; i < to; i++) linkSync(first, join(large, `10.8.${i >> 8}.${i & 255}`));
    };
    fill(0, 32_768); // ext4 gives a file no more than 65,000 names
    fill(32_768, 65_536);
    assert.deepEqual(await bed.lines(), [LINE, 'large - used=65536']);
    writeFileSync(join(large, '10.9.0.0'), '');
    assert.deepEqual(await read(bed), { lines: [LINE], reasons: ['not_whole'] });
  });

  test('with very many networks costs those beyond the limit', async () => {
    using bed = new HostLocalBed();
    for (let i = 0; i < 300; i++) bed.reserve(`net${String(i).padStart(3, '0')}`, '10.1.0.2', 'a');
    const { lines, reasons } = await read(bed);
    assert.deepEqual([lines.length, lines.at(-1), reasons], [256, 'net255 - used=1', ['too_many_networks']]);
  });

  test('that changes is listed again, and else is not', async () => {
    using bed = createBed().write('lib/cni/networks/pods/lock', '');
    bed.clock.advance(10_000); // the directory has settled
    assert.deepEqual(await bed.lines(), [LINE]);
    rmSync(join(bed.networksPath, 'pods/10.1.0.2'));
    assert.deepEqual(await bed.lines(), [LINE.replace('used=1 free=252', 'used=0 free=253')]);
    bed.reserve('pods', '10.1.0.7', 'b');
    assert.deepEqual(await bed.lines(), [LINE]);
  });

  test('is given up when asked to', async () => {
    using bed = createBed();
    await assert.rejects(bed.read(AbortSignal.abort()), { name: 'AbortError' });
    assert.deepEqual(await bed.lines(), [LINE]);
  });

  test('that is not ours to read says so', { skip: missing('root') }, async () => {
    using bed = createBed();
    chmodSync(bed.root, 0o755);
    bed.reserve('other', '10.2.0.2', 'a');
    chmodSync(join(bed.networksPath, 'other'), 0o700);
    bed.owners = { sandboxIds: new Set(['a']) };
    await asNobody(async () => {
      assert.deepEqual(await read(bed), { lines: [LINE], reasons: ['not_permitted'] });
    });
    chmodSync(join(bed.networksPath, 'pods'), 0o700);
    await asNobody(() => assert.rejects(bed.read(), isReason('not_permitted')));
    chmodSync(bed.networksPath, 0o700);
    await asNobody(() => assert.rejects(bed.read(), isReason('not_permitted')));
  });

  test('whose files are not ours to read tells nothing of leaks', { skip: missing('root') }, async () => {
    using bed = createBed();
    chmodSync(bed.root, 0o755);
    chmodSync(join(bed.networksPath, 'pods/10.1.0.2'), 0o600);
    bed.owners = { sandboxIds: new Set(['x']) };
    for (let i = 0; i < 3; i++) {
      await asNobody(async () => {
        assert.deepEqual(await read(bed), { lines: [LINE], reasons: [] });
      });
      bed.clock.advance(400_000);
    }
    await bed.lines();
    bed.clock.advance(120_000);
    assert.deepEqual(await bed.lines(), [`${LINE} leaked=1`]);
  });
});

describe('configuration', () => {
  test('that is missing costs the size of ranges', async () => {
    using bed = createBed();
    rmSync(bed.confPath, { recursive: true });
    assert.deepEqual(await read(bed), { lines: ['pods - used=1'], reasons: [] });
  });

  test('that is bad costs itself', async () => {
    using bed = createBed();
    bed.write('net.d/00-not.json', '{').write('net.d/01-large.conf', `${' '.repeat(1024 * 1024)}{}`);
    bed.write('net.d/02-refused.conf', plugin('x', { subnet: '10.1.0.1/24' }));
    bed.write('net.d/other.txt', 'x').write('net.d/nothing.conf', '[]');
    symlinkSync('/etc/passwd', join(bed.confPath, '03-link.conf'));
    execFileSync('mkfifo', [join(bed.confPath, '04-fifo.conf')]);
    mkdirSync(join(bed.confPath, '05-directory.conf'));
    const reasons = ['bad_config', 'bad_config', 'config_too_large', 'config_unreadable', 'config_unreadable'];
    assert.deepEqual(await read(bed), { lines: [LINE], reasons });
  });

  test('that is not ours to read says so', { skip: missing('root') }, async () => {
    using bed = createBed();
    chmodSync(bed.root, 0o755);
    chmodSync(join(bed.confPath, 'pods.conf'), 0o600);
    const expected = { lines: ['pods - used=1'], reasons: ['config_not_permitted'] };
    await asNobody(async () => assert.deepEqual(await read(bed), expected));
    chmodSync(bed.confPath, 0o700);
    await asNobody(async () => assert.deepEqual(await read(bed), expected));
  });

  test('of very many ranges costs the networks beyond the limit', async () => {
    using bed = createBed();
    for (let n = 0; n < 17; n++) {
      const ranges = Array.from({ length: 64 }, (_, i) => [{ subnet: `10.${n}.${i}.0/24` }]);
      const name = `n${String(n).padStart(2, '0')}`;
      bed.reserve(name, `10.${n}.0.2`, 'a').write(`net.d/${name}.conf`, plugin(name, { ranges }));
    }
    const reading = await bed.read();
    assert.deepEqual([linesOf(reading).length, reading.pools.length], [1_024, 1_024]);
    assert.deepEqual(
      reading.bad.map(({ reason }) => reason),
      ['too_many_ranges', 'too_many_ranges'],
    );
  });
});
