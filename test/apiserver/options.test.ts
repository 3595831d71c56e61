import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiserverProgram } from '../../apiserver/options.js';
import { parseOptions } from '../../runtime/options/parse.js';

const parse = (argv: readonly string[], env: Record<string, string> = {}) =>
  parseOptions(apiserverProgram('0.0.0'), argv, env);

test('no family of a predecessor is served unless asked for', () => {
  const compatOf = (...[argv, env]: Parameters<typeof parse>) => {
    const parsed = parse(argv, env);
    assert.equal(parsed.kind, 'run');
    return parsed.options.compat;
  };
  assert.deepEqual(compatOf([]), []);
  assert.deepEqual(compatOf(['--compat=prometheus-network-shim']), ['prometheus-network-shim']);
  const both = ['network-metrics-daemon', 'prometheus-network-shim'];
  assert.deepEqual(compatOf([], { PODNET_COMPAT: both.join(', ') }), both);
});

test('a predecessor that nobody knows is refused with those that are', () => {
  const refused = (from: string) => ({
    kind: 'refuse',
    errors: [
      `${from}: must be some of network-metrics-daemon, prometheus-network-shim, sriov-network-metrics-exporter, net-exporter, cni-metrics-helper, or all, not "shim"`,
    ],
  });
  assert.deepEqual(parse(['--compat', 'network-metrics-daemon,shim']), refused('--compat'));
  assert.deepEqual(parse([], { PODNET_COMPAT: 'shim' }), refused('PODNET_COMPAT'));
});

test('no series of a pod is left out unless asked for', () => {
  const maxOf = (argv: readonly string[]) => {
    const parsed = parse(argv);
    assert.equal(parsed.kind, 'run');
    return parsed.options.maxSeries;
  };
  assert.equal(maxOf([]), 0);
  assert.equal(maxOf(['--max-series=50000']), 50_000);
});
