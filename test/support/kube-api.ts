import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { fingerprint, type KeyPair } from '../../apiserver/tls/key-pair.js';
import { createSelfSignedCertificate } from '../../apiserver/tls/self-made.js';
import { Lists } from './kube-api/list.js';
import { isRecord } from './kube-api/merge-patch.js';
import { Objects, type KubeObject, type StoredObject } from './kube-api/objects.js';
import { answer, asObject, locationOf, readBody, serveObjects, type KubeApiRequest } from './kube-api/serve.js';
import { badRequest, StatusError, unauthorized } from './kube-api/status.js';
import { Watches } from './kube-api/watch.js';

/** What happens to a request instead of, or after `delayMs` before, what should. */
export interface Misbehaviour {
  readonly delayMs?: number;
  /** Answered with this status, headers and body: text as it is, anything else as JSON. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Never answered. */
  readonly hang?: boolean;
  /** The connection breaks. */
  readonly destroy?: boolean;
  /** Answered 200 with a page that is not JSON. */
  readonly nonsense?: boolean;
}

/** The answer to a review: its `status`. */
export type Reviewer = (spec: Readonly<Record<string, unknown>>) => object;

export interface KubeApiOptions {
  readonly token?: string;
  /** PEM of a client certificate that is as good as the token. */
  readonly clientCertificate?: string;
  readonly onTokenReview?: Reviewer;
  readonly onAccessReview?: Reviewer;
}

const HOSTS = ['127.0.0.1', 'localhost'];

/** Starts a server on a free port of loopback that behaves like a small kube-apiserver, over TLS. */
export async function createKubeApi(options: KubeApiOptions = {}): Promise<KubeApiServer> {
  const pair = await createSelfSignedCertificate(HOSTS, Date.now());
  const api = new KubeApiServer(pair, options);
  await api.listen();
  return api;
}

export class KubeApiServer {
  readonly #objects = new Objects();
  readonly #lists = new Lists(this.#objects);
  readonly #watches = new Watches(this.#objects);
  readonly #clientFingerprint: string | undefined;
  readonly #directories: string[] = [];
  readonly #stopped = new AbortController();
  #pair: KeyPair;
  #server: Server;
  #port = 0;
  #misbehaviour: ((request: KubeApiRequest) => Misbehaviour | undefined) | undefined;
  /** Everything that was asked, in order. */
  readonly requests: KubeApiRequest[] = [];
  /** Versions of groups that it does not have, such as `/apis/resource.k8s.io/v1`. */
  readonly unserved = new Set<string>();
  /** What a client must send; set it to rotate it. */
  token: string;
  onTokenReview: Reviewer;
  onAccessReview: Reviewer;
  jwks: object = { keys: [] };
  openidConfiguration: object = {};

