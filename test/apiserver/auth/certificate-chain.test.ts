import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { CertificateError, readCertificate, type Certificate } from '../../../apiserver/auth/certificate.js';
import { MAX_SIGNATURE_CHECKS, verifyChain, type Verification } from '../../../apiserver/auth/certificate-chain.js';
import { certificateUser } from '../../../apiserver/auth/certificate-user.js';
import { createAuthority, createLeaf, type Issued } from '../../support/certificates.js';
import { rsaKey, withKey } from '../../support/forged-certificate.js';

const DAY_MS = 86_400_000;
const root = await createAuthority('ca');
const middle = await createAuthority('middle', { issuer: root });
const leaf = await createLeaf(middle, 'client');

const read = ({ cert }: Issued): Certificate => readCertificate(new X509Certificate(cert));

function verify(one: Issued, sent: readonly Issued[], bundle: readonly Issued[], wallMs = Date.now()): Verification {
  return verifyChain({ leaf: read(one), intermediates: sent.map(read) }, bundle.map(read), wallMs);
}

function refusal(result: Verification): string {
  return result.ok ? 'accepted' : result.problem;
}

test('a path may go through what the peer sent', () => {
  assert.equal(verify(leaf, [middle], [root]).ok, true);
  assert.equal(refusal(verify(leaf, [], [root])), 'no authority of the bundle issued it');
});

test('an intermediate or the certificate itself may be the anchor', () => {
  assert.equal(verify(leaf, [], [middle]).ok, true);
  assert.equal(verify(leaf, [], [leaf]).ok, true);
});

test('an empty bundle trusts nobody', () => {
  assert.equal(verify(leaf, [middle, root], []).ok, false);
});

test('an old and a new authority of one name both count', async () => {
  const renewed = await createAuthority('ca');
  const young = await createLeaf(renewed, 'client');
  for (const bundle of [
    [root, renewed],
    [renewed, root, root],
  ]) {
    assert.equal(verify(leaf, [middle], bundle).ok, true);
    assert.equal(verify(young, [], bundle).ok, true);
  }
  assert.equal(verify(young, [], [root]).ok, false);
});

test('the path is valid as long as its shortest-lived certificate', async () => {
  const [soon, late] = [new Date(Date.now() + 60_000), new Date(Date.now() + DAY_MS)];
  const short = await createAuthority('short', { issuer: root, notAfter: soon });
  const result = verify(await createLeaf(short, 'client', { notAfter: late }), [short], [root]);
  assert.equal(result.ok && result.notAfterMs, Math.floor(soon.getTime() / 1_000) * 1_000);
});

test('an expired authority vouches for nobody', async () => {
  const old = await createAuthority('old', { notAfter: new Date(Date.now() - 1_000) });
  assert.equal(refusal(verify(await createLeaf(old, 'client'), [], [old])), 'a certificate has expired');
  assert.equal(refusal(verify(leaf, [middle], [root], Date.now() - 2 * DAY_MS)), 'a certificate is not yet valid');
});

test('a certificate that does not say what it is for may be a client', async () => {
  assert.equal(verify(await createLeaf(root, 'client', { usage: null }), [], [root]).ok, true);
  const server = await createLeaf(root, 'client', { usage: 'server' });
  assert.equal(refusal(verify(server, [], [root])), 'a certificate is not for client authentication');
});

test('an authority for servers does not make clients', async () => {
  const servers = await createAuthority('servers', { issuer: root, usage: 'server' });
  const result = verify(await createLeaf(servers, 'client'), [servers], [root]);
  assert.equal(refusal(result), 'a certificate is not for client authentication');
});

test('a path length is kept to', async () => {
  const strict = await createAuthority('strict', { pathLength: 0 });
  const below = await createAuthority('below', { issuer: strict });
  assert.equal(verify(await createLeaf(strict, 'client'), [], [strict]).ok, true);
  assert.equal(verify(await createLeaf(below, 'client'), [below], [strict]).ok, false);
});

test('a signature with SHA-1 proves nothing', async () => {
  const weak = await createLeaf(root, 'client', { algorithm: 'sha1' });
  assert.equal(new X509Certificate(weak.cert).verify(new X509Certificate(root.cert).publicKey), true);
  assert.equal(verify(weak, [], [root]).ok, false);
});

test('a leaf is no authority', async () => {
  for (const hasKeyUsage of [true, false]) {
    const client = await createLeaf(root, 'client', { hasKeyUsage });
    assert.equal(verify(await createLeaf(client, 'other'), [client], [root]).ok, false);
    assert.equal(verify(await createLeaf(client, 'other'), [], [client]).ok, false);
  }
});

