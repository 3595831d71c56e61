import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { choosePods } from '../../../nodeagent/probes/endpoint-pods.js';
import { decodeEndpointSlice, type EndpointSlice } from '../../../nodeagent/endpoints/endpoint-slice.js';
import { renderHostPort } from '../../../runtime/options/kinds.js';
import { endpoint, slice } from '../../support/probe-objects.js';

type Slices = Readonly<Record<string, object>>;

function decoded(slices: Slices): Map<string, EndpointSlice> {
  return new Map(
    Object.entries(slices).map(([name, object]) => [name, decodeEndpointSlice(object) ?? assert.fail(name)]),
  );
}

/** `<node> <pod> <addresses>` of each, with `!` where it is not ready. */
function chosen(slices: Slices, usualPort = 9): string[] {
  return choosePods(decoded(slices), usualPort).pods.map(
    ({ node, pod, addresses, isServing }) =>
      `${node} ${pod?.name ?? '-'}${isServing ? '' : '!'} ${addresses.map(renderHostPort).join('+')}`,
  );
}

const ipv6 = (endpoints: readonly object[]) => slice(endpoints, [{ name: 'probe', port: 9809 }], 'IPv6');

test('there is one for each node, in the order of their names', () => {
  const endpoints = ['c', 'a', 'B', 'b'].map((node, i) => endpoint(node, `10.0.0.${i + 1}`));
  assert.deepEqual(chosen({ s1: slice(endpoints.slice(0, 2)), s2: slice(endpoints.slice(2)) }), [
    ...['B p-B 10.0.0.3:9809', 'a p-a 10.0.0.2:9809', 'b p-b 10.0.0.4:9809', 'c p-c 10.0.0.1:9809'],
  ]);
});

