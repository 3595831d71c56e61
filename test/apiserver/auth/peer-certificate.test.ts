import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { readCertificate } from '../../../apiserver/auth/certificate.js';
import type { Authorities } from '../../../apiserver/auth/certificate-chain.js';
import { PeerCertificates, type PresentedCertificate } from '../../../apiserver/auth/peer-certificate.js';
import { createAuthority, createLeaf, type Issued } from '../../support/certificates.js';
import { createManualClock, type ManualClock } from '../../support/clock.js';

const root = await createAuthority('ca');
const twins = await Promise.all(Array.from({ length: 9 }, () => createAuthority('ca')));
const bundleOf = (issued: readonly Issued[]): Authorities =>
  issued.map(({ cert }) => readCertificate(new X509Certificate(cert)));

/** What a connection shows that presented a certificate. */
function present({ cert }: Issued): { presented: PresentedCertificate; clock: ManualClock } {
  const clock = createManualClock(0, Date.now());
  const socket = { getPeerX509Certificate: () => new X509Certificate(cert) };
  const presented = new PeerCertificates(clock).of(socket);
  assert.ok(presented !== undefined);
  return { presented, clock };
}

test('all bundles share the signature checks of a connection', async () => {
  const { presented, clock } = present(await createLeaf(root, 'client'));
  const right = bundleOf([root]);
  assert.equal(presented.verify(bundleOf(twins)).ok, false);
  assert.equal(presented.verify(bundleOf(twins)).ok, false);
  assert.equal(presented.verify(right).ok, false);
  clock.advance(10_000);
  assert.equal(presented.verify(right).ok, false, 'asking again buys no checks');
  assert.equal(presented.verify(bundleOf([root])).ok, true, 'bundles of another configuration do');
});

test('a refusal lasts as long as the connection, unless a date was why', async () => {
  const refused = present(await createLeaf(root, 'client'));
  const bundle = bundleOf(twins);
  const first = refused.presented.verify(bundle);
  refused.clock.advance(3_600_000);
  assert.equal(refused.presented.verify(bundle), first);
  const young = present(await createLeaf(root, 'client', { notBefore: new Date(Date.now() + 60_000) }));
  const roots = bundleOf([root]);
  assert.equal(young.presented.verify(roots).ok, false);
  young.clock.advance(61_000);
  assert.equal(young.presented.verify(roots).ok, true);
});
