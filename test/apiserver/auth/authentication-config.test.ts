import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAuthenticationConfig } from '../../../apiserver/auth/authentication-config.js';
import { authenticationData, createAuthority } from '../../support/certificates.js';

const ca = await createAuthority('ca');
const other = await createAuthority('other');
const good = authenticationData(ca.cert, other.cert);

test('the recorded ConfigMap is read', () => {
  const { response } = JSON.parse(
    readFileSync('test/fixtures/contract/extension-apiserver-authentication.json', 'utf8'),
  ) as { response: { body: { data: object } } };
  const { frontProxy, clientAuthorities, problems } = parseAuthenticationConfig(response.body.data, 7);
  assert.deepEqual(problems, []);
  assert.equal(frontProxy?.authorities[0]?.x509.subject, 'CN=fpca');
  assert.equal(clientAuthorities?.[0]?.x509.subject, 'CN=ca');
  const { authorities: _authorities, ...rest } = frontProxy;
  assert.deepEqual(rest, {
    allowedNames: ['front-proxy-client'],
    usernameHeaders: ['x-remote-user'],
    uidHeaders: [],
    groupHeaders: ['x-remote-group'],
    extraHeaderPrefixes: ['x-remote-extra-'],
  });
});

test('a bundle holds each certificate once', () => {
  const text = `# comment\n${ca.cert}\n${other.cert}${ca.cert}`;
  const { frontProxy } = parseAuthenticationConfig({ ...good, 'requestheader-client-ca-file': text }, 1);
  assert.equal(frontProxy?.authorities.length, 2);
});

test('null is how Go writes an empty list', () => {
  const { frontProxy } = parseAuthenticationConfig({ ...good, 'requestheader-allowed-names': 'null' }, 1);
  assert.deepEqual(frontProxy?.allowedNames, []);
});

const BROKEN: readonly (readonly [key: string, value: unknown, problem: string])[] = [
  ['requestheader-allowed-names', undefined, 'is missing'],
  ['requestheader-allowed-names', '', 'is missing'],
  ['requestheader-allowed-names', '"front-proxy-client"', 'is not a JSON array'],
  ['requestheader-allowed-names', '[1]', 'is not a JSON array'],
  ['requestheader-allowed-names', '[', 'is not JSON'],
  ['requestheader-username-headers', '[]', 'is empty'],
  ['requestheader-username-headers', '[" "]', 'is not the name of a header'],
  ['requestheader-extra-headers-prefix', '["a b"]', 'is not the name of a header'],
  ['requestheader-group-headers', '{}', 'is not a JSON array'],
  ['requestheader-client-ca-file', undefined, 'is missing'],
  ['requestheader-client-ca-file', 'nonsense', 'is not a bundle'],
  [
    'requestheader-client-ca-file',
    `${ca.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    'certificate 2 cannot be read',
  ],
  ['requestheader-client-ca-file', `${ca.cert}-----BEGIN CERTIFICATE-----\nAAAA\n`, 'is not a bundle'],
];

for (const [key, value, problem] of BROKEN) {
  test(`${key} ${JSON.stringify(value)?.slice(0, 30) ?? 'missing'}: nobody is a proxy`, () => {
    const config = parseAuthenticationConfig({ ...good, [key]: value }, 1);
    assert.equal(config.frontProxy, undefined);
    assert.equal(config.clientAuthorities?.length, 1);
    assert.equal(config.problems.length, 1);
    assert.ok(config.problems[0]?.startsWith(`${key}: `) && config.problems[0].includes(problem), config.problems[0]);
  });
}

test('a broken client authority leaves the front proxy alone', () => {
  const config = parseAuthenticationConfig({ ...good, 'client-ca-file': 'nonsense' }, 1);
  assert.equal(config.clientAuthorities, undefined);
  assert.equal(config.frontProxy?.authorities.length, 1);
  assert.equal(config.problems.length, 1);
});

test('a cluster without client certificates is no problem', () => {
  const { 'client-ca-file': _none, ...rest } = good;
  assert.deepEqual(parseAuthenticationConfig(rest, 1).problems, []);
});

test('no data whatever crashes', () => {
  const values = fc.oneof(fc.anything(), fc.json(), fc.constant(ca.cert));
  const record = fc.record(Object.fromEntries(Object.keys(good).map((key) => [key, values])), { requiredKeys: [] });
  fc.assert(
    fc.property(fc.oneof(record, fc.anything()), (data) => {
      assert.equal(parseAuthenticationConfig(data, 1).generation, 1);
    }),
  );
});