test('addresses of both families are those of one pod', () => {
  const slices = {
    four: slice([endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.2'), endpoint('c', '10.0.0.3', { pod: 'old' })]),
    six: ipv6([endpoint('a', 'fd00::1'), endpoint('c', 'fd00::3', { pod: 'new' }), endpoint('d', 'fd00::4')]),
  };
  assert.deepEqual(chosen(slices), [
    'a p-a 10.0.0.1:9809+[fd00::1]:9809',
    'b p-b 10.0.0.2:9809',
    'c new [fd00::3]:9809',
    'd p-d [fd00::4]:9809',
  ]);
});

test('an endpoint that two slices have is one', () => {
  const twice = { s1: slice([endpoint('a', '10.0.0.1')]), s2: slice([endpoint('a', '10.0.0.1')]) };
  assert.deepEqual(chosen(twice), ['a p-a 10.0.0.1:9809']);
});

test('what one slice knows to be going is not kept by an older one', () => {
  const going = {
    s1: slice([endpoint('a', '10.0.0.1')]),
    s2: slice([endpoint('a', '10.0.0.1', { terminating: true })]),
  };
  assert.deepEqual(chosen(going), []);
  const acrossFamilies = {
    four: slice([endpoint('a', '10.0.0.1', { terminating: true })]),
    six: ipv6([endpoint('a', 'fd00::1')]),
  };
  assert.deepEqual(chosen(acrossFamilies), []);
});

test('of a rolling update the one that is not going is taken', () => {
  const old = { pod: 'p-1', terminating: true, ready: false, serving: true };
  const update = [endpoint('a', '10.0.0.1', old), endpoint('a', '10.0.0.2', { pod: 'p-2', ready: false })];
  assert.deepEqual(chosen({ s: slice(update) }), ['a p-2! 10.0.0.2:9809']);
  assert.deepEqual(chosen({ s: slice(update.slice(0, 1)) }), []);
});

test('with a surge the ready one is taken, else the first by name', () => {
  const surge = (first: boolean, second: boolean) =>
    slice([
      endpoint('a', '10.0.0.2', { pod: 'p-2', ready: second }),
      endpoint('a', '10.0.0.1', { pod: 'p-1', ready: first }),
    ]);
  assert.deepEqual(chosen({ s: surge(true, false) }), ['a p-1 10.0.0.1:9809']);
  assert.deepEqual(chosen({ s: surge(false, true) }), ['a p-2 10.0.0.2:9809']);
  assert.deepEqual(chosen({ s: surge(true, true) }), ['a p-1 10.0.0.1:9809']);
  assert.deepEqual(chosen({ s: surge(false, false) }), ['a p-1! 10.0.0.1:9809']);
});

test('an endpoint that no node is told of is counted, and no peer', () => {
  const { nodeName: _node, ...homeless } = endpoint('x', '10.0.0.9');
  const { pods, problems } = choosePods(decoded({ s: slice([homeless, endpoint('a', '10.0.0.1')]) }), 9);
  assert.deepEqual([pods.map(({ node }) => node), [...problems]], [['a'], [['no_node', 1]]]);
});

test('endpoints written by hand, without a pod, are one for each node', () => {
  const byHand = (address: string, terminating = false) => {
    const { targetRef: _pod, ...rest } = endpoint('a', address, { terminating });
    return rest;
  };
  const slices = { four: slice([byHand('10.0.0.9', true), byHand('10.0.0.1')]), six: ipv6([byHand('fd00::1')]) };
  assert.deepEqual(chosen(slices), ['a - 10.0.0.1:9809+[fd00::1]:9809']);
});

test('the port is that of the name, else the first of TCP, else the usual one', () => {
  const at = (...ports: object[]) => chosen({ s: slice([endpoint('a', '10.0.0.1')], ports) }).join();
  const [udp, first, probe] = [
    { name: 'probe', protocol: 'UDP', port: 1 },
    { name: 'x', port: 2 },
    { name: 'probe', port: 3 },
  ];
  assert.equal(at(udp, first, probe), 'a p-a 10.0.0.1:3');
  assert.equal(at(udp, first), 'a p-a 10.0.0.1:2');
  assert.equal(at(udp), 'a p-a 10.0.0.1:9');
  const { pods, problems } = choosePods(decoded({ s: slice([endpoint('a', '10.0.0.1')], []) }), 0);
  assert.deepEqual([pods, [...problems]], [[], [['no_port', 1]]]);
});

test('the zone is that of whichever slice knows it', () => {
  const slices = { four: slice([endpoint('a', '10.0.0.1')]), six: ipv6([endpoint('a', 'fd00::1', { zone: 'z' })]) };
  assert.equal(choosePods(decoded(slices), 9).pods[0]?.zone, 'z');
});

test('the same slices in any order of arrival give the same choice', () => {
  const endpoints = fc.array(
    fc.record({
      node: fc.constantFrom('a', 'b', 'c'),
      host: fc.integer({ min: 1, max: 9 }),
      pod: fc.constantFrom('p-1', 'p-2', 'p-3'),
      ready: fc.boolean(),
      terminating: fc.boolean(),
    }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(fc.array(endpoints, { maxLength: 4 }), (lists) => {
      const slices = lists.map((list, i): [string, object] => [
        `s${i}`,
        slice(
          list.map(({ node, host, pod, ...parts }) =>
            endpoint(node, `10.0.0.${host}`, { ...parts, pod: `${node}-${pod}` }),
          ),
        ),
      ]);
      assert.deepEqual(chosen(Object.fromEntries(slices)), chosen(Object.fromEntries(slices.reverse())));
    }),
  );
});

test('ten thousand nodes are the most', () => {
  const slices = Array.from({ length: 11 }, (_, s): [string, object] => [
    `s${s}`,
    slice(Array.from({ length: 1_000 }, (__, i) => endpoint(`n${s * 1_000 + i}`, `10.${s}.${i >> 8}.${i & 255}`))),
  ]);
  const { pods, problems } = choosePods(decoded(Object.fromEntries(slices)), 9);
  assert.deepEqual([pods.length, [...problems]], [10_000, [['too_many', 1_000]]]);
});
