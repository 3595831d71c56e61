import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStackingWithinLimit, networksBelow, type StackableOnNetwork } from '../../metrics/stacking.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';

/** Interfaces by name, with those below each. */
const stackingOf = (lowers: Readonly<Record<string, readonly string[]>>, networkOf = (_name: string) => '') =>
  new Map(
    Object.entries(lowers).map(([name, lowerDevices]) => [
      name,
      { name, lowerDevices, network: networkOf(name), nadNamespace: '' },
    ]),
  );

const named = <Value>(count: number, value: (i: number) => Value): Record<string, Value> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`i${i}`, value(i)]));

const chain = (count: number) => named(count, (i) => (i + 1 < count ? [`i${i + 1}`] : []));
const chainOf = (count: number) => stackingOf(chain(count));
/** Each on a network of its own. */
const chainOfNetworks = (count: number) => stackingOf(chain(count), (name) => `of-${name}`);
const bridgeWith = (ports: number, vlans: number) =>
  stackingOf({
    ...Object.fromEntries(Array.from({ length: vlans }, (_, i) => [`v${i}`, ['br0']])),
    ...named(ports, () => []),
    br0: Object.keys(named(ports, () => '')),
  });
const meshOf = (count: number, lowers: number) =>
  stackingOf(named(count, (i) => Array.from({ length: lowers }, (_, k) => `i${(i + k + 1) % count}`)));

const ALL = REPORT_LIMITS.interfacesPerPod;
const PORTS = Array.from({ length: 8 }, (_, i) => `port${i}`);
const onBond = named(ALL - 9, () => ['bond0']);

for (const [what, interfaces, expected] of [
  ['no interface', stackingOf({}), true],
  [
    'as many VLANs on a bond of eight as a pod may have',
    stackingOf({ ...onBond, bond0: PORTS, ...Object.fromEntries(PORTS.map((name) => [name, []])) }),
    true,
  ],
  ['twenty VLANs on a bridge of thirty ports', bridgeWith(30, 20), true],
  ['a bridge of many ports', stackingOf({ ...named(ALL - 1, () => []), br0: Object.keys(named(64, () => '')) }), true],
  ['two in a circle', meshOf(2, 1), true],
  ['a chain of 33', chainOf(33), true],
  ['a chain of 34', chainOf(34), false],
  ['a chain of nine networks', chainOfNetworks(9), true],
  ['a chain of ten networks', chainOfNetworks(10), false],
  ['a chain of as many as a pod may have', chainOf(ALL), false],
  ['a full mesh', meshOf(ALL, ALL), false],
  ['a mesh of as many below each as a report may say', meshOf(ALL, 64), false],
  [
    'as many names that no interface has',
    stackingOf({ i0: Object.keys(named(17, () => '')).map((name) => `no-${name}`) }),
    false,
  ],
] as const) {
  test(`${what} is ${expected ? 'within' : 'beyond'} what a report takes`, () => {
    assert.equal(isStackingWithinLimit([...interfaces.values()]), expected);
  });
}

test('an interface is stacked on no network of one that is not counted', () => {
  const named = (name: string, more: Partial<StackableOnNetwork> = {}): [string, StackableOnNetwork] => [
    name,
    { name, network: `of-${name}`, nadNamespace: '', ...more },
  ];
  const all = new Map([
    named('bond0', { lowerDevices: ['vf', 'net2'] }),
    named('vf', { unproven: true }),
    named('net2'),
  ]);
  const bond = all.get('bond0');
  assert.ok(bond);
  assert.deepEqual(
    networksBelow(bond, (name) => all.get(name)).map(({ network }) => network),
    ['of-net2'],
  );
});
