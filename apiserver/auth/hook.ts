import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import type { App, Request } from '../api/app-types.js';
import { ApiError } from '../api/errors.js';
import { attributesOf, type Attributes } from './attributes.js';
import { AnswerSlot } from './answer-slot.js';
import type { AuthMetrics } from './auth-metrics.js';
import type { Authenticator } from './authenticate.js';
import type { Authorizer } from './authorize.js';
import type { Asker, ConcurrencyLimit } from './limit-concurrency.js';
import { LogLimit } from '../../runtime/log-limit.js';
import { ANONYMOUS, type User } from './user.js';

/** Who may ask whom. */
export interface Guards {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
}

export interface AuthHookOptions extends Guards {
  /** For `POST` of a node's report instead: agents have tokens of their own, and rights that are looked up less often. */
  readonly reports?: Guards;
  readonly limit: ConcurrencyLimit;
  readonly metrics: Pick<AuthMetrics, 'unlogged'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Exactly these, not what is below them: the kubelet probes them as nobody. Whoever shows something is nobody there, too: the reference
 * answers 401 to a bad token, but nothing of these depends on who asks, and a probe must not cost, nor wait for, a review.
 */
const OPEN_PATHS = ['/healthz', '/livez', '/readyz'];
const DENIALS_LOGGED_PER_SECOND = 10;
const MAX_LOGGED_CHARACTERS = 256;

/** What is known of a request so far; a denial is logged with it. */
interface Progress {
  readonly remoteAddress: string;
  user?: User;
  attributes?: Attributes;
}

/**
 * Lets nobody in who is not known and allowed: on every route, on paths that do not exist and on methods that are not served.
 * Call it after the hooks that shape answers, so that a refusal is a `Status`, too.
 */
export function addAuth(app: App, options: AuthHookOptions): void {
  const logged = new LogLimit(options.clock, DENIALS_LOGGED_PER_SECOND);
  const slots = new WeakMap<Request, AnswerSlot>();
  app.decorateRequest('user');
  app.addHook('onRequest', async (request, reply) => {
    const slot = new AnswerSlot(reply);
    slots.set(request, slot);
    const progress: Progress = { remoteAddress: request.ip };
    try {
      await admit(request, { options, progress, slot });
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'Forbidden')
        void reply.header('x-content-type-options', 'nosniff');
      if (logged.take()) logDenial(error, request, progress, options.log);
      else options.metrics.unlogged.inc();
      throw error;
    }
  });
  app.addHook('onSend', (request, _reply, payload, done) => {
    slots.get(request)?.handOver(payload);
    done();
  });
}

interface Admission {
  readonly options: AuthHookOptions;
  readonly progress: Progress;
  readonly slot: AnswerSlot;
}

async function admit(request: Request, { options, progress, slot }: Admission): Promise<void> {
  if (OPEN_PATHS.includes(request.url.split('?', 1)[0] ?? '')) {
    request.user = ANONYMOUS;
    return;
  }
  const isReport = request.method === 'POST' && request.routeOptions.url === NODE_REPORTS_PATH;
  const { authenticator, authorizer } = (isReport ? options.reports : undefined) ?? options;
  const { user, method } = await authenticator.authenticate(request.raw, progress.remoteAddress);
  request.user = user;
  progress.user = user;
  const asker: Asker = { user, isReport, isDirect: method !== 'front-proxy' };
  progress.attributes = attributesOf(request.method, request.url, request.query);
  await authorizer.authorize(user, progress.attributes, {
    isServed: !request.is404,
    whileAsking: () => options.limit.ask(asker),
  });
  slot.hold(options.limit.answer(asker));
}

function logDenial(error: unknown, request: Request, { remoteAddress, user, attributes }: Progress, log: Logger): void {
  const code = error instanceof ApiError ? error.statusCode : 500;
  const fields = {
    code,
    user: cut(user?.name ?? ''),
    groups: user?.groups.length ?? 0,
    ...attributeFields(request, attributes),
    remoteAddress,
    reason: cut(error instanceof ApiError ? error.message : 'internal error'),
  };
  if (code >= 500) log.warn(fields, 'request denied: it could not be judged');
  else log.info(fields, 'request denied');
}

function attributeFields({ method, url }: Request, attributes: Attributes | undefined): object {
  if (attributes !== undefined && 'resourceAttributes' in attributes) {
    const { verb, resource, subresource = '', namespace = '', name = '' } = attributes.resourceAttributes;
    return {
      verb,
      resource: cut(subresource === '' ? resource : `${resource}/${subresource}`),
      namespace: cut(namespace),
      name: cut(name),
    };
  }
  return { verb: method.toLowerCase(), path: cut(url.split('?', 1)[0] ?? '') };
}

/** A name may be kilobytes long; a line of a log is not. */
function cut(text: string): string {
  return text.length <= MAX_LOGGED_CHARACTERS ? text : `${text.slice(0, MAX_LOGGED_CHARACTERS)}…`;
}
