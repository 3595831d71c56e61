import { X509Certificate } from 'node:crypto';
import { checkKeyPair, KeyPairError, validityOf, type KeyPair } from './key-pair.js';

const HOUR_MS = 3_600_000;
/**
 * How long a new authority is published before anything is signed by it. Its publisher writes within a minute, kube-apiserver sees
 * an APIService at once, a kubelet renews mounted ConfigMaps within two minutes; a day is for what was down meanwhile.
 */
export const PUBLISHED_BEFORE_USE_MS = 24 * HOUR_MS;
/** Rest of the life of an authority, as a part of it, at which the next one is made: one year of ten. */
const NEXT_AT_REST = 1 / 10;
/** What a client has to trust stays few, whatever happens to the Secret. */
const MAX_BUNDLE = 8;
const MAX_BUNDLE_CHARACTERS = 64 * 1_024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What signs, what is to sign next, and what clients have to trust meanwhile. */
export interface Authority {
  readonly current: KeyPair;
  /** Published, but signs nothing yet. */
  readonly next?: NextAuthority;
  /** Certificates of authorities of before that may still be in use, PEM. */
  readonly earlier: readonly string[];
}

export interface NextAuthority {
  readonly pair: KeyPair;
  /** Milliseconds since 1970; undefined where it was put there by somebody who did not say. */
  readonly sinceMs: number | undefined;
}

/** Content of the Secret: entries of `data` (decoded) and of the annotations. */
export interface AuthorityText {
  readonly 'tls.crt'?: string;
  readonly 'tls.key'?: string;
  readonly 'next.crt'?: string;
  readonly 'next.key'?: string;
  readonly 'ca.crt'?: string;
  /** RFC 3339, an annotation. */
  readonly nextSince?: string;
}

export interface ReadAuthority {
  /** Undefined where neither pair is usable. */
  readonly authority: Authority | undefined;
  /** Certificates that were in the bundle, usable or not what was beside them. */
  readonly bundle: readonly string[];
  /** Why the current pair is not usable; empty where it is. */
  readonly problem: string;
}

/** Reads what a Secret says. A pair that is not usable is as none; if the current one is not, the next one takes its place. */
export function readAuthority(text: AuthorityText, wallMs: number): ReadAuthority {
  const current = usablePair(text['tls.crt'], text['tls.key'], wallMs);
  const next = usablePair(text['next.crt'], text['next.key'], wallMs);
  const bundle = certificatesIn(text['ca.crt'] ?? '', wallMs);
  if (!current.ok) {
    const authority = next.ok ? { current: next.pair, earlier: bundle } : undefined;
    return { authority, bundle, problem: current.reason };
  }
  const sinceMs = Date.parse(text.nextSince ?? '');
  const authority = {
    current: current.pair,
    ...(next.ok && { next: { pair: next.pair, sinceMs: Number.isNaN(sinceMs) ? undefined : sinceMs } }),
    earlier: bundle,
  };
  return { authority, bundle, problem: '' };
}

export function renderAuthority(authority: Authority, wallMs: number): AuthorityText {
  const { current, next } = authority;
  return {
    'tls.crt': current.cert,
    'tls.key': current.key,
    'ca.crt': caBundle(authority, wallMs),
    ...(next !== undefined && {
      'next.crt': next.pair.cert,
      'next.key': next.pair.key,
      nextSince: new Date(next.sinceMs ?? wallMs).toISOString(),
    }),
  };
}

/** Every certificate that clients have to trust, newest first, PEM. */
export function caBundle({ current, next, earlier }: Authority, wallMs: number): string {
  const newestFirst = `${next?.pair.cert ?? ''}\n${current.cert}\n${earlier.join('')}`;
  return certificatesIn(newestFirst, wallMs).slice(0, MAX_BUNDLE).join('');
}

/** What is due: the next one is to be made, its time is to be noted, or it is to sign. */
export type DueStep = 'make_next' | 'note_next' | 'use_next' | undefined;

export function dueStep({ current, next }: Authority, wallMs: number): DueStep {
  if (next !== undefined) {
    if (next.sinceMs === undefined) return 'note_next';
    return wallMs - next.sinceMs >= PUBLISHED_BEFORE_USE_MS ? 'use_next' : undefined;
  }
  const { fromMs, untilMs } = validityOf(new X509Certificate(current.cert));
  return untilMs - wallMs < (untilMs - fromMs) * NEXT_AT_REST ? 'make_next' : undefined;
}

/** The next one signs from now on; what it replaces stays trusted as long as it is valid. */
export function useNext(authority: Authority): Authority {
  const { current, next, earlier } = authority;
  if (next === undefined) return authority;
  return { current: next.pair, earlier: [...certificatesIn(current.cert, 0), ...earlier] };
}

type Usable = { readonly ok: true; readonly pair: KeyPair } | { readonly ok: false; readonly reason: string };

function usablePair(cert: string | undefined, key: string | undefined, wallMs: number): Usable {
  if (cert === undefined || key === undefined) return { ok: false, reason: 'the certificate or the key is missing' };
  try {
    const certificate = checkKeyPair({ cert, key });
    if (!certificate.ca) return { ok: false, reason: 'it is not the certificate of an authority' };
    if (certificate.publicKey.asymmetricKeyType !== 'ec') return { ok: false, reason: 'its key is not ECDSA' };
    if (isExpired(certificate, wallMs)) return { ok: false, reason: `it expired on ${certificate.validTo}` };
    return { ok: true, pair: { cert, key } };
  } catch (error) {
    if (error instanceof KeyPairError) return { ok: false, reason: error.message };
    throw error;
  }
}

/** Certificates of authorities that are still valid; anything else in the text is passed over. */
function certificatesIn(text: string, wallMs: number): string[] {
  const found = (text.slice(0, MAX_BUNDLE_CHARACTERS).match(CERTIFICATE) ?? []).flatMap((pem) => {
    const certificate = parseCertificate(pem);
    const isOne = certificate?.ca === true && !isExpired(certificate, wallMs);
    return isOne ? [certificate.toString()] : []; // as OpenSSL writes it, so that equal ones are equal texts
  });
  return [...new Set(found)];
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    if (error instanceof Error) return undefined; // OpenSSL's many codes all say the same: it is not one
    throw error;
  }
}

function isExpired(certificate: X509Certificate, wallMs: number): boolean {
  return wallMs >= validityOf(certificate).untilMs;
}