test('twenty intermediates of one name end in bounded time', async () => {
  const twins = await Promise.all(Array.from({ length: 20 }, () => createAuthority('ca', { issuer: root })));
  const startedMs = performance.now();
  assert.equal(verify(await createLeaf(root, 'client'), twins, [await createAuthority('ca')]).ok, false);
  assert.ok(performance.now() - startedMs < 2_000);
});

/** Signatures that were checked to judge a certificate. */
function checksOf(one: Issued, sent: readonly Issued[], bundle: readonly Issued[]): number {
  const budget = { left: MAX_SIGNATURE_CHECKS };
  verifyChain({ leaf: read(one), intermediates: sent.map(read) }, bundle.map(read), Date.now(), budget);
  return MAX_SIGNATURE_CHECKS - budget.left;
}

test('a path costs one signature for each step', () => {
  assert.equal(checksOf(leaf, [middle], [root]), 2);
  assert.equal(checksOf(leaf, [middle, middle, middle], [root]), 2);
  assert.equal(checksOf(leaf, [root, middle], [middle]), 1);
});

test('a chain that leads to no authority costs no signature', async () => {
  const evil = await createAuthority('evil');
  const twins = await Promise.all(Array.from({ length: 8 }, () => createAuthority('evil', { issuer: evil })));
  assert.equal(checksOf(await createLeaf(evil, 'client'), [evil, ...twins], [root]), 0);
});

test('a chain that only claims to lead to an authority costs sixteen', async () => {
  const other = await createAuthority('ca');
  const twins = await Promise.all(Array.from({ length: 20 }, () => createAuthority('ca', { issuer: other })));
  assert.equal(checksOf(await createLeaf(other, 'client'), twins, [root]), MAX_SIGNATURE_CHECKS);
});

const { publicKey: koblitz } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
const KEYS: readonly (readonly [string, KeyObject, boolean])[] = [
  ['RSA of 8,192 bits', rsaKey(8_192), true],
  ['RSA of 8,200 bits', rsaKey(8_200), false],
  ['RSA of 16,384 bits', rsaKey(16_384), false],
  ['RSA with an exponent of 31 bits', rsaKey(2_048, 2n ** 31n - 1n), true],
  ['RSA with an exponent of 33 bits', rsaKey(2_048, 2n ** 32n + 1n), false],
  ['Ed25519', generateKeyPairSync('ed25519').publicKey, true],
  ['an elliptic curve that Go does not know', koblitz, false],
];
for (const [what, key, isTaken] of KEYS) {
  test(`a key: ${what} is ${isTaken ? 'taken' : 'refused unused'}`, () => {
    const expected = isTaken ? 'accepted' : 'a certificate has a key that is too large, or of an unknown kind';
    assert.equal(refusal(verify(withKey(leaf, key, middle), [middle], [root])), expected);
    const beside = withKey(middle, key, root);
    assert.equal(refusal(verify(leaf, [beside, middle], [root])), expected);
  });
}

test('a chain longer than eight is not followed', async () => {
  const chain = [root];
  for (let i = 0; i < 8; i++) chain.push(await createAuthority(`ca-${i}`, { issuer: chain.at(-1) ?? root }));
  const deep = await createLeaf(chain.at(-1) ?? root, 'client');
  assert.equal(verify(deep, chain.slice(1), [root]).ok, false);
  assert.equal(verify(await createLeaf(chain[6] ?? root, 'client'), chain.slice(1), [root]).ok, true);
});

test('a flipped byte never makes a certificate good, and never crashes', () => {
  const { raw } = new X509Certificate(leaf.cert);
  const good = { intermediates: [read(middle)], bundle: [read(root)] };
  fc.assert(
    fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (position, mask) => {
      const bytes = Buffer.from(raw);
      bytes[position] = (bytes[position] ?? 0) ^ mask;
      let x509: X509Certificate;
      try {
        x509 = new X509Certificate(bytes);
      } catch {
        return; // OpenSSL itself cannot read it
      }
      try {
        const candidate = { leaf: readCertificate(x509), intermediates: good.intermediates };
        // The unused bits of a signature may differ without another meaning; OpenSSL and we agree that the content is the same.
        const isAccepted = verifyChain(candidate, good.bundle, Date.now()).ok;
        assert.ok(!isAccepted || x509.verify(new X509Certificate(middle.cert).publicKey));
      } catch (error) {
        assert.ok(error instanceof CertificateError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('a user is the common name, a group each organization', async () => {
  const client = await createLeaf(root, 'jürgen, CN=admin', { organizations: ['a', 'b+c', 'd\\,e'] });
  assert.deepEqual(certificateUser(new X509Certificate(client.cert)), {
    name: 'jürgen, CN=admin',
    groups: ['a', 'b+c', 'd\\,e'],
    extra: {},
  });
  const nameless = await createLeaf(root, '', { organizations: ['a'] });
  assert.equal(certificateUser(new X509Certificate(nameless.cert)), undefined);
});
