/** Why a token is refused, in general words; never the token or a part of it. */
const REFUSALS = {
  malformed: 'the token is not usable: not a JSON Web Token, or too long',
  issuer: 'the token is of another issuer than the tokens of this cluster: mount a projected service account token',
  key: 'the token is signed with a key that this cluster does not publish',
  algorithm: 'the token is signed with an algorithm that service account tokens do not have',
  signature: 'the signature of the token is not valid',
  expired: 'the token has expired',
  not_yet_valid: 'the token is not valid yet: compare the clocks',
  audience: 'the token is not for the audience "podnet": mount a projected service account token of that audience',
  claims: 'the token is not one of a service account, or contradicts itself',
  denied: 'the token is not valid, or its pod is gone',
  unbound:
    'the token is not bound to a node: mount a projected token, and on Kubernetes before 1.30 see --allow-unbound-agents',
} as const;
export type RefusalReason = keyof typeof REFUSALS;

/** A token gives no access, for a reason that will not go away by itself. */
export class TokenRefusal extends Error {
  override readonly name = 'TokenRefusal';
  readonly code = 'APISERVER_TOKEN_REFUSED';

  constructor(
    readonly reason: RefusalReason,
    /** What judged it. */
    readonly source: 'keys' | 'review',
  ) {
    super(REFUSALS[reason]);
  }
}
