import { ApiError } from '../api/errors.js';
import type { User } from './user.js';

/** An agent, as its token says. */
export interface AgentIdentity {
  readonly user: User;
  /** The node that its token is bound to; undefined only with --allow-unbound-agents. */
  readonly node?: string;
  /** The pod that its token is bound to; it exists. */
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** How it was verified: with the keys that the cluster publishes, or by a TokenReview. */
  readonly source: 'keys' | 'review';
}

/** Keys of `User.extra` that Kubernetes gives a service account (apiserver/pkg/authentication/serviceaccount/util.go). */
export const EXTRA = {
  credentialId: 'authentication.kubernetes.io/credential-id',
  podName: 'authentication.kubernetes.io/pod-name',
  podUid: 'authentication.kubernetes.io/pod-uid',
  nodeName: 'authentication.kubernetes.io/node-name',
  nodeUid: 'authentication.kubernetes.io/node-uid',
} as const;

/**
 * An agent reports for the node that its credentials are bound to, and for no other.
 * @param user of a verified token of its own, or as the front proxy says
 * @throws {ApiError} Forbidden
 */
export function checkNode(
  { name, extra }: User,
  reportNode: string,
  { allowUnbound }: { readonly allowUnbound: boolean },
): void {
  const [node, other] = extra[EXTRA.nodeName] ?? [];
  if (node === undefined && allowUnbound) return;
  if (node === undefined || other !== undefined) {
    throw new ApiError(
      'Forbidden',
      `the report is of node "${reportNode}", but the credentials of ${name} are bound to no node: agents push with a projected token of their pod, on Kubernetes 1.30 or later`,
    );
  }
  if (node === reportNode) return;
  throw new ApiError(
    'Forbidden',
    `the report is of node "${reportNode}", but the token of ${name} is bound to node "${node}": --node-name of the agent must be the name of its Node`,
  );
}
