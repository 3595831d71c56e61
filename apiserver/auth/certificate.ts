import type { X509Certificate } from 'node:crypto';
import { hasBoundedKey } from './certificate-key.js';
import { DerError, expectTag, readElements, TAG, type DerElement } from './der.js';

/** What a path is judged by. `node:crypto` shows neither path lengths, critical extensions nor the signature's algorithm. */
export interface Certificate {
  readonly x509: X509Certificate;
  readonly fingerprint: string;
  /** Subject and public key: what a signature is checked against, whatever else the certificate says. */
  readonly identity: string;
  readonly hasBoundedKey: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Object identifiers; undefined where the certificate does not restrict what it may be used for. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Certificates that may stand between this authority and the leaf; undefined where it says nothing. */
  readonly pathLength: number | undefined;
  readonly hasNameConstraints: boolean;
  readonly hasAlternativeNames: boolean;
  /** It demands to be refused by whoever does not understand one of its extensions, and we do not. */
  readonly hasUnknownCriticalExtension: boolean;
  readonly isSignedStrongly: boolean;
}

/** A certificate that cannot be read, and therefore cannot be trusted. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code = 'APISERVER_CERTIFICATE';
}

/** id-ce, 2.5.29.x, as DER writes it; the last byte names the extension. */
const EXTENSION_PREFIX = '551d';
const EXTENSION = { basicConstraints: '551d13', nameConstraints: '551d1e', alternativeNames: '551d11' } as const;
/**
 * Key identifiers, key usage, names, basic and name constraints, CRL distribution points, policies, extended key usage: what Go's
 * crypto/x509 handles. Of these, those that do not concern a client's path are harmless to leave alone.
 */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set(
  [14, 15, 17, 18, 19, 30, 31, 32, 33, 35, 36, 37, 54].map(
    (last) => EXTENSION_PREFIX + last.toString(16).padStart(2, '0'),
  ),
);
/** RSA and ECDSA with SHA-256, -384 or -512, and Ed25519; with MD5 or SHA-1 a signature can be forged. */
const STRONG_SIGNATURES: ReadonlySet<string> = new Set([
  '2a864886f70d01010b',
  '2a864886f70d01010c',
  '2a864886f70d01010d',
  '2a8648ce3d040302',
  '2a8648ce3d040303',
  '2a8648ce3d040304',
  '2b6570',
]);
/** RSASSA-PSS names its hash in its parameters; SHA-1 where it has none. */
const PSS = '2a864886f70d01010a';
/** 2.16.840.1.101.3.4.2.{1,2,3}: SHA-256, -384, -512. */
const SHA2 = ['608648016503040201', '608648016503040202', '608648016503040203'];
const VERSION_TAG = 0xa0;
const EXTENSIONS_TAG = 0xa3;

/** @throws {CertificateError} */
export function readCertificate(x509: X509Certificate): Certificate {
  try {
    const [tbs, signature] = readElements(expectTag(readElements(x509.raw)[0], TAG.sequence).content);
    const fields = readElements(expectTag(tbs, TAG.sequence).content);
    const extensions = readExtensions(fields.find(({ tag }) => tag === EXTENSIONS_TAG));
    const usages: unknown = x509.keyUsage; // declared as always there
    const certificate = {
      x509,
      fingerprint: x509.fingerprint256,
      identity: readIdentity(fields),
      hasBoundedKey: hasBoundedKey(x509),
      notBeforeMs: Date.parse(x509.validFrom),
      notAfterMs: Date.parse(x509.validTo),
      extendedKeyUsage: Array.isArray(usages) ? usages.map(String) : undefined,
      pathLength: readPathLength(extensions.get(EXTENSION.basicConstraints)?.value),
      hasNameConstraints: extensions.has(EXTENSION.nameConstraints),
      hasAlternativeNames: extensions.has(EXTENSION.alternativeNames),
      hasUnknownCriticalExtension: [...extensions].some(
        ([oid, { isCritical }]) => isCritical && !KNOWN_EXTENSIONS.has(oid),
      ),
      isSignedStrongly: isStrong(expectTag(signature, TAG.sequence)),
    };
    if (Number.isNaN(certificate.notBeforeMs + certificate.notAfterMs)) throw new DerError('no dates');
    return certificate;
  } catch (error) {
    throw new CertificateError('the certificate cannot be read', { cause: error });
  }
}

/** TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, … } */
function readIdentity(fields: readonly DerElement[]): string {
  const start = fields[0]?.tag === VERSION_TAG ? 1 : 0;
  const [subject, key] = fields.slice(start + 4, start + 6).map((one) => expectTag(one, TAG.sequence));
  if (subject === undefined || key === undefined) throw new DerError('no subject, or no key');
  return Buffer.concat([subject.whole, key.whole]).toString('latin1');
}

interface Extension {
  readonly isCritical: boolean;
  readonly value: Buffer;
}

function readExtensions(element: DerElement | undefined): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  if (element === undefined) return extensions;
  const list = expectTag(readElements(element.content)[0], TAG.sequence);
  for (const one of readElements(list.content)) {
    const parts = readElements(expectTag(one, TAG.sequence).content);
    const oid = expectTag(parts[0], TAG.oid).content.toString('hex');
    const isCritical = parts[1]?.tag === TAG.boolean && parts[1].content[0] !== 0;
    if (extensions.has(oid)) throw new DerError('an extension stands there twice');
    extensions.set(oid, { isCritical, value: expectTag(parts.at(-1), TAG.octetString).content });
  }
  return extensions;
}

/** BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL } */
function readPathLength(value: Buffer | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parts = readElements(expectTag(readElements(value)[0], TAG.sequence).content);
  const length = parts.find(({ tag }) => tag === TAG.integer);
  if (length === undefined) return undefined;
  const [first = 0x80] = length.content;
  if (first >= 0x80) throw new DerError('negative path length');
  return length.content.length > 4 ? Number.MAX_SAFE_INTEGER : length.content.readUIntBE(0, length.content.length);
}

function isStrong(algorithm: DerElement): boolean {
  const [oid] = readElements(algorithm.content);
  const name = expectTag(oid, TAG.oid).content.toString('hex');
  if (name !== PSS) return STRONG_SIGNATURES.has(name);
  const parameters = algorithm.content.toString('hex');
  return SHA2.some((hash) => parameters.includes(hash));
}
