import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createSriovCollector, type SriovSources } from '../../../nodeagent/collectors/sriov.js';
import type { PfReading } from '../../../nodeagent/devices/device.js';
import { VfLinks } from '../../../nodeagent/inventory/vf-links.js';
import { MESSAGE, messagesOf } from '../../../nodeagent/rtnetlink/messages.js';
import { RtnetlinkSocket } from '../../../nodeagent/rtnetlink/socket.js';
import { SysFs } from '../../../nodeagent/sysfs/fs.js';
import { VF_COUNTER_SOURCES } from '../../../openapi/report-terms.js';
import { ScriptedLibc, encodeAnswer, type AskedFor, type Datagram } from '../../support/scripted-libc.js';
import { addPf, addVf } from '../../support/sysfs-functions.js';
import { SysfsTree } from '../../support/sysfs-tree.js';

/** Stock drivers of the 82576 count no VF; these were made to. */
const COUNTING = 'igb-after-vf-traffic-patched-vfstats';
const STOCK = 'igb-2pf-10vf-in-host';
const IFINDEX_OFFSET = 4;
const IN_TIME = AbortSignal.timeout(60_000);

/** What the recorded kernel says of the one link that it is asked for. */
const recorded =
  (name: string) =>
  ({ body, sequence }: AskedFor): Datagram[] =>
    [...messagesOf(readFileSync(`test/fixtures/rtnetlink/${name}.bin`))].flatMap((message) =>
      message.type === MESSAGE.newLink && message.body.readInt32LE(IFINDEX_OFFSET) === body.readInt32LE(IFINDEX_OFFSET)
        ? [{ bytes: encodeAnswer(message.type, message.body, { sequence }) }]
        : [],
    );

function watch(tree: SysfsTree, changes: Partial<SriovSources> = {}, recording = COUNTING) {
  const states: string[] = [];
  const state = { up: () => states.push('up'), off: (reason: string) => states.push(reason) };
  const libc = new ScriptedLibc(recorded(recording));
  const vfLinks = new VfLinks({
    connect: () => Promise.resolve(new RtnetlinkSocket(libc)),
    state: { ...state, up: () => undefined },
  });
  const sriov = {
    sysfs: new SysFs(tree.root),
    vfLinks,
    order: VF_COUNTER_SOURCES,
    countedBy: () => undefined,
    hasOwner: () => true,
    state,
    ...changes,
  };
  const collect = createSriovCollector({ sriov });
  return {
    states,
    /** What it adds in a sweep, and with what it fails. */
    sweep: async (signal = IN_TIME) => {
      let added: readonly PfReading[] | undefined;
      const error = await collect(
        {
          ...{ pods: [], startedMs: 0 },
          addInterfaces: () => assert.fail('not of this collector'),
          addTransport: () => assert.fail('not of this collector'),
          addDevices: (devices) => (added = devices),
          skip: () => assert.fail('no pod is at fault'),
        },
        signal,
      ).then(() => undefined, String);
      return { added: added ?? [], isAdded: added !== undefined, error };
    },
  };
}

const choiceOf = ({ pf, counterSource, counterAbsence }: PfReading) => [pf.name, counterSource ?? counterAbsence];
const receivedOf = ({ virtualFunctions }: PfReading) =>
  virtualFunctions.map(({ counters }) => counters?.get('receiveBytes'));

test('VFs of a recorded machine have counters and settings', async () => {
  using tree = SysfsTree.from('igb-02-vf-in-netns');
  const { sweep, states } = watch(tree);
  const { added, error } = await sweep();
  assert.equal(error, undefined);
  assert.deepEqual(states, ['up']);
  assert.deepEqual(added.map(choiceOf), [
    ['eth0', 'rtnetlink'],
    ['eth1', 'rtnetlink'],
  ]);
  const [, second] = added;
  assert.equal(second?.virtualFunctions.length, 7);
  assert.equal(second.virtualFunctions[0]?.settings.mac, '02:bb:00:00:00:00');
  assert.equal(receivedOf(second)[0], 8_796_145n);
});

test('a driver that counts no VF has no counters of them', async () => {
  using tree = SysfsTree.from('igb-01-vfs-created');
  const { sweep } = watch(tree, { order: ['rtnetlink', 'sysfs'] }, STOCK);
  for (let round = 0; round < 3; round++) {
    const { added } = await sweep();
    assert.deepEqual(added.map(choiceOf), [
      ['eth0', 'unproven'],
      ['eth1', 'unproven'],
    ]);
    for (const { virtualFunctions } of added) {
      for (const vf of virtualFunctions) assert.equal(vf.counters, undefined);
    }
  }
});

