import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStaticPeers, parseStaticPeers } from '../../../nodeagent/probes/static-peers.js';
import { renderHostPort } from '../../../runtime/options/kinds.js';

const PORT = 9809;

/** `<node>/<zone> <network>=<addresses>` of each peer. */
function shown(texts: readonly string[]): string[] {
  const { peers, errors } = parseStaticPeers(texts, PORT);
  assert.deepEqual(errors, []);
  return peers.map(({ node, zone, addresses, isStarted }) => {
    assert.ok(isStarted);
    return `${node}/${zone} ${[...addresses].map(([network, all]) => `${network}=${all.map(renderHostPort).join('+')}`).join(' ')}`;
  });
}

function errorsOf(...texts: string[]): readonly string[] {
  return parseStaticPeers(texts, PORT).errors;
}

test('addresses and names are taken with and without a port', () => {
  const texts = [
    ...['f=[fd00::6]:7', 'e=[fd00::5]', 'd=fd00::4', 'c=peer.example.com:81', 'b=peer-b'],
    ...['a=10.0.0.1', 'g=10.0.0.7:65535', 'h.example/z-1@n3=10.0.0.8', 'i@n3=fd00::9', 'j=fe80::1%eth0'],
  ];
  assert.deepEqual(shown(texts), [
    'a/ default=10.0.0.1:9809',
    'b/ default=peer-b:9809',
    'c/ default=peer.example.com:81',
    'd/ default=[fd00::4]:9809',
    'e/ default=[fd00::5]:9809',
    'f/ default=[fd00::6]:7',
    'g/ default=10.0.0.7:65535',
    'h.example/z-1 n3=10.0.0.8:9809',
    'i/ n3=[fd00::9]:9809',
    'j/ default=[fe80::1%eth0]:9809',
  ]);
});

test('entries of one node are put together', () => {
  const texts = ['b=10.0.0.2', 'a=10.0.0.1', 'a/west@default=fd00::1', 'a@n3=192.168.0.1', 'b/east@n3=name'];
  assert.deepEqual(shown(texts), [
    'a/west default=10.0.0.1:9809+[fd00::1]:9809 n3=192.168.0.1:9809',
    'b/east default=10.0.0.2:9809 n3=name:9809',
  ]);
});

test('an entry that is none is named with what it must be', () => {
  const bad = [
    ...['', 'a', '=10.0.0.1', 'a=', 'a/=10.0.0.1', 'a@=10.0.0.1', 'a b=10.0.0.1', '-a=10.0.0.1'],
    ...['a@n 3=10.0.0.1', 'a/z z=10.0.0.1', 'a=10.0.0.256', 'a=10.0.0.1:0', 'a=10.0.0.1:65536', 'a=10.0.0.1:x'],
    ...['a=[10.0.0.1]:5', 'a=[fd00::1', 'a=fd00::1]:5', 'a=fd00:::1', 'a=x y', 'a=b=c', 'a@n/z=10.0.0.1'],
    `${'n'.repeat(254)}=10.0.0.1`,
    `a/${'z'.repeat(64)}=10.0.0.1`,
  ];
  for (const text of bad) {
    const errors = errorsOf(text);
    assert.equal(errors.length, 1, text);
    assert.match(errors[0] ?? '', /^must be <node>\[\/<zone>\]\[@<network>\]=<host>\[:<port>\], with/);
    assert.ok(errors[0]?.endsWith(`, not "${text}"`), errors[0]);
  }
});

test('a bad entry costs itself alone', () => {
  const { peers, errors } = parseStaticPeers(['a=10.0.0.1', 'b', 'c=10.0.0.3'], PORT);
  assert.deepEqual([peers.map(({ node }) => node), errors.length], [['a', 'c'], 1]);
});

test('two entries for one place contradict each other', () => {
  assert.match(errorsOf('a=10.0.0.1', 'a=10.0.0.2')[0] ?? '', /only entry of its family .* 10\.0\.0\.1:9809, not "a=/);
  assert.match(errorsOf('a=10.0.0.1', 'a=10.0.0.1')[0] ?? '', /only entry of its family/);
  assert.match(errorsOf('a@n=fd00::1', 'a@n=fd00::2')[0] ?? '', /only entry of its family/);
  assert.match(errorsOf('a=10.0.0.1', 'a=some-name')[0] ?? '', /or of any where a host is a name/);
  assert.match(errorsOf('a=some-name', 'a=fd00::1')[0] ?? '', /or of any where a host is a name/);
  assert.match(errorsOf('a/x=10.0.0.1', 'a/y@n=10.0.0.1')[0] ?? '', /one zone, as before "x", not "a\/y@n/);
});

test('two nodes cannot be at one address of one network', () => {
  assert.match(errorsOf('a=10.0.0.1', 'b=10.0.0.1:9809')[0] ?? '', /10\.0\.0\.1:9809 is node a, not "b=/);
  assert.deepEqual(errorsOf('a=127.0.0.1:1', 'b=127.0.0.1:2', 'c@n=127.0.0.1:1'), []);
});

test('without a usual port each entry says its own', () => {
  const { peers, errors } = parseStaticPeers(['a=10.0.0.1:5', 'b=10.0.0.2', 'c=x:y'], 0);
  assert.deepEqual([peers.length, errors.length], [1, 2]);
  assert.match(errors[0] ?? '', /with a port, as --probe-listen-address has none, not "b=10\.0\.0\.2"/);
});

test('what is printed of many bad entries is bounded, and so are the entries', () => {
  const bad = parseStaticPeers(Array<string>(10_000).fill('x'), PORT);
  assert.deepEqual([bad.errors.length, bad.errors.at(-1)], [21, '9980 more entries are no good']);
  const most = Array.from({ length: 10_000 }, (_, i) => `n${i}=host-${i}`);
  assert.equal(parseStaticPeers(most, PORT).peers.length, 10_000);
  assert.match(
    parseStaticPeers([...most, 'x=y'], PORT).errors.join(),
    /^must have no more than 10000 entries, not 10001/,
  );
});

test('static peers are always there', async () => {
  const { peers } = parseStaticPeers(['a=10.0.0.1'], PORT);
  const source = createStaticPeers(peers);
  assert.deepEqual(source.list(), { peers });
  assert.equal(source.list(), source.list());
  assert.ok(source.isLive('a', { host: '10.0.0.1', port: PORT }));
  assert.equal(source.internalErrors, 0);
  await source.close();
});
