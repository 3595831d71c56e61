import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PhysicalFunction } from '../../../nodeagent/devices/device.js';
import { createNetlinkSources } from '../../../nodeagent/inventory/netlink-sources.js';
import { VfLinks } from '../../../nodeagent/inventory/vf-links.js';
import { ProcFs } from '../../../nodeagent/procfs/fs.js';
import { FLAG, MESSAGE, messagesOf } from '../../../nodeagent/rtnetlink/messages.js';
import { RtnetlinkSocket } from '../../../nodeagent/rtnetlink/socket.js';
import { ScriptedLibc, encodeAnswer, readdressed, type AskedFor, type Datagram } from '../../support/scripted-libc.js';
import { linkBody, vfInfo } from '../../support/vf-messages.js';

const FIXTURES = 'test/fixtures/rtnetlink';
const ERRNO = { EPERM: 1, ENODEV: 19, EMSGSIZE: 90 } as const;
const IFINDEX_OFFSET = 4;

const isKoffiLoaded = () => readFileSync('/proc/self/maps', 'utf8').includes('koffi');

function pfOf(
  name: string,
  ifindex: number,
  pciAddress: string,
  more: Partial<PhysicalFunction> = {},
): PhysicalFunction {
  const vf = { index: 0, pciAddress: '0000:01:10.0', rdmaDevices: [] };
  return {
    ...{ name, pciAddress, linkLayer: 'ethernet', netdev: { name, ifindex } },
    ...{ totalVirtualFunctions: 7, virtualFunctions: [vf], ...more },
  };
}
const A = pfOf('eth0', 2, '0000:01:00.0');
const B = pfOf('eth1', 3, '0000:41:00.0');

/** Recorded datagrams of a dump, as the answer to one. */
function chunksOf(name: string, sequence: number): Datagram[] {
  const bytes = readdressed(readFileSync(`${FIXTURES}/${name}.bin`), sequence);
  let start = 0;
  return readFileSync(`${FIXTURES}/${name}.chunks`, 'utf8')
    .trim()
    .split(/\s+/)
    .map((size) => ({ bytes: bytes.subarray(start, (start += Number(size))) }));
}

/** The recorded message of one link. */
function linkOf(name: string, ifindex: number, sequence: number): Datagram[] {
  for (const { type, body } of messagesOf(readFileSync(`${FIXTURES}/${name}.bin`))) {
    if (type === MESSAGE.newLink && body.readInt32LE(IFINDEX_OFFSET) === ifindex)
      return [{ bytes: encodeAnswer(type, body, { sequence }) }];
  }
  return [refused(ERRNO.ENODEV, sequence)];
}

function refused(errno: number, sequence: number): Datagram {
  const body = Buffer.alloc(4);
  body.writeInt32LE(-errno);
  return { bytes: encodeAnswer(MESSAGE.error, body, { sequence }) };
}

const ifindexOf = ({ body }: AskedFor) => body.readInt32LE(IFINDEX_OFFSET);
const recorded =
  (name: string) =>
  (asked: AskedFor): Datagram[] =>
    ifindexOf(asked) === 0 ? chunksOf(name, asked.sequence) : linkOf(name, ifindexOf(asked), asked.sequence);

function vfLinks(answer: (asked: AskedFor, attempt: number) => readonly Datagram[]) {
  let attempts = 0;
  let connects = 0;
  const states: string[] = [];
  const libc = new ScriptedLibc((asked) => answer(asked, ++attempts));
  const links = new VfLinks({
    connect: () => {
      connects++;
      return Promise.resolve(new RtnetlinkSocket(libc));
    },
    state: { up: () => states.push('up'), off: (reason) => states.push(reason) },
  });
  return { links, libc, states, connects: () => connects, asked: () => libc.asked.map(ifindexOf) };
}

test('koffi is loaded with the first VF of a node, not before', async () => {
  const states: string[] = [];
  const sources = await createNetlinkSources({
    procfs: new ProcFs('test/fixtures/proc/odd'), // whose pids are nobody's
    states: {
      up: (source) => states.push(`${source} up`),
      off: (source, reason) => states.push(`${source} ${reason}`),
    },
  });
  await sources.vfLinks.read([]);
  await sources.vfLinks.read([{ ...A, virtualFunctions: [] }]);
  assert.equal(isKoffiLoaded(), false);
  assert.deepEqual(states, ['host-interfaces not_host_pid', 'pod-links not_host_pid', 'vf-links not_needed']);
  // a link of the real kernel, without VFs
  const read = await sources.vfLinks.read([pfOf('lo', 1, '0000:01:00.0')]);
  assert.equal(isKoffiLoaded(), true);
  assert.deepEqual([...read], [['0000:01:00.0', new Map()]]);
  assert.equal(states.at(-1), 'vf-links up');
  sources.close();
});

