import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { parseLink } from '../../../nodeagent/rtnetlink/link.js';
import { MESSAGE, encodeInt32, messagesOf } from '../../../nodeagent/rtnetlink/messages.js';
import { parseVfs, vfDumpRequest, vfRequest, type LinkVfs } from '../../../nodeagent/rtnetlink/vf.js';
import { encodeAttribute, linkBody, u32, vfInfo, vfSetting } from '../../support/vf-messages.js';

const FIXTURES = 'test/fixtures/rtnetlink';
const OVERFLOW = 'netdevsim-256vf-nla_len-overflow';
const VF_STATS = 8;
const PARENT_DEVICE = 56;

interface IpVf {
  readonly vf: number;
  readonly address: string;
  readonly vlan_list: readonly { readonly vlan?: number }[];
  readonly rate: { readonly max_tx: number; readonly min_tx: number };
  readonly spoofchk?: boolean;
  readonly link_state: string;
  readonly trust?: boolean;
  readonly stats: {
    readonly rx: Record<'bytes' | 'packets' | 'multicast' | 'broadcast' | 'dropped', number>;
    readonly tx: Record<'tx_bytes' | 'tx_packets' | 'dropped', number>;
  };
}

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly parentdev?: string;
  readonly vfinfo_list?: readonly IpVf[];
}

const bytesOf = (name: string): Buffer => readFileSync(`${FIXTURES}/${name}.bin`);
const vfsOf = (bytes: Buffer): LinkVfs[] => [...messagesOf(bytes)].flatMap((message) => parseVfs(message) ?? []);
const toldBy = (name: string): IpLink[] => JSON.parse(readFileSync(`${FIXTURES}/${name}.ip.json`, 'utf8')) as IpLink[];
const parse = (body: Buffer): LinkVfs | undefined => parseVfs({ type: MESSAGE.newLink, body });

/** As ip writes it; numbers lose there what a double does not hold. */
function asIpTells({ ifindex, name, parentDevice, vfs }: LinkVfs) {
  return {
    ...{ ifindex, name, parentDevice },
    vfs: vfs.map(({ index, settings, counters }) => ({
      ...{ index, settings },
      counters: Object.fromEntries([...(counters ?? [])].map(([counter, value]) => [counter, Number(value)])),
    })),
  };
}

function expected({ ifindex, ifname: name, parentdev: parentDevice, vfinfo_list = [] }: IpLink) {
  return {
    ...{ ifindex, name, parentDevice },
    vfs: vfinfo_list.map(({ vf, address, vlan_list, rate, spoofchk, link_state, trust, stats: { rx, tx } }) => ({
      index: vf,
      settings: {
        ...(address !== '00:00:00:00:00:00' && { mac: address }),
        vlan: vlan_list[0]?.vlan ?? 0,
        linkState: link_state,
        ...(spoofchk !== undefined && { spoofCheck: spoofchk }),
        ...(trust !== undefined && { trust }),
        ...{ minTransmitRateMbps: rate.min_tx, maxTransmitRateMbps: rate.max_tx },
      },
      counters: {
        ...{ receivePackets: rx.packets, transmitPackets: tx.tx_packets },
        ...{ receiveBytes: rx.bytes, transmitBytes: tx.tx_bytes },
        ...{ receiveBroadcastPackets: rx.broadcast, receiveMulticastPackets: rx.multicast },
        ...{ receivePacketsDropped: rx.dropped, transmitPacketsDropped: tx.dropped },
      },
    })),
  };
}

for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith('.ip.json'))) {
  const name = file.slice(0, -'.ip.json'.length);
  test(`VFs of ${name} are those that ip tells`, () => {
    const found = vfsOf(bytesOf(name)).map(asIpTells);
    // of the list that overflows ip reads the beginning
    const told = toldBy(name).filter(({ vfinfo_list = [] }) => vfinfo_list.length > 0);
    const lengthOf = (ifindex: number) => told.find((link) => link.ifindex === ifindex)?.vfinfo_list?.length;
    assert.deepEqual(
      found.map((link) => ({ ...link, vfs: link.vfs.slice(0, lengthOf(link.ifindex)) })),
      told.map(expected),
    );
    assert.deepEqual(
      found.map(({ vfs }) => vfs.length),
      name === OVERFLOW ? [256] : told.map(({ vfinfo_list = [] }) => vfinfo_list.length),
    );
  });
}

test('an answer about one link is read as one of a dump', () => {
  const [link] = vfsOf(bytesOf('netdevsim-4vf-vfstats-single-reply'));
  assert.deepEqual(
    link && asIpTells(link),
    toldBy('netdevsim-4vf-vfstats')
      .filter(({ vfinfo_list = [] }) => vfinfo_list.length > 0)
      .map(expected)[0],
  );
});

