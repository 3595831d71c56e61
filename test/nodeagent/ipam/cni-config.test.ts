import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCachedCniConfig, parseCniConfig, type CniConfig } from '../../../nodeagent/ipam/cni-config.js';
import { directoryOf } from '../../../nodeagent/ipam/cni-config-files.js';
import { plugin, type Json } from '../../support/host-local-bed.js';

const IPAM = { ranges: [[{ subnet: '10.1.0.0/24' }]] };
const RANGE = '10.1.0.2-10.1.0.254';

const summary = ({ sections, problems }: CniConfig) => [
  ...sections.map(({ network, ranges }) => `${network} ${ranges.map(({ label }) => label).join(',')}`),
  ...problems,
];
const found = (config: unknown, ipRanges?: unknown) => summary(parseCniConfig(JSON.stringify(config), ipRanges));
const ofIpam = (ipam: Json) => found(plugin('net', ipam));
const cached = (config: Json, more: Json = {}) =>
  summary(
    parseCachedCniConfig(
      JSON.stringify({ kind: 'cniCacheV1', config: Buffer.from(JSON.stringify(config)).toString('base64'), ...more }),
    ),
  );

describe('host-local in a network configuration', () => {
  test('is found in a plugin and in a list', () => {
    assert.deepEqual(found(plugin('net', IPAM)), [`net ${RANGE}`]);
    const list = { name: 'list', plugins: [plugin('own', IPAM), { type: 'portmap' }] };
    assert.deepEqual(found(list), [`list ${RANGE}`]);
  });

  test('is found in what a plugin hands on', () => {
    const multus = {
      name: 'multus-cni-network',
      type: 'multus',
      delegates: [
        { name: 'pods', plugins: [plugin('', IPAM)] },
        { type: 'meta', delegate: plugin('deeper', { subnet: '10.2.0.0/30' }) },
      ],
    };
    assert.deepEqual(found(multus), [`pods ${RANGE}`, 'deeper 10.2.0.2-10.2.0.2']);
    assert.deepEqual(found({ name: 'net', type: 'meta', delegate: { ...plugin('x', IPAM), name: undefined } }), [
      `net ${RANGE}`,
    ]);
  });

  test('of flannel is not believed: it has the ranges from elsewhere', () => {
    const flannel = {
      type: 'flannel',
      ipam: { type: 'host-local', subnet: '10.1.0.0/24' },
      delegate: plugin('x', IPAM),
    };
    assert.deepEqual(found({ name: 'cbr0', plugins: [flannel] }), []);
  });

  test('may have the old form, the new one, or both', () => {
    assert.deepEqual(ofIpam({ subnet: '10.1.0.0/24', gateway: '10.1.0.9', rangeStart: '10.1.0.5' }), [
      'net 10.1.0.5-10.1.0.254',
    ]);
    const both = {
      subnet: '10.1.0.0/24',
      ranges: [[{ subnet: 'fd00::/126' }], [{ subnet: '10.2.0.0/30' }, { subnet: '10.3.0.0/30' }]],
    };
    assert.deepEqual(ofIpam(both), [`net ${RANGE},fd00::2-fd00::3,10.2.0.2-10.2.0.2,10.3.0.2-10.3.0.2`]);
    assert.deepEqual(ofIpam({ SUBNET: '10.1.0.0/24', rangestart: '10.1.0.5', gateway: null }), [
      'net 10.1.0.5-10.1.0.254',
    ]);
  });

  test('whose subnet is only known when a pod is made has no ranges', () => {
    assert.deepEqual(ofIpam({ subnet: 'usePodCidr' }), []);
    assert.deepEqual(ofIpam({ ranges: [[{ subnet: 'usePodCidr' }], [{ subnet: 'usePodCidrIPv6' }]] }), []);
    assert.deepEqual(ofIpam({}), []);
    assert.deepEqual(found({ name: 'net', type: 'calico', ipam: { type: 'calico-ipam' } }), []);
  });

  test('that it refuses costs its network and nothing else', () => {
    const refused: [Json, RegExp][] = [
      [{ subnet: '10.1.0.1/24' }, /^network net: 10.1.0.1\/24 has host bits set$/],
      [{ subnet: 1 }, /subnet is no text/],
      [{ dataDir: [], ...IPAM }, /dataDir is no text/],
      [{ ranges: [{ subnet: '10.1.0.0/24' }] }, /not lists of ranges/],
      [{ ranges: [[]] }, /not lists of ranges/],
      [{ ranges: 'x' }, /not lists of ranges/],
      [{ ranges: [[{}]] }, /no subnet/],
      [{ subnet: '10.1.0.0/24', ...IPAM }, /overlap/],
      [{ ranges: [[{ subnet: '10.1.0.0/24' }, { subnet: 'fd00::/64' }]] }, /IPv4 and IPv6/],
      [{ ranges: Array.from({ length: 65 }, (_, i) => [{ subnet: `10.${i}.0.0/24` }]) }, /more than 64/],
    ];
    for (const [ipam, expected] of refused) {
      const [problem, ...others] = found({
        plugins: [plugin('net', ipam)],
        name: 'net',
        delegates: [plugin('good', IPAM)],
      }).reverse();
      assert.match(problem ?? '', expected);
      assert.deepEqual(others, [`good ${RANGE}`]);
    }
  });

  test('of a name that is no directory is not looked for', () => {
    for (const name of ['', '..', '../etc', 'a/b', 'x'.repeat(254)]) assert.deepEqual(found(plugin(name, IPAM)), []);
  });

  test('in what is no configuration is none', () => {
    for (const odd of [
      null,
      1,
      'x',
      [],
      [plugin('net', IPAM)],
      { plugins: 'x' },
      { plugins: [null, 1] },
      { delegate: [] },
    ])
      assert.deepEqual(found(odd), []);
    assert.throws(() => parseCniConfig('{'), SyntaxError);
  });

  test('is looked for to a depth, and a number, that has an end', () => {
    const deep = Array.from({ length: 100 }).reduce<Json>(
      (inner) => ({ name: 'n', delegate: inner }),
      plugin('net', IPAM),
    );
    assert.deepEqual(found(deep), []);
    const many = { delegates: Array.from({ length: 1_000 }, (_, i) => plugin(`net${i}`, IPAM)) };
    assert.equal(found(many).length, 256);
  });
});

