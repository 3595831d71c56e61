import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import type { KubeApi, KubeRequest } from './api.js';
import { readLines, readText } from './body.js';
import { FreshCredentials, type Credentials } from './credentials.js';
import { Deadline } from './deadline.js';
import { BrokenConnection, explain, parseJson, refusal, type Answer } from './errors.js';
import { readServiceAccount, SERVICE_ACCOUNT_DIRECTORY } from './service-account.js';

export interface KubeClientOptions {
  /** A file; without one, the service account of the pod that this runs in. */
  readonly kubeconfig?: string | undefined;
  /** Of the process: tells a pod where the API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly serviceAccountDirectory?: string;
  /** The flag for whoever is outside of a cluster, such as `--standalone`. */
  readonly outside?: string;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Logger;
  /** Such as `podnet-apiserver/0.1.0`. */
  readonly userAgent: string;
  /** Requests beyond it wait for one another. */
  readonly maxConnections?: number;
}

export interface KubeClient extends KubeApi {
  /** Address of the API, for the log. */
  readonly server: string;
  /** Of whoever asks: the pod's own; undefined where a kubeconfig says none. */
  readonly namespace: string | undefined;
  /** Gives up idle connections. Requests under way end with their signals. */
  close(): void;
}

const TIMEOUT_MS = 10_000;
/** A server that knows bookmarks sends one every minute: two of them did not come. */
const WATCH_IDLE_MS = 150_000;
/** Far more than a page of 500 objects has. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** An object is 1.5 MiB at most in etcd, and somewhat more as JSON. */
const MAX_EVENT_BYTES = 4 * 1024 * 1024;
/** Watches included. More than there can be reviews under way: one user's slow ones must not hold up another's. */
const MAX_CONNECTIONS = 1_000;
/** Shorter than the 90 s after which a kube-apiserver gives up an idle connection. */
const IDLE_CONNECTION_MS = 30_000;

/**
 * A client of the Kubernetes API. Its files are read again while it runs: a token, an authority or a kubeconfig may change.
 * @throws {StartError} when the files do not say where the API is, or who asks
 */
export async function createKubeClient(options: KubeClientOptions): Promise<KubeClient> {
  const read = await credentialReader(options);
  const first = await read();
  return new HttpsKubeClient(first, new FreshCredentials(first, read, options), options);
}

async function credentialReader(options: KubeClientOptions): Promise<() => Promise<Credentials>> {
  const { kubeconfig, env, outside, serviceAccountDirectory = SERVICE_ACCOUNT_DIRECTORY } = options;
  if (kubeconfig === undefined) return () => readServiceAccount(env, serviceAccountDirectory, outside);
  const { readKubeconfig } = await import('./kubeconfig.js');
  return () => readKubeconfig(kubeconfig);
}

class HttpsKubeClient implements KubeClient {
  readonly server: string;
  readonly namespace: string | undefined;
  readonly #credentials: FreshCredentials;
  readonly #userAgent: string;
  /** Uses a connection again only for a request with the same certificates. */
  readonly #agent: Agent;

