import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distinctServers, nodeagentProgram } from '../../nodeagent/options.js';
import { parseOptions } from '../../runtime/options/parse.js';

const parse = (...argv: readonly string[]) => parseOptions(nodeagentProgram('0.0.0', 'node-a'), argv, {});

test('a server is a host and a port', () => {
  for (const url of ['https://podnet', 'https://podnet:6443', 'https://10.0.0.1:6443/', 'https://[fd00::1]:6443']) {
    assert.equal(parse('--server', url).kind, 'run', url);
  }
});

for (const url of [
  'https://agent:hunter2@podnet:6443',
  'https://hunter2@podnet',
  'agent:hunter2@podnet:6443',
  'https://podnet?token=hunter2',
  'https://podnet/#hunter2',
]) {
  test(`a server that holds more is refused and not repeated: ${url}`, () => {
    const refused = parse('--server', url);
    assert.notEqual(refused.kind, 'run');
    assert.match(JSON.stringify(refused), /--server: must be https:/);
    assert.doesNotMatch(JSON.stringify(refused), /hunter2/);
  });
}

test('what is no URL of a server is refused by name', () => {
  for (const url of ['podnet:6443', 'http://podnet', 'https://podnet/metrics', 'x']) {
    assert.match(JSON.stringify(parse('--server', url)), /--server: must be https:.*not/, url);
  }
});

test('no family of a predecessor is served unless asked for', () => {
  const compatOf = (...argv: readonly string[]) => {
    const parsed = parse(...argv);
    assert.equal(parsed.kind, 'run');
    return parsed.options.compat;
  };
  assert.deepEqual(compatOf(), []);
  const all = [
    ...['network-metrics-daemon', 'prometheus-network-shim', 'sriov-network-metrics-exporter', 'net-exporter'],
    'cni-metrics-helper',
  ];
  assert.deepEqual(compatOf('--compat', all.join(',')), all);
  assert.deepEqual(compatOf(...all.map((name) => `--compat=${name}`)), all);
});

test('a predecessor that nobody knows is refused with those that are', () => {
  assert.deepEqual(parse('--compat=shim'), {
    kind: 'refuse',
    errors: [
      '--compat: must be some of network-metrics-daemon, prometheus-network-shim, sriov-network-metrics-exporter, net-exporter, cni-metrics-helper, or all, not "shim"',
    ],
  });
});

test('a client may ask ten times a second unless the flags say otherwise', () => {
  const limitOf = (...argv: readonly string[]) => {
    const parsed = parse(...argv);
    assert.equal(parsed.kind, 'run');
    return [parsed.options.listenRateLimit, parsed.options.listenRateBurst];
  };
  assert.deepEqual(limitOf(), [10, 20]);
  assert.deepEqual(limitOf('--listen-rate-limit=1', '--listen-rate-burst', '100'), [1, 100]);
  for (const value of ['0', '-1', '0.5', '1e3', '1000001', '']) {
    assert.deepEqual(parse(`--listen-rate-limit=${value}`), {
      kind: 'refuse',
      errors: [`--listen-rate-limit: must be a whole number, 1 to 1000000, not "${value}"`],
    });
  }
});

test('an address without a host is all addresses', () => {
  const parsed = parse('--listen-address=:9808');
  assert.equal(parsed.kind, 'run');
  assert.deepEqual(parsed.options.listenAddress, { host: '', port: 9_808 });
});

test('a server that is named twice is pushed to once', () => {
  assert.deepEqual(distinctServers(['https://a:443', 'https://A/', 'https://b:6443', 'https://a']), [
    'https://a',
    'https://b:6443',
  ]);
});

test('the socket of the kubelet is a path, or none', () => {
  const socketOf = (...argv: readonly string[]) => {
    const parsed = parse(...argv);
    return parsed.kind === 'run' ? parsed.options.pathKubeletSocket : JSON.stringify(parsed);
  };
  assert.equal(socketOf(), '/var/lib/kubelet/pod-resources/kubelet.sock');
  assert.equal(socketOf('--path.kubelet-socket', 'unix:///run/k.sock'), 'unix:///run/k.sock');
  assert.equal(socketOf('--path.kubelet-socket', 'none'), '');
  assert.equal(socketOf('--path.kubelet-socket', ''), '');
  assert.match(
    socketOf('--path.kubelet-socket', 'k.sock'),
    /--path.kubelet-socket: must be the path of a unix socket, or none/,
  );
});

test('where the servers are is said once: --server or --service', () => {
  const both = JSON.stringify(parse('--server', 'https://a:1', '--service', 'podnet-system/podnet-apiserver'));
  assert.match(both, /--service: cannot be given together with --server/);
  const one = parse('--service', 'podnet-system/podnet-apiserver');
  assert.ok(one.kind === 'run');
  assert.deepEqual(one.options.service, { namespace: 'podnet-system', name: 'podnet-apiserver' });
  const none = parse();
  assert.ok(none.kind === 'run');
  assert.equal(none.options.service, undefined);
});

test('a name in DNS needs the Service whose certificate is shown, and has to be one', () => {
  const name = 'podnet-apiserver-replicas.podnet-system.svc.cluster.local';
  const withService = (given: string) =>
    parse('--service', 'podnet-system/podnet-apiserver', '--service-dns-name', given);
  for (const one of [name, `${name}.`]) assert.equal(withService(one).kind, 'run', one);
  assert.match(
    JSON.stringify(parse('--service-dns-name', name)),
    /--service-dns-name: cannot be given without --service/,
  );
  for (const wrong of ['a..b', 'https://a', 'a:53', 'a b', `${'a'.repeat(64)}.b`, 'a.'.repeat(126)]) {
    assert.match(JSON.stringify(withService(wrong)), /--service-dns-name: must be a name in DNS/, wrong);
  }
});
