import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InterfaceReading } from '../../../nodeagent/collectors/collector.js';
import { createInterfacesCollector } from '../../../nodeagent/collectors/interfaces.js';
import { NetnsLayouts } from '../../../nodeagent/inventory/layout.js';
import { createNetnsPods } from '../../../nodeagent/inventory/netns-pods.js';
import { NetnsScan } from '../../../nodeagent/inventory/netns-scan.js';
import type { PodLinks } from '../../../nodeagent/inventory/pod-links.js';
import type { Pod } from '../../../nodeagent/inventory/pod.js';
import { REPORT_LIMITS } from '../../../openapi/report-terms.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { copyProcTree } from '../../support/proc-tree.js';

async function sweepOf(tree: string, change: (pod: Pod) => Pod = (pod) => pod) {
  return sweepIn(`test/fixtures/proc/${tree}`, change);
}

async function sweepIn(
  root: string,
  change: (pod: Pod) => Pod = (pod) => pod,
  signal: AbortSignal = AbortSignal.timeout(10_000),
  podLinks?: Pick<PodLinks, 'linksOf'>,
) {
  const procfs = new ProcFs(root);
  const scan = new NetnsScan(procfs);
  const layouts = new NetnsLayouts(procfs, new SysFs('test/fixtures/no-sysfs'), podLinks);
  const pods = createNetnsPods({ procfs, scan, bootId: 'boot', runNetns: '/nonexistent' }).pods(0).map(change);
  const added = new Map<string, readonly InterfaceReading[]>();
  const loopbacks = new Map<string, readonly number[]>();
  const skipped = new Map<string, string>();
  const errors = new Map<string, unknown>();
  await createInterfacesCollector({ procfs, layouts, forget: (pid) => scan.forget(pid) })(
    {
      pods,
      startedMs: 0,
      addInterfaces: (pod, interfaces, loopback) => {
        added.set(pod.name, interfaces);
        if (loopback !== undefined) loopbacks.set(pod.name, loopback);
      },
      addTransport: () => assert.fail('not of this collector'),
      addDevices: () => assert.fail(),
      skip: (pod, reason, error) => {
        skipped.set(pod.name, reason);
        errors.set(pod.name, error);
      },
    },
    signal,
  );
  return { added, loopbacks, skipped, errors, pods };
}

test('interfaces are named, leave out lo, and know their default route and ifindex', async () => {
  const { added, pods } = await sweepOf('containerd');
  const inode = pods.find(({ name }) => name === '5eff39ce41c3')?.netns?.inode ?? 0;
  assert.deepEqual(added.get('5eff39ce41c3'), [
    {
      counters: [13_634, 201, 0, 0, 3_177_440, 340, 0, 0],
      meta: { name: 'eth1', network: '', nadNamespace: '', primary: false, identity: `${inode}/2`, source: 'netdev' },
    },
    {
      counters: [35_910, 543, 0, 0, 10_561_080, 1_062, 0, 0],
      meta: {
        name: 'eth0',
        network: 'default',
        nadNamespace: '',
        primary: true,
        identity: `${inode}/3`,
        source: 'netdev',
      },
    },
  ]);
});

test('loopback is told apart', async () => {
  const { loopbacks } = await sweepOf('containerd');
  assert.deepEqual(loopbacks.get('5eff39ce41c3'), [0, 0, 0, 0, 0, 0, 0, 0]);
});

// Fault of prometheus-network-shim: receive is what the pod sent.
test('what one pod sent, the other received', async () => {
  const { added } = await sweepOf('containerd');
  const counters = (pod: string, item: string) =>
    added.get(pod)?.find(({ meta }) => meta.name === item)?.counters ?? [];
  // 10 MiB on eth0 from the first to the second; recorded one after the other while the peers still spoke a little
  const [received, sent] = [counters('0ef4182d7de3', 'eth0')[0] ?? 0, counters('5eff39ce41c3', 'eth0')[4] ?? 0];
  assert.ok(Math.abs(received - sent) < 1_000, `${received} of ${sent}`);
});

test('odd names and counters of 20 digits are kept', async () => {
  const { added } = await sweepOf('odd');
  assert.deepEqual(
    added.get('odd-10')?.map(({ meta, counters }) => [meta.name, counters[0]]),
    [
      ['café', 1],
      ['bad\\xff', 2],
      ['eth0:1', 2 ** 64],
    ],
  );
});

test('an interface without an ifindex has no identity, which proves nothing', async () => {
  const { added } = await sweepOf('odd');
  assert.deepEqual(
    added.get('bonded-20')?.map(({ meta }) => meta.identity),
    ['', '', '', ''],
  );
});

test('a bond and a VLAN say whose traffic they carry again', async () => {
  const { added } = await sweepOf('odd');
  const stacking = added.get('bonded-20')?.map(({ meta }) => [meta.name, meta.lowerDevices]);
  assert.deepEqual(stacking, [
    ['bond0', ['eth0', 'eth1']],
    ['eth0', undefined],
    ['eth1', undefined],
    ['bond0.7', ['bond0']],
  ]);
});

