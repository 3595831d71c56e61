import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { EXTRA, type AgentIdentity } from './agent-identity.js';
import { TokenRefusal } from './token-refusal.js';
import { AUTHENTICATED, type User } from './user.js';

/** Longest name that Kubernetes has, and more than any uid. */
const name = Type.String({ minLength: 1, maxLength: 253 });
const object = Type.Object({ name, uid: name });

/** Of a service account token (kubernetes/pkg/serviceaccount/claims.go). */
const CLAIMS = Compile(
  Type.Object({
    sub: Type.String({ maxLength: 600 }),
    exp: Type.Number(),
    iat: Type.Number(),
    jti: Type.Optional(name),
    'kubernetes.io': Type.Object({
      namespace: name,
      serviceaccount: object,
      pod: Type.Optional(object),
      /** Without its uid when the Node was not found as the token was made. */
      node: Type.Optional(Type.Object({ name, uid: Type.Optional(name) })),
    }),
  }),
);
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

export interface AgentClaims {
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
  readonly issuedMs: number;
  readonly user: User;
  readonly node?: string;
  readonly pod?: NonNullable<AgentIdentity['pod']>;
}

/**
 * What a service account token says, in the words of a TokenReview.
 * @throws {TokenRefusal} when it is another kind of token, or its subject is not the service account of its claims
 */
export function parseAgentClaims(payload: unknown): AgentClaims {
  if (!CLAIMS.Check(payload)) throw new TokenRefusal('claims', 'keys');
  const { sub, exp, iat, jti, 'kubernetes.io': bound } = payload;
  const { namespace, serviceaccount, pod, node } = bound;
  if (sub !== `system:serviceaccount:${namespace}:${serviceaccount.name}` || !SERVICE_ACCOUNT.test(sub)) {
    throw new TokenRefusal('claims', 'keys');
  }
  const extra = {
    ...(jti !== undefined && { [EXTRA.credentialId]: [`JTI=${jti}`] }),
    ...(pod !== undefined && { [EXTRA.podName]: [pod.name], [EXTRA.podUid]: [pod.uid] }),
    ...(node !== undefined && { [EXTRA.nodeName]: [node.name] }),
    ...(node?.uid !== undefined && { [EXTRA.nodeUid]: [node.uid] }),
  };
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED];
  return {
    expiresMs: exp * 1_000,
    issuedMs: iat * 1_000,
    user: { name: sub, uid: serviceaccount.uid, groups, extra },
    ...(node !== undefined && { node: node.name }),
    ...(pod !== undefined && { pod: { namespace, ...pod } }),
  };
}

/**
 * The agent that a TokenReview knows.
 * @throws {TokenRefusal} when it is no service account
 */
export function identityOfReview(user: User): AgentIdentity {
  if (!SERVICE_ACCOUNT.test(user.name)) throw new TokenRefusal('claims', 'review');
  const [node, pod] = [only(user.extra[EXTRA.nodeName]), boundPodOf(user)];
  return { user, source: 'review', ...(node !== undefined && { node }), ...(pod !== undefined && { pod }) };
}

/** The pod that a service account's credentials are bound to; undefined for anybody else, and where they name none. */
export function boundPodOf({ name: user, extra }: User): AgentIdentity['pod'] {
  const [, namespace] = SERVICE_ACCOUNT.exec(user) ?? [];
  const [podName, uid] = [only(extra[EXTRA.podName]), only(extra[EXTRA.podUid])];
  return namespace === undefined || podName === undefined || uid === undefined
    ? undefined
    : { namespace, name: podName, uid };
}

/** Several values would leave it open which one is meant. */
function only(values: readonly string[] | undefined): string | undefined {
  return values?.length === 1 && values[0] !== '' ? values[0] : undefined;
}
