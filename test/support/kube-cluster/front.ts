import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { attributesOf } from '../../../apiserver/auth/attributes.js';
import { forbidden } from '../../../apiserver/auth/forbidden.js';
import type { User } from '../../../apiserver/auth/user.js';
import { ApiError, statusOf } from '../../../apiserver/api/errors.js';
import { createSelfSignedCertificate } from '../../../apiserver/tls/self-made.js';
import type { KeyPair } from '../../../apiserver/tls/key-pair.js';
import { at, textAt } from '../../cluster/json.js';
import type { KubeApiServer } from '../kube-api.js';
import { answer, asObject, readBody } from '../kube-api/serve.js';
import { parseLocation, renderLocation } from '../kube-api/location.js';
import type { Aggregator } from './aggregator.js';
import { KINDS, resourceList } from './kinds.js';
import { decodeSelfReview } from './protobuf.js';
import { isAllowed, readAttributes, type AskedFor } from './rbac.js';
import type { ServiceAccountTokens } from './tokens.js';

const ADMIN: User = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'], extra: {} };
const SELF_REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

export interface FrontDeps {
  readonly api: KubeApiServer;
  readonly tokens: ServiceAccountTokens;
  readonly aggregator: Aggregator;
  readonly onAsked?: ((asked: AskedFor) => void) | undefined;
}

/**
 * What stands before the objects in a kube-apiserver: tokens, impersonation, roles, subresources that act, the aggregation layer. All
 * else is handed to the test's API server.
 */
export class Front {
  readonly #deps: FrontDeps;
  readonly #pair: KeyPair;
  readonly #server: Server;

  private constructor(deps: FrontDeps, pair: KeyPair) {
    this.#deps = deps;
    this.#pair = pair;
    this.#server = createServer(pair, (incoming, response) => {
      this.#serve(incoming, response).catch((error: unknown) => {
        const status = statusOf(error instanceof Error ? error : new Error(String(error)));
        if (response.headersSent) response.destroy();
        else answer(response, status.code, status);
      });
    });
  }

  static async start(deps: FrontDeps): Promise<Front> {
    const front = new Front(deps, await createSelfSignedCertificate(['127.0.0.1', 'localhost'], Date.now()));
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** PEM. */
  get ca(): string {
    return this.#pair.cert;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = incoming;
    const user = this.#userOf(incoming);
    const url = new URL(path, this.url);
    const attributes = attributesOf(method, path, Object.fromEntries(url.searchParams));
    const mayHave = isAllowed(this.#deps.api, user, attributes);
    this.#deps.onAsked?.({ by: 'request', user, attributes, isAllowed: mayHave });
    if (!mayHave) throw forbidden(user, attributes, '');
    const registration = this.#deps.aggregator.find(path);
    if (registration !== undefined) await this.#deps.aggregator.proxy(registration, user, incoming, response);
    else if (!this.#discover(url.pathname, response)) await this.#act(incoming, url.pathname, user, response);
  }

  #userOf({ headers }: IncomingMessage): User {
    const token = (headers.authorization ?? '').replace(/^Bearer /, '');
    const user = token === this.#deps.api.token ? ADMIN : this.#deps.tokens.userOf(token);
    if (user === undefined) throw new ApiError('Unauthorized', 'Unauthorized');
    const name = headers['impersonate-user'];
    if (typeof name !== 'string') return user;
    if (user !== ADMIN) throw new ApiError('Forbidden', 'only the administrator impersonates here');
    const groups = String(headers['impersonate-group'] ?? '').split(', ');
    return { name, groups: [...groups.filter((group) => group !== ''), 'system:authenticated'], extra: {} };
  }

  /** @returns whether it was that */
  #discover(pathname: string, response: ServerResponse): boolean {
    const own = KINDS.filter(({ groupVersion }) => groupVersion !== 'v1').map(({ group }) => group);
    const groups = [...own, ...this.#deps.aggregator.groups()];
    const group = groups.find((one) => pathname === `/apis/${textAt(one, 'name')}`);
    const kinds = KINDS.find(({ groupVersion }) =>
      [`/api/${groupVersion}`, `/apis/${groupVersion}`].includes(pathname),
    );
    const documents: Readonly<Record<string, object | undefined>> = {
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups },
    };
    const found = group ?? documents[pathname] ?? (kinds && resourceList(kinds));
    if (found !== undefined) answer(response, 200, found);
    return found !== undefined;
  }

  /** Subresources and deletions that do more than to write an object. */
  async #act(incoming: IncomingMessage, pathname: string, user: User, response: ServerResponse): Promise<void> {
    const { api, tokens } = this.#deps;
    const location = parseLocation(pathname);
    const path = location === undefined ? '' : renderLocation(location);
    switch (`${incoming.method ?? ''} ${location?.resource ?? ''}/${location?.subresource ?? ''}`) {
      case 'POST serviceaccounts/token':
        answer(
          response,
          201,
          await tokens.issue(location?.namespace ?? '', location?.name ?? '', await readBody(incoming)),
        );
        return;
      case 'POST pods/binding': {
        const found = api.objects.get(path);
        if (found === undefined) throw new ApiError('NotFound', `pods "${location?.name ?? ''}" not found`);
        const nodeName = textAt(await readBody(incoming), 'target', 'name');
        api.put(path, { ...found, spec: { ...asObject(found['spec']), nodeName } });
        answer(response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
        return;
      }
      case 'GET pods/log':
        response.writeHead(200, { 'content-type': 'text/plain' }).end(`${location?.name ?? ''} has nothing to tell\n`);
        return;
      case 'DELETE namespaces/': {
        // its controller empties and removes it
        const found = api.objects.get(path);
        if (found === undefined) throw new ApiError('NotFound', `namespaces "${location?.name ?? ''}" not found`);
        const metadata = { ...found.metadata, deletionTimestamp: new Date().toISOString() };
        answer(response, 200, api.put(path, { ...found, metadata }));
        return;
      }
    }
    if (pathname === SELF_REVIEWS) answer(response, 201, this.#reviewSelf(await readReview(incoming), user));
    else this.#pass(incoming, response);
  }

  #reviewSelf(body: unknown, user: User): object {
    const attributes = readAttributes(at(body, 'spec'));
    const kind = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', metadata: {} };
    return { ...asObject(body), ...kind, status: { allowed: isAllowed(this.#deps.api, user, attributes) } };
  }

  /** To the objects, watches included. */
  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { api } = this.#deps;
    const { method, url, headers } = incoming;
    const outgoing = httpsRequest(`${api.url}${url ?? ''}`, {
      ...{ method, ca: api.ca },
      headers: { ...headers, host: new URL(api.url).host, authorization: `Bearer ${api.token}` },
    });
    outgoing.on('response', (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers);
      response.flushHeaders();
      answered.pipe(response);
      answered.on('error', () => response.destroy());
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}

/** kubectl writes it as protobuf, whatever it is to get. */
async function readReview(incoming: IncomingMessage): Promise<unknown> {
  if (incoming.headers['content-type'] !== 'application/vnd.kubernetes.protobuf') return readBody(incoming);
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return decodeSelfReview(Buffer.concat(chunks));
}