test('a file that was cut skips its pod and no other', async () => {
  const { added, skipped } = await sweepOf('odd');
  assert.deepEqual([...skipped], [['cut-30', 'unparsable']]);
  assert.deepEqual([...added.keys()], ['odd-10', 'bonded-20']);
});

test('a pod whose processes are gone is skipped, not reported as zero', async () => {
  const { added, skipped } = await sweepOf('containerd', (pod) =>
    pod.netns === undefined ? pod : { ...pod, netns: { ...pod.netns, processes: [{ pid: 4_711 }] } },
  );
  assert.equal(added.size, 0);
  assert.deepEqual([...skipped.values()], ['process_gone', 'process_gone', 'process_gone']);
});

test('a process that is in another namespace by now gives no reading', async () => {
  const { added, skipped } = await sweepOf('containerd', (pod) =>
    pod.name === 'host' ? pod : { ...pod, netns: { inode: 7, processes: [{ pid: 1 }, { pid: 8_828 }] } },
  );
  assert.deepEqual([...added.keys()], ['host']);
  assert.deepEqual([...skipped.values()], ['process_gone', 'process_gone']);
});

// Fault of prometheus-network-shim: each pod on the host network counts the node's traffic again.
test('a pod on the host network is not given the traffic of the node', async () => {
  const { added, skipped } = await sweepOf('containerd', (pod) => ({ ...pod, hostNetwork: true }));
  assert.equal(added.size + skipped.size, 0);
});

test('a pod with a routing table of the whole internet keeps its default route', async () => {
  await using tree = await copyProcTree('containerd');
  const line = 'eth1\t0000010B\t00000000\t0001\t0\t0\t0\tFFFFFFFF\t0\t0\t0'.padEnd(127) + '\n';
  await appendFile(join(tree.root, '8828/net/route'), line.repeat(40_000));
  const { added, skipped } = await sweepIn(tree.root);
  assert.deepEqual([...skipped], []);
  assert.deepEqual(
    added.get('5eff39ce41c3')?.map(({ meta }) => [meta.name, meta.primary]),
    [
      ['eth1', false],
      ['eth0', true],
    ],
  );
});

test('routes that are too many to read leave the primary interface unknown', async () => {
  await using tree = await copyProcTree('containerd');
  await writeFile(join(tree.root, '8828/net/route'), 'Iface\n');
  await writeFile(join(tree.root, '8828/net/ipv6_route'), `${'0'.repeat(149)}\n`.repeat(40_000));
  const { added } = await sweepIn(tree.root);
  assert.deepEqual(
    added.get('5eff39ce41c3')?.map(({ meta }) => meta.primary),
    [false, false],
  );
  assert.equal(added.size, 3);
});

for (const [file, outcome] of [
  ['dev_mcast', 'failed'],
  ['route', 'failed'],
  ['dev', 'failed'],
] as const) {
  test(`whatever goes wrong with ${file} of one pod costs no other`, async () => {
    await using tree = await copyProcTree('containerd');
    const path = join(tree.root, '8828/net', file);
    await rm(path);
    await mkdir(path); // reading it is an error that no file of a process gives
    await rm(join(tree.root, '8867'), { recursive: true });
    const { added, skipped } = await sweepIn(tree.root);
    assert.deepEqual([...skipped], [['5eff39ce41c3', outcome]]);
    assert.deepEqual([...added.keys()], ['host', '0ef4182d7de3']);
  });
}

test('what was read through a process that moved meanwhile is discarded', async (context) => {
  await using tree = await copyProcTree('containerd');
  await rm(join(tree.root, '8867'), { recursive: true });
  const { root } = tree;
  let looks = 0;
  context.mock.method(ProcFs.prototype, 'netInode', (pid: number | 'self') => {
    const { ino } = statSync(join(root, String(pid), 'net/dev'));
    return pid === 8_828 && looks++ > 0 ? ino + 1 : ino; // from the scan on it is elsewhere
  });
  const { added, skipped } = await sweepIn(root);
  assert.deepEqual([...skipped], [['5eff39ce41c3', 'process_gone']]);
  assert.deepEqual([...added.keys()], ['host', '0ef4182d7de3']);
});

test('pods that there is no time for are skipped, each by name', async () => {
  const { added, skipped } = await sweepIn('test/fixtures/proc/containerd', (pod) => pod, AbortSignal.abort());
  assert.equal(added.size, 0);
  assert.deepEqual([...new Set(skipped.values())], ['no_time']);
});

