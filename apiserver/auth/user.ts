/** Who sends a request (apiserver/pkg/authentication/user.Info). */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'], extra: {} };
/** The group that may do everything, and is asked nobody about. */
export const MASTERS = 'system:masters';
/** The group of everybody who is known. */
export const AUTHENTICATED = 'system:authenticated';
