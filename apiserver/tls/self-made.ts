import { randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';
import { validityOf, type KeyPair } from './key-pair.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A clock that is behind ours must not find a certificate "not yet valid". */
const BACKDATED_MS = DAY_MS;
const SELF_SIGNED_LIFETIME_MS = 365 * DAY_MS;
/** As the authorities of kubeadm: every client has to learn of a new one, so that they are to be rare. */
const AUTHORITY_LIFETIME_MS = 3_650 * DAY_MS;
/**
 * Nobody has to learn of a new leaf, and a replica makes one without asking anybody. Short enough that a stolen key is soon
 * worthless, long enough that one survives any outage of what renews it.
 */
const LEAF_LIFETIME_MS = 90 * DAY_MS;

type Options = NonNullable<Parameters<typeof generate>[1]>;
type Extension = NonNullable<Options['extensions']>[number];

/** A server certificate that is its own authority, for host names and addresses. */
export async function createSelfSignedCertificate(hosts: readonly string[], wallMs: number): Promise<KeyPair> {
  return make('podnet-apiserver', {
    ...datesFrom(wallMs, SELF_SIGNED_LIFETIME_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      ...serverExtensions(hosts),
    ],
  });
}

/**
 * An authority that signs server certificates. Each has a name of its own: OpenSSL finds the issuer of a certificate by name, and
 * where two have the same one it may try the wrong key only.
 */
export async function createAuthority(wallMs: number): Promise<KeyPair> {
  const name = `podnet-apiserver-ca@${Math.floor(wallMs / 1_000)}-${randomBytes(4).toString('hex')}`;
  return make(name, {
    ...datesFrom(wallMs, AUTHORITY_LIFETIME_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
    ],
  });
}

/** A server certificate for host names and addresses, signed by an authority, and not valid longer than that. */
export async function createLeaf(authority: KeyPair, hosts: readonly string[], wallMs: number): Promise<KeyPair> {
  const { untilMs } = validityOf(new X509Certificate(authority.cert));
  const { notBeforeDate, notAfterDate } = datesFrom(wallMs, LEAF_LIFETIME_MS);
  return make('podnet-apiserver', {
    notBeforeDate,
    notAfterDate: new Date(Math.min(notAfterDate.getTime(), untilMs)),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      ...serverExtensions(hosts),
    ],
  });
}

/** ECDSA P-256: what every client knows, and a handshake costs a tenth of one with RSA. */
async function make(commonName: string, options: Options): Promise<KeyPair> {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    ...options,
  });
  return { cert: made.cert, key: made.private };
}

function datesFrom(wallMs: number, lifetimeMs: number): { notBeforeDate: Date; notAfterDate: Date } {
  return { notBeforeDate: new Date(wallMs - BACKDATED_MS), notAfterDate: new Date(wallMs + lifetimeMs) };
}

function serverExtensions(hosts: readonly string[]): Extension[] {
  const altNames = [...new Set(hosts)].map((host) =>
    isIP(host) === 0 ? { type: 2 as const, value: host } : { type: 7 as const, ip: host },
  );
  return [
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames },
  ];
}