test('interfaces of VFs tell of themselves while they are on the node', async () => {
  using tree = SysfsTree.from('igb-02-vf-in-netns');
  const { sweep } = watch(tree, {}, STOCK);
  await sweep(); // whose zeros may be anything
  const all = (await sweep()).added;
  assert.deepEqual(
    all.map(({ counterSource }) => counterSource),
    ['netdev', 'netdev'],
  );
  const vfs = all.flatMap(({ virtualFunctions }) => virtualFunctions);
  assert.equal(vfs.filter(({ vf }) => vf.netdev === undefined).length, 3);
  for (const { vf, counters } of vfs) assert.equal(counters !== undefined, vf.netdev !== undefined, vf.pciAddress);
});

test('a machine without physical functions is none that is not known', async () => {
  using empty = SysfsTree.empty();
  using bus = SysfsTree.empty().directory('bus/pci/devices');
  for (const tree of [empty, bus]) {
    const { sweep, states } = watch(tree);
    const { added, isAdded, error } = await sweep();
    assert.deepEqual([added, isAdded, error], [[], true, undefined]);
    assert.deepEqual(states, ['not_found']);
  }
});

test('nothing is said of devices that cannot be listed', async () => {
  using tree = SysfsTree.empty().link('bus/pci/devices', 'devices');
  const { sweep, states } = watch(tree);
  const { isAdded, error } = await sweep();
  assert.equal(isAdded, false);
  assert.match(error ?? '', /PCI bus cannot be listed/);
  assert.deepEqual(states, ['failed']);
});

test('what there is no time for has no counters', async () => {
  using tree = SysfsTree.from('igb-01-vfs-created');
  const { sweep } = watch(tree);
  await sweep();
  const { added, error } = await sweep(AbortSignal.abort());
  assert.match(error ?? '', /0000:01:00.0: no time; 0000:41:00.0: no time/);
  assert.equal(added.length, 2);
  for (const { counterSource, virtualFunctions } of added) {
    assert.equal(counterSource, 'rtnetlink');
    for (const { counters, settings } of virtualFunctions) {
      assert.equal(counters, undefined);
      assert.notEqual(settings.mac, undefined);
    }
  }
});

test('a netlink that fails is told, and costs no other source', async () => {
  using tree = SysfsTree.from('igb-01-vfs-created');
  const vfLinks = { read: () => Promise.reject(new Error('EMFILE')) };
  const alone = await watch(tree, { vfLinks, order: ['rtnetlink'] }).sweep();
  assert.deepEqual(alone.added.map(choiceOf), [
    ['eth0', 'failed'],
    ['eth1', 'failed'],
  ]);
  assert.match(alone.error ?? '', /0000:01:00.0: EMFILE; 0000:41:00.0: EMFILE/);
  const { added, error } = await watch(tree, { vfLinks }).sweep();
  assert.equal(error, undefined);
  assert.deepEqual(
    added.map(({ counterSource }) => counterSource),
    ['netdev', 'netdev'],
  );
});

test('a function that cannot be understood costs no other', async () => {
  using tree = SysfsTree.empty();
  const [good, bad] = [addPf(tree, '0000:03:00.0'), addPf(tree, '0000:04:00.0')];
  addVf(tree, good, 0, '0000:03:10.0');
  tree.write(`${good}/sriov/0/stats/rx_bytes`, '77\n').write(`${bad}/sriov_totalvfs`, 'many\n');
  const { added, error } = await watch(tree).sweep();
  assert.match(error ?? '', /0000:04:00.0/);
  assert.deepEqual(added.map(choiceOf), [['0000:03:00.0', 'sysfs']]);
  assert.deepEqual(added.map(receivedOf), [[77n]]);
});

test('RDMA devices are read besides', async () => {
  using tree = SysfsTree.empty();
  addVf(tree, addPf(tree, '0000:03:00.0'), 0, '0000:03:10.0');
  tree.write('bus/pci/devices/0000:03:10.0/infiniband/mlx5_2/ports/1/counters/port_rcv_data', '12\n');
  const [reading] = (await watch(tree).sweep()).added;
  assert.equal(reading?.counterAbsence, 'no_source');
  assert.deepEqual([...(reading.virtualFunctions[0]?.counters ?? [])], [['rdma/mlx5_2/1/port/port_rcv_data', 12n]]);
});

test('where nobody looks for devices nothing is said of them', async () => {
  const none = () => assert.fail('something was said');
  const sweep = { pods: [], startedMs: 0, addInterfaces: none, addTransport: none, addDevices: none, skip: none };
  await createSriovCollector({})(sweep, IN_TIME);
});