test('each physical function is asked for, and tells its VFs by their index', async () => {
  const { links, states, asked, connects } = vfLinks(recorded('igb-after-vf-traffic-patched-vfstats'));
  for (let sweep = 0; sweep < 2; sweep++) {
    const read = await links.read([A, B]);
    assert.deepEqual([...read.keys()], ['0000:01:00.0', '0000:41:00.0']);
    assert.equal(read.get('0000:01:00.0')?.size, 3);
    const vf = read.get('0000:41:00.0')?.get(0);
    assert.equal(vf?.settings.mac, '02:bb:00:00:00:00');
    assert.equal(vf.counters?.get('receiveBytes'), 8_796_145n);
  }
  assert.deepEqual(asked(), [2, 3, 2, 3]);
  assert.deepEqual(states, ['up', 'up']);
  assert.equal(connects(), 1);
});

test('those without VFs and without an interface are not asked for', async () => {
  const { links, states, asked, connects } = vfLinks(recorded('igb-2pf-10vf-in-host'));
  const { netdev: _, ...withoutNetdev } = B;
  assert.equal((await links.read([{ ...A, virtualFunctions: [] }, withoutNetdev])).size, 0);
  assert.equal((await links.read([{ ...B, netdev: { name: 'eth1' } }])).size, 0);
  assert.equal(connects(), 0);
  assert.deepEqual(states, ['not_found', 'not_found']);
  assert.deepEqual([...(await links.read([A, withoutNetdev])).keys()], ['0000:01:00.0']);
  assert.deepEqual(asked(), [2]);
});

test('of 256 VFs, whose answer takes more room than there is, each is told', async () => {
  const { links, libc, states } = vfLinks(recorded('netdevsim-256vf-nla_len-overflow'));
  const pf = pfOf('eth1', 3, 'netdevsim2');
  const [, read] = [...(await links.read([pf]))][0] ?? [];
  assert.deepEqual(
    [...(read?.keys() ?? [])],
    Array.from({ length: 256 }, (_, index) => index),
  );
  assert.equal(libc.asked.length, 2); // cut, and again with more room
  assert.equal(libc.open, 1);
  assert.deepEqual(states, ['up']);
});

test('an interface of another name, or of another device, is that of somebody else', async () => {
  for (const stranger of [pfOf('ens1', 2, A.pciAddress), pfOf('eth0', 2, '0000:02:00.0')]) {
    const { links, states } = vfLinks(recorded('igb-2pf-10vf-in-host'));
    assert.deepEqual([...(await links.read([stranger, B])).keys()], [B.pciAddress]);
    assert.equal((await links.read([stranger])).size, 0);
    assert.deepEqual(states, ['up', 'not_host_network']);
  }
  // one without VFs
  const { links, states } = vfLinks(recorded('veth-host'));
  assert.equal((await links.read([pfOf('ens1', 2, A.pciAddress)])).size, 0);
  assert.deepEqual(states, ['not_host_network']);
});

test('a kernel that does not tell the device is believed by the name', async () => {
  const { links } = vfLinks(({ sequence }) => [
    {
      bytes: encodeAnswer(MESSAGE.newLink, linkBody({ ifindex: 2, name: 'eth0', numVf: 1, vfs: [vfInfo(0)] }), {
        sequence,
      }),
    },
  ]);
  assert.deepEqual([...((await links.read([A])).get(A.pciAddress)?.keys() ?? [])], [0]);
});

test('where none of the interfaces is there, the agent is elsewhere', async () => {
  const { links, states } = vfLinks(({ sequence }) => [refused(ERRNO.ENODEV, sequence)]);
  assert.equal((await links.read([A, B])).size, 0);
  assert.deepEqual(states, ['not_host_network']);
});

test('a failure costs one physical function, and all of them are a state', async () => {
  const one = vfLinks((asked) =>
    ifindexOf(asked) === 2 ? [refused(ERRNO.EPERM, asked.sequence)] : recorded('igb-2pf-10vf-in-host')(asked),
  );
  assert.deepEqual([...(await one.links.read([A, B])).keys()], [B.pciAddress]);
  assert.deepEqual(one.states, ['up']);
  const all = vfLinks(({ sequence }) => [refused(ERRNO.EPERM, sequence)]);
  assert.equal((await all.links.read([A, B])).size, 0);
  assert.deepEqual(all.states, ['not_permitted']);
});

test('what does not answer is not waited for as often as there are physical functions', async () => {
  const { links, libc, states } = vfLinks(() => []);
  const many = Array.from({ length: 9 }, (_, n) => pfOf(`eth${n}`, n + 1, `0000:0${n}:00.0`));
  assert.equal((await links.read([...many, { ...B, linkLayer: 'infiniband' }])).size, 0);
  assert.equal(libc.asked.length, 2);
  assert.deepEqual(states, ['failed']);
});

