import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { doOverlap, isInRange, parseIp, rangeOf, renderIp, type RangeParts } from '../../../nodeagent/ipam/ip-range.js';

const NONE = { rangeStart: undefined, rangeEnd: undefined, gateway: undefined };
const range = (subnet: string, parts: Partial<RangeParts> = {}) => rangeOf({ subnet, ...NONE, ...parts });
const told = (subnet: string, parts: Partial<RangeParts> = {}) => {
  const { label, size } = range(subnet, parts);
  return [label, size];
};

describe('an address', () => {
  test('of IPv6 is written as URLs have it', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const text = groups.map((one) => one.toString(16)).join(':');
        const address = parseIp(text) ?? assert.fail(text);
        const inUrl = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        if (address.family === 6) assert.equal(renderIp(address), inUrl);
        assert.deepEqual(parseIp(inUrl), address);
        assert.deepEqual(parseIp(renderIp(address)), address);
      }),
    );
  });

  test('of IPv4 is read and written', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        assert.equal(renderIp(parseIp(text) ?? assert.fail(text)), text);
      }),
    );
    assert.deepEqual(parseIp('10.0.0.255'), { family: 4, value: 0x0a00_00ffn });
    assert.deepEqual(parseIp('::ffff:10.0.0.255'), { family: 4, value: 0x0a00_00ffn });
    assert.deepEqual(parseIp('64:ff9b::10.0.0.255'), { family: 6, value: (0x64ff9bn << 96n) | 0x0a00_00ffn });
  });

  test('that is none has no value', () => {
    for (const text of [
      '',
      'lock',
      '10.0.0',
      '10.0.0.256',
      '010.0.0.1',
      '10.0.0.1/24',
      ':::',
      'fe80::1%eth0',
      ' 10.0.0.1',
    ])
      assert.equal(parseIp(text), undefined, text);
  });
});

describe('a range', () => {
  test('without more is the subnet without its network, broadcast and first address', () => {
    assert.deepEqual(told('10.1.0.0/24'), ['10.1.0.2-10.1.0.254', 253n]);
    assert.deepEqual(told('2001:db8::/64'), ['2001:db8::2-2001:db8::ffff:ffff:ffff:ffff', 2n ** 64n - 2n]);
    assert.deepEqual(told('10.1.0.0/30'), ['10.1.0.2-10.1.0.2', 1n]);
    assert.deepEqual(told('0.0.0.0/0'), ['0.0.0.2-255.255.255.254', 2n ** 32n - 3n]);
  });

  test('goes without the gateway, wherever that is', () => {
    assert.deepEqual(told('10.1.0.0/24', { gateway: '10.1.0.254' }), ['10.1.0.1-10.1.0.253', 253n]);
    assert.deepEqual(told('10.1.0.0/24', { gateway: '10.1.0.100' }), ['10.1.0.1-10.1.0.254', 253n]);
    assert.deepEqual(told('10.1.0.0/24', { gateway: '10.2.0.1' }), ['10.1.0.1-10.1.0.254', 254n]);
    assert.deepEqual(told('10.1.0.0/24', { gateway: 'fe80::1' }), ['10.1.0.1-10.1.0.254', 254n]);
    const only = { rangeStart: '10.1.0.1', rangeEnd: '10.1.0.1' };
    assert.deepEqual(told('10.1.0.0/24', only), ['10.1.0.1-10.1.0.1', 0n]);
  });

  test('that host-local refuses is none', () => {
    const refused: [string, Partial<RangeParts>, RegExp][] = [
      ['10.1.0.0/31', {}, /too small/],
      ['10.1.0.1/24', {}, /host bits/],
      ['10.1.0.0', {}, /no subnet/],
      ['10.1.0.0/33', {}, /no subnet/],
      ['10.1.0.0/-1', {}, /no subnet/],
      ['::ffff:10.1.0.0/120', {}, /no subnet/],
      ['10.1.0.0/24', { rangeStart: '10.2.0.5' }, /rangeStart 10.2.0.5 is not in/],
      ['10.1.0.0/24', { rangeEnd: 'fd00::1' }, /rangeEnd fd00::1 is not in/],
      ['10.1.0.0/24', { rangeStart: 'x' }, /no address/],
      ['10.1.0.0/24', { gateway: 'x' }, /no address/],
      ['10.1.0.0/24', { rangeStart: '10.1.0.9', rangeEnd: '10.1.0.8' }, /ends before/],
      ['10.1.0.0/24', { rangeEnd: '10.1.0.0' }, /ends before/],
    ];
    for (const [subnet, parts, expected] of refused) assert.throws(() => range(subnet, parts), expected);
  });

  test('has as many addresses as are in it, and they begin and end as it says', () => {
    const inSubnet = fc.option(fc.integer({ min: 0, max: 63 }), { nil: undefined });
    fc.assert(
      fc.property(inSubnet, inSubnet, inSubnet, fc.boolean(), (start, end, gateway, isV6) => {
        const at = (offset: number) =>
          renderIp(
            isV6
              ? { family: 6, value: (0xfd00n << 112n) + BigInt(offset) }
              : { family: 4, value: 0x0a00_0000n + BigInt(offset) },
          );
        const text = (offset: number | undefined) => (offset === undefined ? undefined : at(offset));
        fc.pre((start ?? 1) <= (end ?? (isV6 ? 63 : 62)));
        const parts = { rangeStart: text(start), rangeEnd: text(end), gateway: text(gateway) };
        const made = range(`${at(0)}/${isV6 ? 122 : 26}`, parts);
        const given = Array.from({ length: 70 }, (_, offset) => at(offset)).filter((one) =>
          isInRange(made, parseIp(one) ?? assert.fail(one)),
        );
        assert.equal(made.size, BigInt(given.length));
        if (given.length > 0) assert.equal(made.label, `${given.at(0)}-${given.at(-1)}`);
        assert.equal(given.includes(at(gateway ?? 1)), false);
      }),
    );
  });

  test('overlaps another where they have an address in common', () => {
    const [low, high] = [
      range('10.1.0.0/24', { rangeEnd: '10.1.0.9' }),
      range('10.1.0.0/24', { rangeStart: '10.1.0.10' }),
    ];
    assert.equal(doOverlap(low, high), false);
    assert.equal(doOverlap(low, range('10.1.0.0/24')), true);
    assert.equal(doOverlap(range('0.0.0.0/0'), range('::/0')), false);
  });
});
