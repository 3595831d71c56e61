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
  | {
      readonly ok: false;
      readonly problem: string;
      /** Whether another time may bring another result: a certificate was too young or too old. */
      readonly dependsOnTime: boolean;
    };

/** Signatures that may still be checked for the sake of one peer, whichever bundles it is held against. */
export interface SignatureBudget {
  left: number;
}

export interface Candidate {
  readonly leaf: Certificate;
  /** What the peer sent beside it; nothing of it is trusted. */
  readonly intermediates: readonly Certificate[];
}

/** id-kp-clientAuth, and anyExtendedKeyUsage. */
const CLIENT_USAGES = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];
/** Leaf and authority included; real chains have two to four. */
const MAX_CHAIN = 8;
/** Partial paths looked at by name alone. */
const MAX_PATHS = 64;
/** Go: 100. A path of a real cluster takes one to three; authorities of one name, as a rotation has them, one more each. */
export const MAX_SIGNATURE_CHECKS = 16;

/**
 * Whether a path of valid certificates leads from a client's certificate to a member of ONE bundle, by Go's rules: dates of every
 * certificate, authorities that are ones, path lengths, and client authentication wherever a certificate restricts its use. A leaf
 * that says nothing of its use may be a client's.
 *
 * A path is looked for by names, and its signatures are checked from the authority downwards: no key is used that nobody trusted
 * vouches for, so that whoever invents certificates buys no work with them.
 */
export function verifyChain(
  candidate: Candidate,
  authorities: Authorities,
  wallMs: number,
  budget: SignatureBudget = { left: MAX_SIGNATURE_CHECKS },
): Verification {
  const presented = [candidate.leaf, ...candidate.intermediates];
  if (!presented.every(({ hasBoundedKey }) => hasBoundedKey)) {
    return {
      ok: false,
      problem: 'a certificate has a key that is too large, or of an unknown kind',
      dependsOnTime: false,
    };
  }
  const search = new Search({ candidate, authorities, wallMs, budget });
  try {
    return search.extend([candidate.leaf]);
  } catch (error) {
    // node:crypto throws for keys it does not know; a path that cannot be judged is none.
    const problem = `a certificate cannot be judged: ${error instanceof Error ? error.message : 'unknown'}`;
    return { ok: false, problem, dependsOnTime: false };
  }
}

interface SearchOptions {
  readonly candidate: Candidate;
  readonly authorities: Authorities;
  readonly wallMs: number;
  readonly budget: SignatureBudget;
}

class Search {
  readonly #options: SearchOptions;
  /** By child and key: certificates of one key and name cost one check. */
  readonly #checked = new Map<string, boolean>();
  #paths = 0;
  #dependsOnTime = false;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  /** Looks for the rest of a path, from the leaf upwards: first right below an authority, then through what the peer sent. */
  extend(chain: readonly Certificate[]): Verification {
    const { authorities, candidate } = this.#options;
    const last = chain.at(-1);
    const unfit = last === undefined ? 'there is no certificate' : this.#unfit(last);
    if (last === undefined || unfit !== undefined) return this.#refusal(unfit ?? '');
    if (authorities.some(({ fingerprint }) => fingerprint === last.fingerprint)) return this.#judge(chain);
    let refused = this.#refusal('no authority of the bundle issued it');
    if (chain.length >= MAX_CHAIN || this.#paths++ >= MAX_PATHS) return refused;
    for (const issuer of authorities) {
      if (!mayIssue(issuer, chain)) continue;
      const found = this.#judge([...chain, issuer]);
      if (found.ok) return found;
      refused = found;
    }
    for (const issuer of candidate.intermediates) {
      if (chain.some(({ identity }) => identity === issuer.identity) || !mayIssue(issuer, chain)) continue;
      const found = this.extend([...chain, issuer]);
      if (found.ok) return found;
      refused = found;
    }
    return refused;
  }

  #refusal(problem: string): Verification {
    return { ok: false, problem, dependsOnTime: this.#dependsOnTime };
  }

  #unfit({ notBeforeMs, notAfterMs, hasUnknownCriticalExtension }: Certificate): string | undefined {
    const { wallMs } = this.#options;
    const isInTime = notBeforeMs <= wallMs && wallMs <= notAfterMs;
    if (!isInTime) this.#dependsOnTime = true;
    if (!isInTime) return wallMs < notBeforeMs ? 'a certificate is not yet valid' : 'a certificate has expired';
    return hasUnknownCriticalExtension ? 'a certificate has an unknown critical extension' : undefined;
  }

  /** A path that ends at an authority: what it costs nothing to see comes first. */
  #judge(chain: readonly Certificate[]): Verification {
    const [authority] = chain.slice(-1);
    const unfit = authority === undefined ? '' : this.#unfit(authority);
    if (unfit !== undefined) return this.#refusal(unfit);
    const isForClients = chain.every(
      ({ extendedKeyUsage }) => extendedKeyUsage?.some((one) => CLIENT_USAGES.includes(one)) ?? true,
    );
    if (!isForClients) return this.#refusal('a certificate is not for client authentication');
    // Which names are permitted is not looked into: a name that might be forbidden counts as forbidden.
    const { leaf } = this.#options.candidate;
    if (leaf.hasAlternativeNames && chain.some(({ hasNameConstraints }) => hasNameConstraints)) {
      return this.#refusal('an authority constrains names');
    }
    if (!this.#isSigned(chain)) return this.#refusal('no authority of the bundle issued it');
    return {
      ok: true,
      notBeforeMs: Math.max(...chain.map(({ notBeforeMs }) => notBeforeMs)),
      notAfterMs: Math.min(...chain.map(({ notAfterMs }) => notAfterMs)),
    };
  }

  /** From the authority downwards; the first signature that does not hold ends it. */
  #isSigned(chain: readonly Certificate[]): boolean {
    for (let i = chain.length - 2; i >= 0; i--) {
      const [child, issuer] = chain.slice(i, i + 2);
      if (child === undefined || issuer === undefined || !this.#isSignedBy(child, issuer)) return false;
    }
    return true;
  }

  #isSignedBy(child: Certificate, issuer: Certificate): boolean {
    const key = `${child.fingerprint} ${issuer.identity}`;
    const known = this.#checked.get(key);
    if (known !== undefined) return known;
    const { budget } = this.#options;
    if (budget.left <= 0) return false;
    budget.left--;
    const isSigned = child.x509.verify(issuer.x509.publicKey);
    this.#checked.set(key, isSigned);
    return isSigned;
  }
}

/** Whether a certificate says of itself that it could have issued the last of a chain. */
function mayIssue(issuer: Certificate, chain: readonly Certificate[]): boolean {
  const [child] = chain.slice(-1);
  // Between this authority and the leaf stand all of the chain but the leaf.
  if (child === undefined || !issuer.x509.ca || chain.length - 1 > (issuer.pathLength ?? Infinity)) return false;
  return child.isSignedStrongly && child.x509.checkIssued(issuer.x509);
}
