import type { Clock } from '../../runtime/clock.js';
import { ApiError } from '../api/errors.js';
import type { AuthenticationConfig } from './authentication-config.js';
import { certificateUser, commonName } from './certificate-user.js';
import { PeerCertificates, peerSocketOf, type PresentedCertificate } from './peer-certificate.js';
import { hasRemoteHeaders, readRemoteUser } from './request-header.js';
import type { TokenAuthenticator } from './token-review.js';
import { ANONYMOUS, AUTHENTICATED, type User } from './user.js';

export type AuthenticationMethod = 'front-proxy' | 'certificate' | 'token' | 'anonymous';
export type AuthenticationResult = 'authenticated' | 'refused' | 'error';

export interface Authentication {
  readonly user: User;
  readonly method: AuthenticationMethod;
}

/** A request of HTTP/1.1 or HTTP/2 as Node has it; the socket is found beneath it. */
export interface RawRequest {
  readonly rawHeaders: readonly string[];
  readonly headers: { readonly authorization?: string | undefined };
}

export interface Authenticator {
  /** @throws {ApiError} Unauthorized where credentials were shown and none of them is good */
  authenticate(raw: RawRequest, remoteAddress: string): Promise<Authentication>;
}

export interface AuthenticatorOptions {
  /** The newest there is; undefined while there is none: then no certificate is good. */
  readonly config: () => AuthenticationConfig | undefined;
  readonly tokens: TokenAuthenticator;
  readonly clock: Clock;
  readonly onAttempt?: (method: AuthenticationMethod, result: AuthenticationResult) => void;
  /** X-Remote headers came from somebody who is not the front proxy. */
  readonly onIgnoredHeaders?: () => void;
}

const ANONYMOUS_AUTHENTICATION: Authentication = { user: ANONYMOUS, method: 'anonymous' };
const UNAUTHENTICATED = 'system:unauthenticated';

/**
 * Front proxy, client certificate, bearer token, nobody, in this order (apiserver, authenticatorfactory/delegating.go). The first that is
 * good counts; whoever shows only bad credentials is refused instead of taken for nobody.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { config, tokens, clock, onAttempt = () => undefined, onIgnoredHeaders = () => undefined } = options;
  const certificates = new PeerCertificates(clock);

  const byCertificate = (raw: RawRequest): Authentication | 'refused' | undefined => {
    const current = config();
    const presented = certificates.of(peerSocketOf(raw));
    if (presented !== undefined && current?.frontProxy !== undefined && isFrontProxy(presented, current.frontProxy)) {
      const user = readRemoteUser(raw.rawHeaders, current.frontProxy);
      if (user !== undefined) return { user, method: 'front-proxy' };
    } else if (hasRemoteHeaders(raw.rawHeaders, current?.frontProxy)) onIgnoredHeaders();
    if (presented === undefined) return undefined;
    const user = userOf(presented, current);
    return user === undefined ? 'refused' : { user, method: 'certificate' };
  };

  return {
    authenticate: async (raw, remoteAddress) => {
      const shown = byCertificate(raw);
      if (shown === 'refused') onAttempt('certificate', 'refused');
      else if (shown !== undefined) {
        onAttempt(shown.method, 'authenticated');
        return { ...shown, user: asKnown(shown.user) };
      }
      const token = bearerToken(raw.headers.authorization);
      if (token !== undefined) {
        const outcome = await tokens.authenticate(token, remoteAddress).catch((error: unknown) => {
          onAttempt('token', error instanceof ApiError && error.statusCode < 500 ? 'refused' : 'error');
          throw error;
        });
        onAttempt('token', outcome.ok ? 'authenticated' : outcome.reason);
        if (outcome.ok) return { user: asKnown(outcome.user), method: 'token' };
      }
      if (token !== undefined || shown === 'refused') throw new ApiError('Unauthorized', 'Unauthorized');
      onAttempt('anonymous', 'authenticated');
      return ANONYMOUS_AUTHENTICATION;
    },
  };
}

/** Its certificate leads to the front proxy's authorities, and to those alone; no other authority's word makes a proxy. */
function isFrontProxy(
  presented: PresentedCertificate,
  { authorities, allowedNames }: NonNullable<AuthenticationConfig['frontProxy']>,
): boolean {
  if (presented.leaf === undefined || !presented.verify(authorities).ok) return false;
  return allowedNames.length === 0 || allowedNames.includes(commonName(presented.leaf.x509));
}

function userOf(presented: PresentedCertificate, config: AuthenticationConfig | undefined): User | undefined {
  if (presented.leaf === undefined || config?.clientAuthorities === undefined) return undefined;
  return presented.verify(config.clientAuthorities).ok ? certificateUser(presented.leaf.x509) : undefined;
}

/** Everybody but nobody is in system:authenticated (apiserver, group/authenticated_group_adder.go). */
function asKnown(user: User): User {
  if (user.name === ANONYMOUS.name) return user;
  if (user.groups.includes(AUTHENTICATED) || user.groups.includes(UNAUTHENTICATED)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED] };
}

/** The token of `Authorization: Bearer <token>`; any other scheme is none of ours (bearertoken.go). */
function bearerToken(authorization: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (authorization ?? '').trim().split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}
