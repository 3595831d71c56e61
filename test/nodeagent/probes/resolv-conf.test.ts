import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clusterHost, parseResolvConf } from '../../../nodeagent/probes/resolv-conf.js';

const inPod = (namespace: string) => `search ${namespace}.svc.cluster.local svc.cluster.local cluster.local example.com
nameserver 10.96.0.10
options ndots:5
`;
const hostOf = (text: string) => clusterHost(parseResolvConf(text));

test('the file of a pod gives the DNS Service and the cluster’s domain', () => {
  const { nameservers, search } = parseResolvConf(inPod('default'));
  assert.deepEqual(nameservers, ['10.96.0.10']);
  assert.deepEqual(search, ['default.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'example.com.']);
  assert.equal(hostOf(inPod('default')), 'kubernetes.default.svc.cluster.local.');
});

test('a cluster’s domain may be any, and a namespace may be called svc', () => {
  assert.equal(
    hostOf('search a.svc.K8S.Example.org. svc.K8S.Example.org. K8S.Example.org.\n'),
    'kubernetes.default.svc.k8s.example.org.',
  );
  assert.equal(hostOf(inPod('svc')), 'kubernetes.default.svc.cluster.local.');
});

test('outside a cluster there is no cluster’s domain', () => {
  assert.equal(hostOf(''), undefined);
  assert.equal(hostOf('search example.com\nnameserver 192.0.2.1\n'), undefined);
  assert.equal(hostOf('search svc.example.com example.com\n'), undefined);
  assert.equal(hostOf('search svc.\n'), undefined);
});

test('IPv4, IPv6 and link-local servers with a zone are read, three at most', () => {
  const text = 'nameserver 192.0.2.1\nnameserver\tfd00::a\nnameserver fe80::1%eth0\nnameserver 192.0.2.4\n';
  assert.deepEqual(parseResolvConf(text).nameservers, ['192.0.2.1', 'fd00::a', 'fe80::1%eth0']);
});

test('comments, indented keywords, garbage and line ends of Windows are taken as glibc does', () => {
  const text = [
    '# nameserver 192.0.2.1',
    '; nameserver 192.0.2.2',
    ' nameserver 192.0.2.3',
    'nameserver192.0.2.4',
    'nameserver',
    'nameserver dns.example.com',
    'nameserver 192.0.2.256',
    'nameserver 192.0.2.5 # the only one',
    'nameserver fd00::b\r',
    `nameserver 192.0.2.6${' '.repeat(5_000)}x`,
    'sortlist 192.0.2.0/24',
    'search a..b -x. ok.example',
  ].join('\n');
  assert.deepEqual(parseResolvConf(text), { nameservers: ['192.0.2.5', 'fd00::b'], search: ['ok.example.'] });
});

test('of search and domain lines the last counts, with 32 entries at most', () => {
  assert.deepEqual(parseResolvConf('search a.example b.example\ndomain c.example d.example\n').search, ['c.example.']);
  assert.deepEqual(parseResolvConf('domain c.example\nsearch a.example b.example\n').search, [
    'a.example.',
    'b.example.',
  ]);
  const many = Array.from({ length: 40 }, (_, n) => `d${n}.example`);
  assert.equal(parseResolvConf(`search ${many.join(' ')}`).search.length, 32);
});

test('no text is too odd', () => {
  const word = fc.constantFrom(
    'nameserver',
    'search',
    'domain',
    ' ',
    '\t',
    '\n',
    '.',
    'svc',
    '10.0.0.1',
    '::1',
    '%',
    '#',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string())), (words) => {
      const conf = parseResolvConf(words.join(''));
      assert.ok(conf.nameservers.length <= 3);
      clusterHost(conf);
    }),
  );
});
