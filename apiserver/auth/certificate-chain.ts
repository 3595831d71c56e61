import type { Certificate } from './certificate.js';

/** Members of one bundle: each is trusted as it is, an intermediate too (as Go's x509.Certificate.Verify has it). */
export type Authorities = readonly Certificate[];

export type Verification =
  | {
      readonly ok: true;
      /** Wall time, milliseconds, in which every certificate of the path is valid. */
      readonly notBeforeMs: number;
      readonly notAfterMs: number;
    }
  | { readonly ok: false; readonly problem: string };

export interface Candidate {
  readonly leaf: Certificate;
  /** What the peer sent beside it; nothing of it is trusted. */
  readonly intermediates: readonly Certificate[];
}

/** id-kp-clientAuth, and anyExtendedKeyUsage. */
const CLIENT_USAGES = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];
/** Leaf and authority included; real chains have two to four. */
const MAX_CHAIN = 8;
/** Signatures checked for one certificate (Go: 100): intermediates of equal names would multiply the paths. */
const MAX_SIGNATURE_CHECKS = 100;

/**
 * Whether a path of valid certificates leads from a client's certificate to a member of ONE bundle, by Go's rules: dates of every
 * certificate, authorities that are ones, path lengths, and client authentication wherever a certificate restricts its use. A leaf
 * that says nothing of its use may be a client's.
 */
export function verifyChain(candidate: Candidate, authorities: Authorities, wallMs: number): Verification {
  const search = new Search(candidate, authorities, wallMs);
  try {
    return search.extend([candidate.leaf]);
  } catch (error) {
    // node:crypto throws for keys it does not know; a path that cannot be judged is none.
    return {
      ok: false,
      problem: `a certificate cannot be judged: ${error instanceof Error ? error.message : 'unknown'}`,
    };
  }
}

class Search {
  readonly #candidate: Candidate;
  readonly #authorities: Authorities;
  readonly #wallMs: number;
  #checks = 0;

  constructor(candidate: Candidate, authorities: Authorities, wallMs: number) {
    this.#candidate = candidate;
    this.#authorities = authorities;
    this.#wallMs = wallMs;
  }

  /** Looks for the rest of a path, from the leaf upwards. */
  extend(chain: readonly Certificate[]): Verification {
    const last = chain.at(-1);
    const unfit = last === undefined ? 'there is no certificate' : this.#unfit(last);
    if (last === undefined || unfit !== undefined) return { ok: false, problem: unfit ?? '' };
    if (this.#authorities.some(({ fingerprint }) => fingerprint === last.fingerprint)) return this.#judge(chain);
    let problem = 'no authority of the bundle issued it';
    if (chain.length >= MAX_CHAIN) return { ok: false, problem };
    for (const issuer of this.#authorities) {
      if (!this.#isIssuer(issuer, chain)) continue;
      const found = this.#unfit(issuer) === undefined ? this.#judge([...chain, issuer]) : this.#refusal(issuer);
      if (found.ok) return found;
      problem = found.problem;
    }
    for (const issuer of this.#candidate.intermediates) {
      if (chain.includes(issuer) || !this.#isIssuer(issuer, chain)) continue;
      const found = this.extend([...chain, issuer]);
      if (found.ok) return found;
      problem = found.problem;
    }
    return { ok: false, problem };
  }

  #refusal(certificate: Certificate): Verification {
    return { ok: false, problem: this.#unfit(certificate) ?? '' };
  }

  #unfit({ notBeforeMs, notAfterMs, hasUnknownCriticalExtension }: Certificate): string | undefined {
    if (this.#wallMs < notBeforeMs) return 'a certificate is not yet valid';
    if (this.#wallMs > notAfterMs) return 'a certificate has expired';
    return hasUnknownCriticalExtension ? 'a certificate has an unknown critical extension' : undefined;
  }

  /** Names first: they tell the many that did not issue it without the price of a signature. */
  #isIssuer(issuer: Certificate, chain: readonly Certificate[]): boolean {
    const [child] = chain.slice(-1);
    // Between this authority and the leaf stand all of the chain but the leaf.
    if (child === undefined || !issuer.x509.ca || chain.length - 1 > (issuer.pathLength ?? Infinity)) return false;
    if (!child.isSignedStrongly || !child.x509.checkIssued(issuer.x509)) return false;
    return this.#checks++ < MAX_SIGNATURE_CHECKS && child.x509.verify(issuer.x509.publicKey);
  }

  #judge(chain: readonly Certificate[]): Verification {
    const isForClients = chain.every(
      ({ extendedKeyUsage }) => extendedKeyUsage?.some((one) => CLIENT_USAGES.includes(one)) ?? true,
    );
    if (!isForClients) return { ok: false, problem: 'a certificate is not for client authentication' };
    // Which names are permitted is not looked into: a name that might be forbidden counts as forbidden.
    if (this.#candidate.leaf.hasAlternativeNames && chain.some(({ hasNameConstraints }) => hasNameConstraints)) {
      return { ok: false, problem: 'an authority constrains names' };
    }
    return {
      ok: true,
      notBeforeMs: Math.max(...chain.map(({ notBeforeMs }) => notBeforeMs)),
      notAfterMs: Math.min(...chain.map(({ notAfterMs }) => notAfterMs)),
    };
  }
}
