import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostIpOf } from '../../../nodeagent/ipam/options.js';
import { nodeagentProgram } from '../../../nodeagent/options.js';
import { parseOptions } from '../../../runtime/options/parse.js';

const parse = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  parseOptions(nodeagentProgram('0.0.0', 'node-a', hostIpOf(env)), argv, env);

function endpointOf(argv: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const parsed = parse(argv, env);
  return parsed.kind === 'run' ? parsed.options.ipamEndpoint : JSON.stringify(parsed);
}

test('ipamd is asked at the address of the node', () => {
  assert.equal(endpointOf([]), 'http://127.0.0.1:61678/metrics');
  assert.equal(endpointOf([], { HOST_IP: '' }), 'http://127.0.0.1:61678/metrics');
  assert.equal(endpointOf([], { HOST_IP: '10.0.3.7' }), 'http://10.0.3.7:61678/metrics');
  assert.equal(endpointOf([], { HOST_IP: 'fd00::7' }), 'http://[fd00::7]:61678/metrics');
  const own = ['--ipam.endpoint', 'http://localhost:8080/m?x=y'];
  assert.equal(endpointOf(own, { HOST_IP: '10.0.3.7' }), 'http://localhost:8080/m?x=y');
  assert.equal(endpointOf([], { PODNET_IPAM_ENDPOINT: 'http://[::1]/' }), 'http://[::1]/');
});

test('none turns it off', () => {
  assert.equal(endpointOf(['--ipam.endpoint', 'none']), '');
  assert.equal(endpointOf(['--ipam.endpoint=']), '');
});

test('an endpoint is a URL of plain HTTP, and an error does not repeat a password', () => {
  for (const url of [
    'https://a/metrics',
    '10.0.0.1:61678',
    'http://',
    'http://a b/',
    'http://a:99999/',
    'http://a/#x',
  ]) {
    assert.deepEqual(parse(['--ipam.endpoint', url]), {
      kind: 'refuse',
      errors: [`--ipam.endpoint: must be http://host:port/path, or none, not "${url}"`],
    });
  }
  const withSecret = JSON.stringify(parse(['--ipam.endpoint', 'http://user:secret@a/metrics']));
  assert.match(withSecret, /--ipam.endpoint: must be http:\/\/host:port\/path without a user or password/);
  assert.doesNotMatch(withSecret, /secret/);
  assert.match(endpointOf([], { HOST_IP: 'not an address' }), /--ipam.endpoint: must be .*not an address/);
});

test('the times of reading have bounds', () => {
  const timesOf = (...argv: readonly string[]) => {
    const parsed = parse(argv);
    if (parsed.kind === 'run') return [parsed.options.ipamInterval, parsed.options.ipamTimeout];
    return parsed.kind === 'refuse' ? parsed.errors : [];
  };
  assert.deepEqual(timesOf(), [15_000, 5_000]);
  assert.deepEqual(timesOf('--ipam.interval', '1s', '--ipam.timeout', '100ms'), [1_000, 100]);
  assert.deepEqual(timesOf('--ipam.interval', '5m', '--ipam.timeout', '1m'), [300_000, 60_000]);
  assert.deepEqual(timesOf('--ipam.interval', '999ms', '--ipam.timeout', '99ms'), [
    '--ipam.interval: must be between 1s and 5m, not 999ms',
    '--ipam.timeout: must be between 100ms and 60s, not 99ms',
  ]);
  assert.deepEqual(timesOf('--ipam.interval', '6m'), ['--ipam.interval: must be between 1s and 5m, not 6m']);
});

test('the directories of CNI have their usual places, and can be turned off', () => {
  const pathsOf = (...argv: readonly string[]) => {
    const parsed = parse(argv);
    assert.equal(parsed.kind, 'run');
    return [parsed.options.pathCniNetworks, parsed.options.pathCniConf, parsed.options['collector.ipam']];
  };
  assert.deepEqual(pathsOf(), ['/var/lib/cni/networks', '/etc/cni/net.d', true]);
  const off = ['--path.cni-networks', 'none', '--path.cni-conf=none', '--no-collector.ipam'];
  assert.deepEqual(pathsOf(...off), ['', '', false]);
});