test('bytes that are no messages are a failure', async () => {
  const { links, states } = vfLinks(() => [{ bytes: Buffer.from([1, 2, 3]) }]);
  assert.equal((await links.read([A])).size, 0);
  assert.deepEqual(states, ['failed']);
});

test('a physical function whose answer the kernel finds too long is told by a list, from then on', async () => {
  const { links, states, asked } = vfLinks((one) =>
    ifindexOf(one) === 2 ? [refused(ERRNO.EMSGSIZE, one.sequence)] : recorded('igb-2pf-10vf-in-host')(one),
  );
  for (let sweep = 0; sweep < 2; sweep++) {
    const read = await links.read([A, B]);
    assert.deepEqual(
      [A, B].map(({ pciAddress }) => read.get(pciAddress)?.size),
      [3, 7],
    );
  }
  assert.deepEqual(asked(), [2, 3, 0, 3, 0]);
  assert.deepEqual(states, ['up', 'up']);
});

test('InfiniBand is told by one list, without a question of its own', async () => {
  const { links, asked } = vfLinks(recorded('igb-2pf-10vf-in-host'));
  const read = await links.read([A, B].map((pf) => ({ ...pf, linkLayer: 'infiniband' })));
  assert.deepEqual(
    [...read.values()].map(({ size }) => size),
    [3, 7],
  );
  assert.deepEqual(asked(), [0]);
});

test('a list of others is none of these', async () => {
  const { links, states } = vfLinks(recorded('igb-2pf-10vf-in-host'));
  assert.equal((await links.read([pfOf('ib0', 2, A.pciAddress, { linkLayer: 'infiniband' })])).size, 0);
  assert.equal((await links.read([pfOf('ib0', 9, A.pciAddress, { linkLayer: 'infiniband' })])).size, 0);
  assert.deepEqual(states, ['not_host_network', 'not_host_network']);
});

const INFINIBAND = [{ ...A, linkLayer: 'infiniband' as const }];

test('a list that changed while it was made is made again', async () => {
  const { links, asked } = vfLinks(({ sequence }, attempt) => {
    const chunks = chunksOf('igb-2pf-10vf-in-host', sequence);
    if (attempt < 3) chunks[1]?.bytes.writeUInt16LE(FLAG.multi | FLAG.dumpInterrupted, 6);
    return chunks;
  });
  assert.equal((await links.read(INFINIBAND)).get(A.pciAddress)?.size, 3);
  assert.deepEqual(asked(), [0, 0, 0]);
});

test('a list that changes each time, or never ends, is a failure', async () => {
  const restless = vfLinks(({ sequence }) => {
    const chunks = chunksOf('igb-2pf-10vf-in-host', sequence);
    chunks[1]?.bytes.writeUInt16LE(FLAG.multi | FLAG.dumpInterrupted, 6);
    return chunks;
  });
  assert.equal((await restless.links.read(INFINIBAND)).size, 0);
  const cut = vfLinks(({ sequence }) => chunksOf('igb-2pf-10vf-in-host', sequence).slice(0, 2));
  assert.equal((await cut.links.read(INFINIBAND)).size, 0);
  assert.deepEqual([...restless.states, ...cut.states], ['failed', 'failed']);
});

test('an answer that the kernel had no room for is a failure of this sweep alone', async () => {
  const { links, states, libc } = vfLinks(recorded('igb-2pf-10vf-in-host'));
  libc.failNextReceive(105); // ENOBUFS
  assert.deepEqual([...(await links.read([A, B])).keys()], [B.pciAddress]);
  assert.deepEqual([...(await links.read([A, B])).keys()], [A.pciAddress, B.pciAddress]);
  libc.failNextReceive(4); // EINTR: received again
  assert.deepEqual([...(await links.read([A, B])).keys()], [A.pciAddress, B.pciAddress]);
  assert.deepEqual(states, ['up', 'up', 'up']);
});

test('without netlink it is off, and asked for no more', async () => {
  const states: string[] = [];
  let connects = 0;
  const links = new VfLinks({
    connect: () => {
      connects++;
      return Promise.reject(new Error('no koffi for this machine'));
    },
    state: { up: () => states.push('up'), off: (reason, detail) => states.push(`${reason}: ${detail}`) },
  });
  for (let sweep = 0; sweep < 3; sweep++) assert.equal((await links.read([A])).size, 0);
  assert.equal(connects, 1);
  assert.deepEqual(states, ['unsupported: no koffi for this machine']);
});

test('once closed it asks nothing', async () => {
  const { links, libc } = vfLinks(recorded('igb-2pf-10vf-in-host'));
  const reading = links.read([A]);
  links.close();
  assert.equal((await reading).size, 0);
  assert.equal(libc.open, 0);
});