  constructor(pair: KeyPair, options: KubeApiOptions) {
    this.#pair = pair;
    this.token = options.token ?? 'token-of-the-test';
    this.onTokenReview = options.onTokenReview ?? (() => ({ user: {}, error: 'no test answers this' }));
    this.onAccessReview = options.onAccessReview ?? (() => ({ allowed: false }));
    this.#clientFingerprint =
      options.clientCertificate === undefined ? undefined : fingerprint(options.clientCertificate);
    this.#server = this.#createServer();
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** PEM. */
  get ca(): string {
    return this.#pair.cert;
  }

  /** By path. */
  get objects(): ReadonlyMap<string, StoredObject> {
    return this.#objects.byPath;
  }

  get openWatches(): number {
    return this.#watches.count;
  }

  /** Creates or replaces, whatever its version. */
  put(path: string, object: KubeObject): StoredObject {
    return this.#objects.put(locationOf(path), object);
  }

  /** As a client does: what it may not change is refused. */
  update(path: string, object: KubeObject): StoredObject {
    return this.#objects.update(locationOf(path), object);
  }

  remove(path: string): void {
    this.#objects.remove(locationOf(path));
  }

  misbehave(behaviour: ((request: KubeApiRequest) => Misbehaviour | undefined) | undefined): void {
    this.#misbehaviour = behaviour;
  }

  /** Whether lists can be streamed by a watch; older servers cannot. */
  set canStreamLists(can: boolean) {
    this.#watches.canStreamLists = can;
  }

  dropWatches(): void {
    this.#watches.drop();
  }

  finishWatches(): void {
    this.#watches.finish();
  }

  sendBookmarks(): void {
    this.#watches.sendBookmarks();
  }

  /** Bytes into every open watch. */
  sendRaw(text: string): void {
    this.#watches.sendRaw(text);
  }

  /** Open watches end with 410, and so does every later one from a version before now. */
  expireWatches(): void {
    this.#objects.compact();
    this.#watches.expire();
  }

  /** As etcd compacts: earlier versions and `continue` tokens are too old from now on; open watches do not notice. */
  compact(): void {
    this.#objects.compact();
    this.#lists.expire();
  }

  /** Another certificate, on the same port. */
  async rotateCertificate(): Promise<void> {
    this.#pair = await createSelfSignedCertificate(HOSTS, Date.now());
    this.#server.setSecureContext(this.#pair);
    this.#server.closeAllConnections();
  }

  /** A file with the address, the authority and `user`: the token unless said otherwise. */
  async kubeconfig(user: object = { token: this.token }): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'podnet-kubeconfig-'));
    this.#directories.push(directory);
    const cluster = { server: this.url, 'certificate-authority-data': Buffer.from(this.ca).toString('base64') };
    const file = join(directory, 'config');
    const document = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'test', user }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      'current-context': 'test',
    };
    await writeFile(file, JSON.stringify(document)); // JSON is YAML
    return file;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Nobody listens until `up`; objects stay. */
  async down(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async up(): Promise<void> {
    this.#server = this.#createServer();
    await this.listen();
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    if (this.#server.listening) await this.down();
    for (const directory of this.#directories) await rm(directory, { recursive: true });
  }

  #createServer(): Server {
    const tls = { ...this.#pair, requestCert: true, rejectUnauthorized: false };
    return createServer(tls, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (error instanceof StatusError) answer(response, error.code, error.body);
        else if (this.#stopped.signal.aborted || request.destroyed) response.destroy();
        else answer(response, 500, { kind: 'Status', code: 500, message: String(error) });
      });
    });
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = incoming;
    const request: KubeApiRequest = { method, path, headers, body: await readBody(incoming) };
    this.requests.push(request);
    const misbehaviour = this.#misbehaviour?.(request);
    if (misbehaviour !== undefined && (await this.#isMisbehaving(misbehaviour, response))) return;
    if (!this.#isKnown(incoming)) throw unauthorized();
    const url = new URL(path, this.url);
    const fixed = this.#fixed(request, url.pathname);
    if (url.pathname === '/openid/v1/jwks') answerKeys(request, response, this.jwks);
    else if (fixed !== undefined) answer(response, method === 'POST' ? 201 : 200, fixed);
    else if ([...this.unserved].some((root) => url.pathname.startsWith(`${root}/`))) answerUnserved(response);
    else serveObjects(request, url, response, { objects: this.#objects, lists: this.#lists, watches: this.#watches });
  }

  async #isMisbehaving(wanted: Misbehaviour, response: ServerResponse): Promise<boolean> {
    const { delayMs, status, headers = {}, body = '', hang = false, destroy = false, nonsense = false } = wanted;
    if (delayMs !== undefined) await delay(delayMs, undefined, { signal: this.#stopped.signal });
    if (destroy) response.destroy();
    if (nonsense) response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
    if (status !== undefined) answer(response, status, body, headers);
    return hang || destroy || nonsense || status !== undefined;
  }

  #isKnown({ headers, socket }: IncomingMessage): boolean {
    if (headers.authorization === `Bearer ${this.token}`) return true;
    if (!(socket instanceof TLSSocket) || this.#clientFingerprint === undefined) return false;
    return socket.getPeerX509Certificate()?.fingerprint256 === this.#clientFingerprint;
  }

  /** Paths that are not about objects. */
  #fixed({ method, body }: KubeApiRequest, pathname: string): object | undefined {
    switch (`${method} ${pathname}`) {
      case 'GET /version':
        return { major: '1', minor: '36', gitVersion: 'v1.36.0', platform: 'linux/amd64' };
      case 'GET /.well-known/openid-configuration':
        return this.openidConfiguration;
      case 'POST /apis/authentication.k8s.io/v1/tokenreviews':
        return review(body, this.onTokenReview);
      case 'POST /apis/authorization.k8s.io/v1/subjectaccessreviews':
        return review(body, this.onAccessReview);
      default:
        return undefined;
    }
  }
}

/** It has a type of its own, and nothing for who does not take that (kubernetes, pkg/routes/openidmetadata.go). */
function answerKeys({ headers }: KubeApiRequest, response: ServerResponse, jwks: object): void {
  const type = 'application/jwk-set+json';
  const isTaken = (headers.accept ?? '*/*').split(',').some((one) => [type, '*/*'].includes(one.trim()));
  if (isTaken) answer(response, 200, jwks, { 'content-type': type });
  else answer(response, 406, '406: Not Acceptable', { 'content-type': 'text/plain' });
}

/** Not a Status (k8s.io/apiserver, pkg/util/notfoundhandler). */
function answerUnserved(response: ServerResponse): void {
  answer(response, 404, '404 page not found\n', { 'content-type': 'text/plain; charset=utf-8' });
}

function review(body: unknown, reviewer: Reviewer): object {
  const document = asObject(body);
  if (!isRecord(document['spec'])) throw badRequest('spec is missing');
  return { ...document, status: reviewer(document['spec']) };
}