  constructor(
    first: Credentials,
    credentials: FreshCredentials,
    { userAgent, maxConnections = MAX_CONNECTIONS }: Pick<KubeClientOptions, 'userAgent' | 'maxConnections'>,
  ) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: maxConnections, timeout: IDLE_CONNECTION_MS });
    this.server = first.server.href;
    this.namespace = first.namespace;
    this.#credentials = credentials;
    this.#userAgent = userAgent;
  }

  async request(request: KubeRequest): Promise<unknown> {
    const timeoutMs = request.timeoutMs ?? TIMEOUT_MS;
    const deadline = new Deadline(timeoutMs, request.signal);
    try {
      const { incoming } = await this.#open(request, deadline.signal);
      const text = await readText(incoming, MAX_ANSWER_BYTES);
      return text === '' ? undefined : parseJson(text);
    } catch (error) {
      throw explain(error, request, deadline.hasPassed ? `no answer within ${timeoutMs} ms` : undefined);
    } finally {
      deadline.close();
    }
  }

  async *watch(request: KubeRequest): AsyncGenerator<unknown, void> {
    const timeoutMs = request.timeoutMs ?? WATCH_IDLE_MS;
    const deadline = new Deadline(TIMEOUT_MS, request.signal);
    let incoming: IncomingMessage | undefined;
    try {
      incoming = (await this.#open(request, deadline.signal)).incoming;
      deadline.change(timeoutMs);
      request.onOpen?.();
      for await (const line of readLines(incoming, MAX_EVENT_BYTES)) {
        deadline.restart();
        yield parseJson(line);
      }
    } catch (error) {
      if (request.signal?.aborted === true) return;
      const silence = incoming === undefined ? `no answer within ${TIMEOUT_MS} ms` : `no event within ${timeoutMs} ms`;
      throw explain(error, request, deadline.hasPassed ? silence : undefined);
    } finally {
      deadline.close();
      incoming?.destroy();
    }
  }

  close(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) sockets?.forEach((socket) => socket.destroy());
  }

  /** @returns a 2xx in JSON; all else is thrown */
  async #open(request: KubeRequest, signal: AbortSignal): Promise<Answer> {
    const answer = await this.#ask(request, signal);
    const { statusCode = 0, headers } = answer.incoming;
    if (statusCode < 200 || statusCode >= 300) throw await refusal(answer, request);
    const type = headers['content-type'] ?? '';
    const hasBody = statusCode !== 204 && headers['content-length'] !== '0';
    if (hasBody && !/^application\/([\w.-]+\+)?json\b/.test(type)) {
      answer.incoming.destroy();
      throw new SyntaxError(`the answer is not JSON but "${type.slice(0, 100)}": is this the Kubernetes API?`);
    }
    return answer;
  }

  /** A token that was replaced meanwhile costs a second request, and nobody notices. */
  async #ask(request: KubeRequest, signal: AbortSignal): Promise<Answer> {
    const credentials = await this.#credentials.get();
    const incoming = await this.#send(request, credentials, signal);
    if (incoming.statusCode !== 401) return { incoming, token: credentials.token };
    const renewed = await this.#credentials.renew();
    if (renewed.token === credentials.token && renewed.cert === credentials.cert)
      return { incoming, token: credentials.token };
    incoming.resume();
    return { incoming: await this.#send(request, renewed, signal), token: renewed.token };
  }

  async #send(request: KubeRequest, credentials: Credentials, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await this.#sendOnce(request, credentials, signal);
    } catch (error) {
      const mayRepeat = error instanceof BrokenConnection && error.wasKept && isRepeatable(request);
      if (!mayRepeat || signal.aborted) throw error;
      return this.#sendOnce(request, credentials, signal);
    }
  }

  async #sendOnce(request: KubeRequest, credentials: Credentials, signal: AbortSignal): Promise<IncomingMessage> {
    const { method, path, body, accept = 'application/json', contentType = 'application/json' } = request;
    const { server, token, ca, cert, key, serverName, isVerified } = credentials;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(new URL(`${server.pathname.replace(/\/$/, '')}${path}`, server), {
        method,
        signal,
        agent: this.#agent,
        // stated, because NODE_TLS_REJECT_UNAUTHORIZED could say otherwise
        rejectUnauthorized: isVerified,
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert, key }),
        ...(serverName !== undefined && { servername: serverName }),
        headers: {
          accept,
          'user-agent': this.#userAgent,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(payload !== undefined && {
            'content-type': contentType,
            'content-length': Buffer.byteLength(payload),
          }),
        },
      });
      outgoing.on('error', (error) => reject(new BrokenConnection(error, outgoing.reusedSocket)));
      outgoing.on('response', resolve);
      outgoing.end(payload);
    });
  }
}

/** A review is created and yet nothing is stored. */
function isRepeatable({ method, path }: KubeRequest): boolean {
  return (
    method === 'GET' || (method === 'POST' && /^\/apis\/auth(entication|orization)\.k8s\.io\/.*reviews$/.test(path))
  );
}
