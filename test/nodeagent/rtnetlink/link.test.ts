import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLink, parseLinkEvent, type Link } from '../../../nodeagent/rtnetlink/link.js';
import {
  MESSAGE,
  attributeMap,
  attributesOf,
  encodeInt32,
  encodeMessage,
  messagesOf,
} from '../../../nodeagent/rtnetlink/messages.js';
import { parseNsid } from '../../../nodeagent/rtnetlink/nsid.js';

const FIXTURES = 'test/fixtures/rtnetlink';
const ADDRESS = 1;

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address?: string;
  readonly link?: string | null;
  readonly link_index?: number;
  readonly link_netnsid?: number;
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string };
}

function linksOf(file: string): Link[] {
  return [...messagesOf(readFileSync(`${FIXTURES}/${file}`))].flatMap((message) => parseLink(message) ?? []);
}

for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith('.ip.json'))) {
  const name = file.slice(0, -'.ip.json'.length);
  test(`links of ${name} are those that ip tells`, () => {
    const links = linksOf(`${name}.bin`);
    const nameOf = (ifindex: number | undefined) => links.find((link) => link.ifindex === ifindex)?.name;
    // ip prints a name of its own namespace for `link`, else the number
    const told = JSON.parse(readFileSync(`${FIXTURES}/${file}`, 'utf8')) as IpLink[];
    assert.deepEqual(
      links.map((link) => [
        ...[link.ifindex, link.name, link.kind, nameOf(link.master), link.linkNetnsid],
        link.linkNetnsid === undefined ? undefined : link.link,
      ]),
      told.map((link) => [
        ...[link.ifindex, link.ifname, link.linkinfo?.info_kind, link.master, link.link_netnsid],
        link.link_index,
      ]),
    );
  });
}

test('an address that overflowed out of a list of VFs is not taken for the own', () => {
  const name = 'netdevsim-256vf-nla_len-overflow';
  const message = [...messagesOf(readFileSync(`${FIXTURES}/${name}.bin`))].find(
    (one) => parseLink(one)?.name === 'eth1',
  );
  const attributes = message?.body.subarray(16) ?? Buffer.alloc(0);
  // 34 of 256 VFs are in the list; the others, attributes of type 1 too, stand behind it
  assert.equal([...attributesOf(attributes)].filter(({ type }) => type === ADDRESS).length, 1 + 256 - 34);
  const told = JSON.parse(readFileSync(`${FIXTURES}/${name}.ip.json`, 'utf8')) as IpLink[];
  const address = attributeMap(attributes, new Set([ADDRESS]))
    .get(ADDRESS)
    ?.toString('hex')
    .replace(/..(?=.)/g, '$&:');
  assert.equal(address, told.find(({ ifname }) => ifname === 'eth1')?.address);
});

test('ids of namespaces are those of the recorded dump', () => {
  const ids = (file: string) => [...messagesOf(readFileSync(`${FIXTURES}/${file}`))].map((one) => parseNsid(one));
  assert.deepEqual(
    ids('nsid-host.bin').filter((id) => id !== undefined),
    [0, 1, 2],
  );
});

test('a namespace without an id has none', () => {
  const body = Buffer.concat([Buffer.alloc(4), encodeInt32(1, -1)]);
  assert.equal(parseNsid({ type: MESSAGE.newNsid, body }), undefined);
});

test('whatever bytes come, attributes lie within them and parsing ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const body = Buffer.from(bytes);
      let read = 0;
      for (const { value } of attributesOf(body)) read += value.length + 4;
      assert.ok(read <= body.length);
      const link = parseLink({ type: MESSAGE.newLink, body });
      assert.ok(link === undefined || (link.ifindex > 0 && link.name !== ''));
      parseNsid({ type: MESSAGE.newNsid, body });
    }),
  );
});

test('recorded bytes with some of them changed never crash', () => {
  const recorded = readFileSync(`${FIXTURES}/veth-host.bin`);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(recorded.length - 1), fc.nat(255)), { minLength: 1, maxLength: 30 }),
      fc.nat(recorded.length),
      (changes, length) => {
        const bytes = Buffer.from(recorded.subarray(0, length));
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        try {
          for (const message of messagesOf(bytes)) parseLink(message);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'NODEAGENT_NETLINK_PARSE');
        }
      },
    ),
  );
});

test('a name that is not UTF-8 is written as net/dev is read', () => {
  const name = Buffer.from([6, 0, 3, 0, 0x62, 0xff, 0, 0]);
  const ifinfo = Buffer.alloc(16);
  ifinfo.writeInt32LE(7, 4);
  assert.equal(parseLink({ type: MESSAGE.newLink, body: Buffer.concat([ifinfo, name]) })?.name, 'b\\xff');
});

test('a message that claims more than there is ends the parsing with an error', () => {
  const bytes = encodeMessage({ type: 3, flags: 0, body: Buffer.alloc(4) }, 1).subarray(0, 18);
  assert.throws(() => [...messagesOf(bytes)], { code: 'NODEAGENT_NETLINK_PARSE' });
});

test('an event of a bridge about its port is none of the port', () => {
  const name = Buffer.from([7, 0, 3, 0, 0x62, 0x72, 0, 0]);
  const body = Buffer.concat([Buffer.alloc(16), name]);
  body.writeInt32LE(7, 4);
  assert.deepEqual(parseLinkEvent({ type: MESSAGE.newLink, body }), { ifindex: 7, link: { ifindex: 7, name: 'br' } });
  assert.deepEqual(parseLinkEvent({ type: MESSAGE.delLink, body }), { ifindex: 7 });
  body.writeUInt8(7, 0); // AF_BRIDGE
  assert.equal(parseLinkEvent({ type: MESSAGE.newLink, body }), undefined);
  assert.equal(parseLinkEvent({ type: MESSAGE.delLink, body }), undefined);
});
