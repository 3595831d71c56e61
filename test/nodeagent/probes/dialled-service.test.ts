import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeDialledService } from '../../../nodeagent/probes/dialled-service.js';
import { service } from '../../support/probe-objects.js';

const addressesOf = (object: unknown) =>
  decodeDialledService(object)?.addresses.map(({ host, port }) => `${host} ${port}`);

test('a Service is dialled at its own addresses, at the port of the name or the first of TCP', () => {
  const [http, probe, udp] = [
    { name: 'http', port: 80 },
    { name: 'probe', protocol: 'TCP', port: 9 },
    { name: 'probe', protocol: 'UDP', port: 5 },
  ];
  assert.deepEqual(addressesOf(service(['10.96.0.9', 'fd00::9'], [udp, http, probe])), ['10.96.0.9 9', 'fd00::9 9']);
  assert.deepEqual(addressesOf(service(['10.96.0.9'], [udp, http])), ['10.96.0.9 80']);
  assert.deepEqual(addressesOf(service(['10.96.0.9'], [udp])), []);
  assert.deepEqual(addressesOf({ spec: { clusterIP: '10.96.0.9', ports: [http] } }), ['10.96.0.9 80']);
});

test('a Service without an address of its own is not dialled', () => {
  assert.deepEqual(addressesOf(service(['None'])), []);
  assert.deepEqual(addressesOf({ spec: { ports: [{ port: 80 }] } }), []);
  assert.deepEqual(
    addressesOf({ spec: { type: 'ExternalName', externalName: 'x', clusterIP: '10.96.0.9', ports: [{ port: 80 }] } }),
    [],
  );
  assert.deepEqual(addressesOf({ spec: { clusterIPs: 'x', ports: 7, selector: [] } }), []);
});

test('the selector is kept, and what is no Service is none', () => {
  assert.deepEqual(decodeDialledService(service(['None']))?.selector, { app: 'podnet-probe' });
  for (const object of [null, 7, {}, { spec: [] }]) assert.equal(decodeDialledService(object), undefined);
});
