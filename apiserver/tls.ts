import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate and its key, PEM. A self-made one is its own authority. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A clock that is behind ours must not find the certificate "not yet valid". */
const BACKDATED_MS = DAY_MS;
const LIFETIME_MS = 365 * DAY_MS;

/** A self-signed server certificate (ECDSA P-256) for host names and addresses. */
export async function createSelfSignedCertificate(hosts: readonly string[], wallMs: number): Promise<KeyPair> {
  const pems = await generate([{ name: 'commonName', value: 'podnet-apiserver' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(wallMs - BACKDATED_MS),
    notAfterDate: new Date(wallMs + LIFETIME_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host })),
      },
    ],
  });
  return { cert: pems.cert, key: pems.private };
}

/** SHA-256 of a certificate, as `openssl x509 -fingerprint` prints it. */
export function fingerprint(cert: string): string {
  return new X509Certificate(cert).fingerprint256;
}