for (const [parent, expected] of [
  ['1000 10 0 0 0 0 0 0 1000', ['eth0']],
  ['999 10 0 0 0 0 0 0 5000', undefined],
  ['5000 10 0 0 0 0 0 0 999', undefined],
] as const) {
  test(`a VLAN of 1000 bytes each way on ${parent}: ${expected === undefined ? 'another' : 'that'} eth0 carries it`, async () => {
    await using tree = await copyProcTree('containerd');
    const net = join(tree.root, '8828/net');
    const line = (name: string, counters: string) => `${name}: ${counters} 10 0 0 0 0 0 0\n`;
    const vlan = line('net1', '1000 10 0 0 0 0 0 0 1000');
    await writeFile(join(net, 'dev'), `Inter-|\n face |\n${line('eth0', parent)}${vlan}`);
    await mkdir(join(net, 'vlan'));
    await writeFile(join(net, 'vlan/net1'), 'net1  VID: 100\nDevice: eth0\n');
    const { added } = await sweepIn(tree.root);
    const meta = added.get('5eff39ce41c3')?.find((one) => one.meta.name === 'net1')?.meta;
    assert.deepEqual(meta?.lowerDevices, expected);
  });
}

const CHANGED = '5eff39ce41c3';
const LINE = ': 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0\n';
const netDev = (names: readonly (string | Buffer)[]) =>
  Buffer.concat([
    Buffer.from('Inter-|\n face |\n'),
    ...names.flatMap((name) => [typeof name === 'string' ? Buffer.from(name) : name, Buffer.from(LINE)]),
  ]);

for (const [more, reason] of [
  [0, undefined],
  [1, 'too_many_interfaces'],
] as const) {
  test(`a pod with ${more} more interfaces than a report takes is ${reason ?? 'read'}`, async () => {
    await using tree = await copyProcTree('containerd');
    const dev = join(tree.root, '8828/net/dev');
    const names = Array.from({ length: REPORT_LIMITS.interfacesPerPod + more }, (_, i) => `tap${i}`);
    await writeFile(dev, netDev(['lo', ...names]));
    const asked: number[] = [];
    const podLinks = { linksOf: (pid: number) => void asked.push(pid) };
    const { skipped, errors, added } = await sweepIn(tree.root, undefined, undefined, podLinks);
    assert.equal(skipped.get(CHANGED), reason);
    const error = reason && 'TooManyInterfacesError: 257 interfaces are more than the 256 that are reported of one pod';
    assert.equal(errors.get(CHANGED)?.toString(), error);
    assert.equal(added.get(CHANGED)?.length, reason === undefined ? names.length : undefined);
    assert.equal(asked.includes(8_828), reason === undefined);
  });
}

test('a pod with two interfaces of one printed name is not told at all', async () => {
  await using tree = await copyProcTree('containerd');
  await writeFile(join(tree.root, '8828/net/dev'), netDev(['eth0', Buffer.from([0x6e, 0xff]), 'n\\xff']));
  const { skipped, added } = await sweepIn(tree.root);
  assert.deepEqual([...skipped], [[CHANGED, 'unparsable']]);
  assert.equal(added.has(CHANGED), false);
});

for (const [count, reason] of [
  [33, undefined],
  [34, 'too_much_stacking'],
] as const) {
  test(`a pod of ${count} VLANs, each on the next, is ${reason === undefined ? 'read' : 'not told at all'}`, async () => {
    await using tree = await copyProcTree('containerd');
    const net = join(tree.root, '8828/net');
    const names = Array.from({ length: count }, (_, i) => `v${i}`);
    await writeFile(join(net, 'dev'), netDev(names));
    await mkdir(join(net, 'vlan'));
    for (const [i, name] of names.slice(1).entries()) {
      await writeFile(join(net, 'vlan', `v${i}`), `v${i}  VID: 100\nDevice: ${name}\n`);
    }
    const { skipped, added } = await sweepIn(tree.root);
    assert.equal(skipped.get(CHANGED), reason);
    assert.equal(added.get(CHANGED)?.length, reason === undefined ? count : undefined);
  });
}

const LINKS = ['eth1', 'eth0'].map((name, i) => ({ name, ifindex: i + 2 }));

for (const [attempts, reason] of [
  [1, undefined],
  [2, 'changing'],
] as const) {
  test(`a pod whose interfaces changed in ${attempts} of two attempts is ${reason ?? 'read'}`, async () => {
    const asked: number[] = [];
    const podLinks = {
      linksOf: (pid: number) => {
        asked.push(pid);
        return pid === 8_828 && asked.filter((one) => one === pid).length > attempts ? LINKS : [];
      },
    };
    const ofOne = (pod: Pod): Pod => (pod.name === CHANGED ? pod : { ...pod, hostNetwork: true });
    const { skipped, added } = await sweepIn('test/fixtures/proc/containerd', ofOne, undefined, podLinks);
    assert.equal(skipped.get(CHANGED), reason);
    assert.equal(added.get(CHANGED)?.length, reason === undefined ? 2 : undefined);
    assert.deepEqual(asked.slice(0, 2), [8_828, 8_828]);
  });
}
