import type { Registry } from 'prom-client';
import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import type { Logger } from '../../runtime/logger.js';
import type { App } from '../api/app-types.js';
import { lookupCounter } from '../cache-lookups.js';
import { addAuthGauges, createAuthMetrics, type AuthMetrics } from './auth-metrics.js';
import { createAuthenticator } from './authenticate.js';
import { AuthenticationConfigSource } from './authentication-config-source.js';
import { Authorizer, REPORTS_AUTHORIZATION } from './authorize.js';
import { addAuth } from './hook.js';
import { CONCURRENCY_LIMITS, ConcurrencyLimit } from './limit-concurrency.js';
import type { ReviewLimits } from './review.js';
import { TokenReviewer, type TokenAuthenticator } from './token-review.js';

export interface AuthDeps {
  readonly api: KubeApi;
  /** For access to reports: thousands of agents that come at once must not stand in the way of the HPA's questions. */
  readonly reportsApi?: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** Says whose the token of an agent is; without it, whoever reviews all others. */
  readonly agentTokens?: TokenAuthenticator;
  /** Of the reviews of everything but reports. */
  readonly reviewLimits?: ReviewLimits;
}

/** Authentication and authorization by the cluster, as one. */
export interface Auth {
  /** Has to be run; its check belongs to `/readyz`. */
  readonly source: AuthenticationConfigSource;
  /** Guards every route of an app, also those that it has already. */
  guard(app: App): void;
}

export function createAuth(deps: AuthDeps): Auth {
  const { api, reportsApi = api, clock, log, registry, agentTokens, reviewLimits } = deps;
  const metrics = createAuthMetrics(registry);
  const source = new AuthenticationConfigSource({ api, clock, log });
  const limits = reviewLimits === undefined ? {} : { limits: reviewLimits };
  const tokens = new TokenReviewer({ api, clock, log, ...limits, onLookup: lookupCounter(registry, 'tokens') });
  const shared = { api, clock, log, onDecision: decisionCounter(metrics) };
  const authorizer = new Authorizer({ ...shared, ...limits });
  const reportsAuthorizer = new Authorizer({ ...shared, api: reportsApi, ...REPORTS_AUTHORIZATION });
  const limit = new ConcurrencyLimit(CONCURRENCY_LIMITS, (by) => metrics.overLimit.inc({ limit: by }));
  const authenticatorOf = (by: TokenAuthenticator): ReturnType<typeof createAuthenticator> =>
    createAuthenticator({
      config: () => source.current,
      tokens: by,
      clock,
      onAttempt: (method, result) => metrics.attempts.inc({ method, result }),
      onIgnoredHeaders: () => metrics.ignoredHeaders.inc(),
    });
  addAuthGauges(registry, {
    caches: { tokens, access: authorizer, report_access: reportsAuthorizer },
    inFlight: () => limit.inFlight,
  });
  return {
    source,
    guard: (app) =>
      addAuth(app, {
        authenticator: authenticatorOf(tokens),
        authorizer,
        reports: { authenticator: authenticatorOf(agentTokens ?? tokens), authorizer: reportsAuthorizer },
        ...{ limit, metrics, clock, log },
      }),
  };
}

function decisionCounter({
  decisions,
}: AuthMetrics): (result: 'allowed' | 'denied' | 'error', isCached: boolean) => void {
  return (result, isCached) => decisions.inc({ result, cached: String(isCached) });
}
