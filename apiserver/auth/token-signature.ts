import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import { parseAgentClaims, type AgentClaims } from './agent-claims.js';
import type { PublishedKeys } from './service-account-keys.js';
import { TokenRefusal, type RefusalReason } from './token-refusal.js';

/** Of the tokens of agents. */
export const AUDIENCE = 'podnet';
/** By so much the clocks of two machines of a cluster may differ. */
export const CLOCK_TOLERANCE_MS = 60_000;

/** All that is asymmetric and that Kubernetes can be told to sign with; never `none` or a shared secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

/** What a token says of itself, verified by nobody. */
export interface UnverifiedToken {
  readonly issuer: string | undefined;
  readonly keyId: string | undefined;
  readonly audiences: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresMs: number | undefined;
}

/** @returns undefined when it is no JSON Web Token */
export function readUnverified(token: string): UnverifiedToken | undefined {
  try {
    const { kid } = decodeProtectedHeader(token);
    const { iss, exp, aud } = decodeJwt(token);
    return {
      issuer: typeof iss === 'string' ? iss : undefined,
      keyId: typeof kid === 'string' ? kid : undefined,
      audiences: (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string'),
      expiresMs: typeof exp === 'number' ? exp * 1_000 : undefined,
    };
  } catch (error) {
    if (error instanceof TypeError || error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/**
 * Verifies a token of the cluster's own issuer: signature, audience, times, and that its claims agree.
 * @returns undefined when its key cannot be used, so that a review has to decide
 * @throws {TokenRefusal}
 */
export async function verifySignature(
  token: string,
  keys: PublishedKeys,
  wallMs: number,
): Promise<AgentClaims | undefined> {
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(token, keys.keyFor, {
      algorithms: ALGORITHMS,
      issuer: keys.issuer,
      audience: AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE_MS / 1_000,
      currentDate: new Date(wallMs),
      requiredClaims: ['exp'],
    }));
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined) return undefined;
    throw new TokenRefusal(reason, 'keys');
  }
  const claims = parseAgentClaims(payload);
  if (claims.issuedMs > wallMs + CLOCK_TOLERANCE_MS) throw new TokenRefusal('not_yet_valid', 'keys');
  return claims;
}

/** Undefined for what does not lie in the token: a key that cannot be read, too short a one. */
function refusalOf(error: unknown): RefusalReason | undefined {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'audience';
    return error.claim === 'nbf' ? 'not_yet_valid' : 'claims';
  }
  return error instanceof errors.JOSEError ? 'malformed' : undefined;
}
