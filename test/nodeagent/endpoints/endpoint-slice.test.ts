import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeEndpointSlice } from '../../../nodeagent/endpoints/endpoint-slice.js';
import { endpoint, slice } from '../../support/probe-objects.js';

const decode = (endpoints: readonly unknown[], addressType = 'IPv4', ports: unknown = []) =>
  decodeEndpointSlice({ metadata: { name: 's' }, addressType, endpoints, ports });
const problemsOf = (endpoints: readonly unknown[]) => [...(decode(endpoints)?.problems ?? [])];

test('an endpoint is kept with its node, zone, pod and conditions', () => {
  const decoded = decodeEndpointSlice(slice([endpoint('a', '10.0.0.1', { zone: 'z1', ready: false })]));
  assert.deepEqual(decoded, {
    endpoints: [
      {
        address: '10.0.0.1',
        ...{ isReady: false, isServing: false, isTerminating: false, node: 'a', zone: 'z1' },
        pod: { namespace: 'podnet-system', name: 'p-a', uid: 'u-p-a' },
      },
    ],
    ports: [{ name: 'probe', protocol: 'TCP', port: 9809 }],
    problems: new Map(),
  });
});

test('conditions that are not told mean ready, and not terminating', () => {
  for (const conditions of [undefined, null, {}, { ready: null }, { ready: 'no', terminating: 'yes' }]) {
    const [found] = decode([{ addresses: ['10.0.0.1'], conditions }])?.endpoints ?? [];
    assert.deepEqual([found?.isReady, found?.isServing, found?.isTerminating], [true, true, false]);
  }
});

test('an address published although it is not ready is not serving', () => {
  const [found] = decode([endpoint('a', '10.0.0.1', { ready: true, serving: false })])?.endpoints ?? [];
  assert.deepEqual([found?.isReady, found?.isServing], [true, false]);
});

test('only an address of the family of the slice is one', () => {
  const bad = [[], null, undefined, ['x'], [7], ['fd00::1'], ['10.0.0.1/24'], 'x'];
  assert.deepEqual(problemsOf(bad.map((addresses) => ({ addresses }))), [['no_address', bad.length]]);
  assert.equal(decode([{ addresses: ['10.0.0.1', 'fd00::1', 'fd00::2'] }], 'IPv6')?.endpoints[0]?.address, 'fd00::1');
  const late = [...Array<string>(100).fill('x'), '10.0.0.1'];
  assert.deepEqual(problemsOf([{ addresses: late }]), [['no_address', 1]]);
});

test('a bad entry costs itself, and what is bad in one what it tells', () => {
  const addresses = ['10.0.0.1'];
  const good = endpoint('a', '10.0.0.9');
  const found = decode([
    ...[null, 'x', [], good, { addresses, nodeName: 'a b', zone: 'z z', targetRef: { kind: 'Node', name: 'n' } }],
    ...[
      { addresses, nodeName: 7, zone: 7, targetRef: { kind: 'Pod', name: 'n', namespace: 'N' } },
      { addresses, targetRef: { kind: 'Pod', name: 'n', namespace: 'ns', uid: 7 } },
    ],
  ]);
  assert.deepEqual([...(found?.problems ?? [])], [['bad_entry', 3]]);
  assert.deepEqual(
    found?.endpoints.map(({ node, zone, pod }) => [node, zone, pod?.uid]),
    [
      ['a', '', 'u-p-a'],
      ['', '', undefined],
      ['', '', undefined],
      ['', '', ''],
    ],
  );
});

test('more endpoints than the API takes are left out and counted', () => {
  const found = decode(Array<object>(1_003).fill(endpoint('a', '10.0.0.1')));
  assert.deepEqual([found?.endpoints.length, [...(found?.problems ?? [])]], [1_000, [['too_many', 3]]]);
});

test('a slice of names has no endpoints, and nothing is wrong', () => {
  const found = decode([{ addresses: ['a.example.com'] }], 'FQDN');
  assert.deepEqual([found?.endpoints, found?.problems.size], [[], 0]);
});

test('lists that are null are empty, and what is no slice is none', () => {
  assert.deepEqual(decodeEndpointSlice({ addressType: 'IPv6', endpoints: null, ports: null })?.endpoints, []);
  for (const object of [null, 7, {}, { addressType: 7 }, { addressType: 'IPX', endpoints: [] }]) {
    assert.equal(decodeEndpointSlice(object), undefined);
  }
  assert.equal(decodeEndpointSlice({ addressType: 'IPv4', endpoints: {} }), undefined);
  assert.equal(decodeEndpointSlice({ addressType: 'IPv4', endpoints: [], ports: 'x' }), undefined);
});

test('ports have a protocol and a number, or are none', () => {
  const ports = [
    { port: 1 },
    { name: 'a', protocol: 'UDP', port: 65_535 },
    ...[null, 'x', {}, { port: '80' }, { port: 0 }, { port: 65_536 }, { port: 1.5 }],
  ];
  assert.deepEqual(decode([], 'IPv4', ports)?.ports, [
    { name: '', protocol: 'TCP', port: 1 },
    { name: 'a', protocol: 'UDP', port: 65_535 },
  ]);
});

test('whatever comes, nothing is thrown', () => {
  const listed = fc.array(
    fc.oneof(fc.jsonValue(), fc.record({ addresses: fc.jsonValue(), targetRef: fc.jsonValue() })),
  );
  fc.assert(
    fc.property(
      fc.oneof(listed, fc.jsonValue()),
      fc.constantFrom('IPv4', 'IPv6', 'FQDN', ''),
      (endpoints, addressType) => {
        decodeEndpointSlice({ addressType, endpoints, ports: endpoints });
      },
    ),
  );
});