test('counters keep what a double loses', () => {
  const [link] = vfsOf(bytesOf('netdevsim-4vf-vfstats'));
  assert.equal(link?.vfs[3]?.counters?.get('receiveBytes'), 2n ** 53n + 1n);
  assert.equal(link.vfs[3].counters.get('transmitBytes'), 2n ** 64n - 59n);
});

test('without statistics there are no counters, and every setting', () => {
  const [link] = vfsOf(bytesOf('netdevsim-4vf-skipstats'));
  assert.deepEqual(
    link?.vfs.map(({ index, counters }) => [index, counters]),
    [0, 1, 2, 3].map((index) => [index, undefined]),
  );
  const [other] = vfsOf(bytesOf('netdevsim-4vf-configured'));
  assert.deepEqual(
    link?.vfs.map(({ settings }) => settings),
    other?.vfs.map(({ settings }) => settings),
  );
});

test('a link without VFs is none of those', () => {
  assert.deepEqual(vfsOf(bytesOf('netdevsim-no-vf')), []);
  assert.deepEqual(vfsOf(bytesOf('veth-host')), []);
});

test('a driver that tells of no VF has a list without one', () => {
  assert.deepEqual(parse(linkBody({ numVf: 3 })), { ifindex: 7, name: 'pf0', declared: 3, vfs: [] });
});

/** The recorded overflow; the addresses of its VFs are made known. */
function overflowing(): { readonly body: Buffer; readonly entries: readonly number[] } {
  const message = [...messagesOf(bytesOf(OVERFLOW))].find((one) => parseLink(one)?.name === 'eth1');
  assert.ok(message);
  const body = Buffer.from(message.body);
  // an entry of 296 bytes, in it first IFLA_VF_MAC of 40
  const header = Buffer.from([0x28, 0x01, 0x01, 0x00, 0x28, 0x00, 0x01, 0x00]);
  const entries: number[] = [];
  for (let at = body.indexOf(header); at >= 0; at = body.indexOf(header, at + 1)) {
    body.writeUIntBE(0x02_00_00_00_00_00 + entries.length, at + header.length + 4, 6);
    entries.push(at);
  }
  assert.equal(entries.length, 256);
  return { body, entries };
}
const indicesOf = (link: LinkVfs | undefined) => link?.vfs.map(({ index }) => index);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test('of a list that overflows its length every VF is found', () => {
  const link = parse(overflowing().body);
  assert.equal(link?.declared, 256);
  assert.deepEqual(
    link.vfs.map(({ index, settings: { mac }, counters }) => [index, mac, counters?.size]),
    upTo(256).map((index) => [index, `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`, 8]),
  );
  assert.equal(link.parentDevice, 'netdevsim2');
});

test('a list that ends elsewhere than its length lets expect is read as far as it says', () => {
  for (const damage of [
    ({ body, entries: [, at = 0] }: ReturnType<typeof overflowing>) => body.subarray(0, at + 40 * 296), // cut
    ({ body, entries }: ReturnType<typeof overflowing>) => (body.writeUInt16LE(5, (entries[200] ?? 0) + 2), body), // a type
    ({ body, entries }: ReturnType<typeof overflowing>) => (body.writeUInt32LE(3, (entries[200] ?? 0) + 8), body), // an index
    ({ body, entries }: ReturnType<typeof overflowing>) => (body.writeUInt16LE(2, entries[200] ?? 0), body), // a length
    ({ body, entries }: ReturnType<typeof overflowing>) => (body.writeUInt16LE(9, (entries[200] ?? 0) + 6), body), // no address
  ]) {
    const link = parse(damage(overflowing()));
    assert.deepEqual(indicesOf(link), upTo(34), String(damage));
    assert.equal(link?.parentDevice, undefined, String(damage));
  }
});

test('a VF that the kernel left out of a list that overflows is not there, the others are', () => {
  const { body, entries } = overflowing();
  const at = entries[100] ?? 0;
  const list = (entries[0] ?? 0) - 4;
  const shorter = Buffer.concat([body.subarray(0, at), body.subarray(at + 296)]);
  shorter.writeUInt16LE(shorter.readUInt16LE(list) - 296, list);
  const link = parse(shorter);
  assert.deepEqual(
    indicesOf(link),
    upTo(256).filter((index) => index !== 100),
  );
  assert.equal(link?.parentDevice, 'netdevsim2');
});

test('a list that is short of VFs takes none from behind it', () => {
  const body = linkBody({
    numVf: 4,
    vfs: [vfInfo(0), vfInfo(2)],
    behind: [vfInfo(3), encodeAttribute(PARENT_DEVICE, Buffer.from('0000:01:00.0\0'))],
  });
  const link = parse(body);
  assert.deepEqual(indicesOf(link), [0, 2]);
});

