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

/** @throws {ApiError} Forbidden, when the agent reports for another node than its own */
export function checkNode({ user, node }: AgentIdentity, reportNode: string): void {
  if (node === undefined || node === reportNode) return;
  throw new ApiError(
    'Forbidden',
    `the report is of node "${reportNode}", but the token of ${user.name} is bound to node "${node}": --node-name of the agent must be the name of its Node`,
  );
}
