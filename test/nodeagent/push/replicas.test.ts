import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEndpointSlice } from '../../../nodeagent/endpoints/endpoint-slice.js';
import { replicasOf, type Replicas } from '../../../nodeagent/push/replicas.js';
import { endpoint, slice } from '../../support/probe-objects.js';

const PORTS = [
  { name: 'metrics', protocol: 'TCP', port: 9100 },
  { name: 'https', protocol: 'TCP', port: 10250 },
];
const SERVICE = { namespace: 'podnet-system', name: 'podnet-apiserver' };

function found(...slices: object[]): Replicas {
  const decoded = slices.flatMap((object) => decodeEndpointSlice(object) ?? []);
  assert.equal(decoded.length, slices.length);
  return replicasOf(decoded, SERVICE);
}

function servers(...slices: object[]): string[] {
  const { targets } = found(...slices);
  for (const { certifiedName } of targets) assert.equal(certifiedName, 'podnet-apiserver.podnet-system.svc');
  return targets.map(({ server }) => server);
}

test('replicas that are not ready are among them, those being deleted are not', () => {
  const starting = endpoint('b', '10.0.0.2', { ready: false });
  const going = endpoint('c', '10.0.0.3', { ready: false, serving: true, terminating: true });
  const origins = servers(slice([starting, endpoint('a', '10.0.0.1'), going], PORTS));
  assert.deepEqual(origins, ['https://10.0.0.1:10250', 'https://10.0.0.2:10250']);
});

test('two replicas of one node are two', () => {
  const origins = servers(slice([endpoint('a', '10.0.0.1'), endpoint('a', '10.0.0.2', { pod: 'other' })], PORTS));
  assert.equal(origins.length, 2);
});

test('an old slice does not bring back one that is being deleted', () => {
  const going = slice([endpoint('a', '10.0.0.1', { terminating: true })], PORTS);
  assert.deepEqual(servers(going, slice([endpoint('a', '10.0.0.1')], PORTS)), []);
});

test('a replica with addresses of both families is pushed to once, by IPv4', () => {
  const six = slice([endpoint('a', 'fd00::1'), endpoint('b', 'fd00::2')], PORTS, 'IPv6');
  const origins = servers(six, slice([endpoint('a', '10.0.0.1')], PORTS));
  assert.deepEqual(origins, ['https://10.0.0.1:10250', 'https://[fd00::2]:10250']);
});

test('without a port named https the first is taken, without any the replica is left out', () => {
  const first = slice([endpoint('a', '10.0.0.1')], [{ name: '', protocol: 'TCP', port: 6443 }]);
  assert.deepEqual(servers(first, slice([endpoint('b', '10.0.0.2')], [])), ['https://10.0.0.1:6443']);
});

test('however many there are said to be, no more than 32 are pushed to, and the others are counted', () => {
  const many = Array.from({ length: 200 }, (_, i) => endpoint(`n${i}`, `10.0.0.${i}`));
  const { targets, tooMany, withoutPort } = found(slice(many, PORTS));
  assert.deepEqual([targets.length, tooMany, withoutPort], [32, 168, 0]);
});

test('a replica without a port is counted, unless another slice has one or it is being deleted', () => {
  const portless = [
    endpoint('a', '10.0.0.1'),
    endpoint('b', '10.0.0.2'),
    endpoint('c', '10.0.0.3', { terminating: true }),
  ];
  const { targets, withoutPort } = found(slice(portless, []), slice([endpoint('a', '10.0.0.1')], PORTS));
  assert.deepEqual([targets.length, withoutPort], [1, 1]);
});