test('of two entries of one VF the first is meant, and one beyond the number of VFs is none', () => {
  const mac = (last: number) => Buffer.from([2, 0, 0, 0, 0, last]);
  const link = parse(linkBody({ numVf: 2, vfs: [vfInfo(1, mac(1)), vfInfo(0), vfInfo(1, mac(9)), vfInfo(2)] }));
  assert.deepEqual(
    link?.vfs.map(({ index, settings }) => [index, settings.mac]),
    [
      [1, '02:00:00:00:00:01'],
      [0, undefined],
    ],
  );
});

test('an empty list and one whose entries are no VFs have none', () => {
  assert.deepEqual(indicesOf(parse(linkBody({ numVf: 2, vfs: [] }))), []);
  assert.deepEqual(indicesOf(parse(linkBody({ numVf: 2, vfs: [encodeAttribute(1, Buffer.alloc(0))] }))), []);
  const short = encodeAttribute(1, encodeAttribute(1, Buffer.from([0, 0])));
  assert.deepEqual(indicesOf(parse(linkBody({ numVf: 2, vfs: [short] }))), []);
});

test('what a driver does not support is no setting', () => {
  const unknown = 0xffff_ffff;
  const settings = [4, 9].map((type) => vfSetting(type, 0, unknown));
  const link = parse(linkBody({ numVf: 1, vfs: [vfInfo(0, Buffer.alloc(6), ...settings, vfSetting(5, 0, 7))] }));
  assert.deepEqual(link?.vfs, [{ index: 0, settings: {} }]);
});

test('a kernel without both rates tells the largest', () => {
  const link = parse(linkBody({ numVf: 1, vfs: [vfInfo(0, Buffer.alloc(6), vfSetting(3, 0, 500))] }));
  assert.deepEqual(link?.vfs[0]?.settings, { maxTransmitRateMbps: 500 });
});

test('an InfiniBand address is as long as that of the PF, and none of the VF where it is that', () => {
  const own = Buffer.from(Array.from({ length: 20 }, (_, n) => n));
  const other = Buffer.from(own).fill(0xab, 12);
  const link = parse(linkBody({ numVf: 2, address: own, vfs: [vfInfo(0, own), vfInfo(1, other)] }));
  assert.deepEqual(
    link?.vfs.map(({ settings }) => settings),
    [{}, { mac: '00:01:02:03:04:05:06:07:08:09:0a:0b:ab:ab:ab:ab:ab:ab:ab:ab' }],
  );
});

test('an address of a length that no VF has is none', () => {
  for (const length of [0, 5, 21, 32]) {
    const link = parse(linkBody({ numVf: 1, address: Buffer.alloc(length, 1), vfs: [vfInfo(0, Buffer.alloc(32, 2))] }));
    assert.deepEqual(link?.vfs, [{ index: 0, settings: {} }], String(length));
  }
});

test('counters that are cut or unknown are none', () => {
  const stats = encodeAttribute(
    VF_STATS,
    Buffer.concat([
      encodeAttribute(6, Buffer.alloc(8)),
      encodeAttribute(0, Buffer.alloc(7)),
      encodeAttribute(9, Buffer.alloc(8)),
    ]),
  );
  const link = parse(linkBody({ numVf: 1, vfs: [vfInfo(0, Buffer.alloc(6), stats)] }));
  assert.deepEqual(link?.vfs, [{ index: 0, settings: {} }]);
});

test('messages of another kind, a family of its own and a link without a name are passed over', () => {
  const body = linkBody({ numVf: 1, vfs: [vfInfo(0)] });
  assert.ok(parse(body));
  assert.equal(parseVfs({ type: MESSAGE.delLink, body }), undefined);
  assert.equal(parse(body.subarray(0, 15)), undefined);
  assert.equal(parse(linkBody({ numVf: 1, name: '' })), undefined);
  assert.equal(parse(linkBody({ numVf: 1, ifindex: 0 })), undefined);
  const bridge = Buffer.from(body);
  bridge.writeUInt8(7, 0); // AF_BRIDGE
  assert.equal(parse(bridge), undefined);
});

test('requests ask for the VFs, of one link or of all', () => {
  const mask = encodeInt32(29, 1);
  assert.deepEqual(vfRequest(9), { type: 18, flags: 1, body: Buffer.concat([u32(0), u32(9), u32(0), u32(0), mask]) });
  assert.deepEqual(vfDumpRequest(), { type: 18, flags: 0x301, body: Buffer.concat([Buffer.alloc(16), mask]) });
});
