import type { KeyObject, X509Certificate } from 'node:crypto';

/** Bits, as Go's crypto/tls refuses more (CVE-2023-29409); a check takes under 1 ms. */
const RSA_BITS_MAX = 8_192;
/** As Go's crypto/rsa has it; everybody uses 65,537. */
const RSA_EXPONENT_MAX = 2n ** 31n - 1n;
/** Those of Go's crypto/x509; explicit parameters have no name here, and cost what their author likes. */
const CURVES = ['secp224r1', 'prime256v1', 'secp384r1', 'secp521r1'];

/** Whether a signature can be checked with the certificate's key at a bounded price: a peer chooses the keys that it sends. */
export function hasBoundedKey(x509: X509Certificate): boolean {
  try {
    return isBounded(x509.publicKey);
  } catch (error) {
    if (error instanceof Error) return false; // a kind of key that node:crypto does not know
    throw error;
  }
}

function isBounded({ asymmetricKeyType, asymmetricKeyDetails: details = {} }: KeyObject): boolean {
  switch (asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return (
        (details.modulusLength ?? Infinity) <= RSA_BITS_MAX && (details.publicExponent ?? Infinity) <= RSA_EXPONENT_MAX
      );
    case 'ec':
      return CURVES.includes(details.namedCurve ?? '');
    default:
      return asymmetricKeyType === 'ed25519';
  }
}
