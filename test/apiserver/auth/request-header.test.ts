import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FrontProxyTrust } from '../../../apiserver/auth/authentication-config.js';
import { hasRemoteHeaders, readRemoteUser } from '../../../apiserver/auth/request-header.js';

const TRUST: FrontProxyTrust = {
  authorities: [],
  allowedNames: [],
  usernameHeaders: ['x-remote-user', 'x-other-user'],
  uidHeaders: ['x-remote-uid'],
  groupHeaders: ['x-remote-group', 'x-other-group'],
  extraHeaderPrefixes: ['x-remote-extra-', 'x-other-extra-'],
};

test('the first user header with a value counts', () => {
  assert.equal(readRemoteUser(['X-Other-User', 'b', 'X-Remote-User', 'a'], TRUST)?.name, 'a');
  assert.equal(readRemoteUser(['X-Other-User', 'b', 'X-Remote-User', ''], TRUST)?.name, 'b');
  assert.equal(readRemoteUser(['X-Remote-User', ''], TRUST), undefined);
});

test('groups and extra come from all headers that may have them', () => {
  const raw = ['X-Remote-User', 'a', 'X-Other-Group', 'h', 'X-Remote-Group', 'g', 'X-Remote-Group', ''];
  const extra = [
    'X-Other-Extra-A',
    '2',
    'X-Remote-Extra-A',
    '1',
    'X-Remote-Extra-%zZ',
    '3',
    'X-Remote-Extra-__proto__',
    '4',
  ];
  assert.deepEqual(readRemoteUser([...raw, ...extra], TRUST), {
    name: 'a',
    groups: ['g', 'h'],
    extra: Object.fromEntries([
      ['a', ['1', '2']],
      ['%zz', ['3']],
      ['__proto__', ['4']],
    ]),
  });
});

test('a header that the cluster does not name says nothing', () => {
  const trust = { ...TRUST, uidHeaders: [], groupHeaders: [], extraHeaderPrefixes: [] };
  const raw = ['X-Remote-User', 'a', 'X-Remote-Uid', 'u', 'X-Remote-Group', 'system:masters', 'X-Remote-Extra-A', '1'];
  assert.deepEqual(readRemoteUser(raw, trust), { name: 'a', groups: [], extra: {} });
});

test('a name that is not UTF-8 is nobody', () => {
  assert.equal(readRemoteUser(['x-remote-user', '\u00ff'], TRUST), undefined);
});

test('more header fields than HTTP/2 carries are nobody', () => {
  const many = Array.from({ length: 8_192 }, (_, i) => ['x-remote-group', `g${i}`]).flat();
  assert.equal(readRemoteUser(['x-remote-user', 'a', ...many], TRUST), undefined);
});

test('a key survives the encoding of the aggregator', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
      const wanted = key.toLowerCase();
      const header = `X-Remote-Extra-${encodeURIComponent(wanted)}`;
      const user = readRemoteUser(['X-Remote-User', 'a', header, 'v'], TRUST);
      assert.deepEqual(Object.entries(user?.extra ?? {}), [[wanted, ['v']]]);
    }),
  );
});

test('remote headers are noticed whatever is configured', () => {
  assert.equal(hasRemoteHeaders(['Accept', 'x-remote-user'], undefined), false);
  assert.equal(hasRemoteHeaders(['X-Remote-Anything', ''], undefined), true);
  assert.equal(hasRemoteHeaders(['x-other-user', 'a'], TRUST), true);
});