describe('a file of the cache of libcni', () => {
  test('has the configuration, and what the runtime added to it', () => {
    assert.deepEqual(cached(plugin('net', IPAM)), [`net ${RANGE}`]);
    const capabilityArgs = { ipRanges: [[{ subnet: '10.9.0.0/24' }]] };
    assert.deepEqual(cached(plugin('net', {}, { capabilities: { ipRanges: true } }), { capabilityArgs }), [
      'net 10.9.0.2-10.9.0.254',
    ]);
    assert.deepEqual(cached(plugin('net', IPAM), { capabilityArgs }), [`net ${RANGE}`]);
  });

  test('that is none of the kind tells nothing', () => {
    assert.deepEqual(cached(plugin('net', IPAM), { kind: 'other' }), []);
    assert.deepEqual(cached(plugin('net', IPAM), { config: 1 }), []);
    assert.throws(() => cached({}, { config: 'AAAA' }), SyntaxError);
  });
});

test('the state of a network is where its dataDir says, if that is mounted', () => {
  const at = (dataDir: string | undefined, networksPath: string) =>
    directoryOf({ network: 'net', dataDir, ranges: [] }, networksPath);
  assert.equal(at(undefined, '/var/lib/cni/networks'), 'net');
  assert.equal(at(undefined, '/host/cni'), 'net');
  assert.equal(at('/var/lib/cni/networks/', '/host/cni'), 'net');
  assert.equal(at('/run/cni/x', '/run/cni/x'), 'net');
  assert.equal(at('/run/cni/x', '/host/run/cni/x/'), 'net');
  assert.equal(at('/var/lib/cni/networks/own', '/var/lib/cni/networks'), 'own/net');
  assert.equal(at('/run/cni/x/a/../b', '/host/run/cni/x'), 'b/net');
  assert.equal(at('/run/other', '/run/cni'), undefined);
  assert.equal(at('/var/lib/cni/networks/../../etc', '/var/lib/cni/networks'), undefined);
  assert.equal(at('networks', '/var/lib/cni/networks'), undefined);
  assert.equal(at('/', '/var/lib/cni/networks'), undefined);
});
