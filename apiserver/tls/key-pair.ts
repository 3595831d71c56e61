import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { errorMessage } from '../../runtime/logger.js';

/** A certificate, with its chain where it has one, and its key; PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate and a key cannot be used together. The message never quotes either. */
export class KeyPairError extends Error {
  override readonly name = 'KeyPairError';
  readonly code = 'APISERVER_KEY_PAIR';
}

/**
 * Looks whether TLS can be served with a pair.
 * @returns the certificate, the first of its chain
 * @throws {KeyPairError} when one of them does not parse, or they do not belong together
 */
export function checkKeyPair({ cert, key }: KeyPair): X509Certificate {
  const certificate = attempt('certificate', () => new X509Certificate(cert));
  const privateKey = attempt('key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new KeyPairError('the key is not that of the certificate');
  }
  attempt('pair', () => createSecureContext({ cert, key })); // also looks at the rest of the chain
  return certificate;
}

function attempt<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new KeyPairError(`the ${what} is not usable: ${errorMessage(error)}`, { cause: error });
  }
}

/** When a certificate is valid, milliseconds since 1970. */
export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

export function validityOf(certificate: X509Certificate): Validity {
  return { fromMs: Date.parse(certificate.validFrom), untilMs: Date.parse(certificate.validTo) };
}

/** Hosts that a client cannot reach with this certificate under their name or address. */
export function uncoveredHosts(certificate: X509Certificate, hosts: readonly string[]): string[] {
  return hosts.filter((host) => {
    const covered = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
    return covered === undefined;
  });
}

/** SHA-256 of a certificate, as `openssl x509 -fingerprint` prints it. */
export function fingerprint(cert: string): string {
  return new X509Certificate(cert).fingerprint256;
}
