import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { Status } from '../../openapi/kubernetes.js';

/** Where a server is, and what to trust. */
export interface Server {
  readonly url: string;
  readonly ca: string;
}

export interface ClientCertificate {
  readonly chain: string;
  readonly key: string;
}

export interface Answer<Body> {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Undefined where the answer is not JSON. */
  readonly body: Body;
}

/** What the guarded test server's `/whoami` says, or a Status. */
export type Whoami = Status & {
  readonly name: string;
  readonly uid?: string;
  readonly groups: string[];
  readonly extra: object;
};

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly payload?: Buffer;
}

/** A connection that stays open from question to question. */
export interface Connection {
  ask<Body = Whoami>(path: string, question?: Question): Promise<Answer<Body>>;
  close(): void;
}

function answerOf<Body>(statusCode: number, headers: Readonly<Record<string, unknown>>, text: string): Answer<Body> {
  const isJson = String(headers['content-type']).startsWith('application/json') && text !== '';
  return { statusCode, headers, text, body: (isJson ? JSON.parse(text) : undefined) as Body };
}

/** Keeps one connection of HTTP/1.1. */
export function connectOverHttp1({ url, ca }: Server, certificate?: ClientCertificate): Connection {
  const agent = new Agent({
    ...{ keepAlive: true, maxSockets: 1, ca },
    ...(certificate !== undefined && { cert: certificate.chain, key: certificate.key }),
  });
  return {
    ask: (path, { method = 'GET', headers = {}, payload } = {}) =>
      new Promise((resolve, reject) => {
        const outgoing = httpsRequest(`${url}${path}`, { agent, method, headers: { ...headers } }, (incoming) => {
          let text = '';
          incoming.setEncoding('utf8');
          incoming.on('data', (chunk: string) => (text += chunk));
          incoming.on('end', () => resolve(answerOf(incoming.statusCode ?? 0, incoming.headers, text)));
        });
        outgoing.on('error', reject);
        outgoing.end(payload);
      }),
    close: () => agent.destroy(),
  };
}

/** Keeps one connection of HTTP/2. */
export function connectOverHttp2({ url, ca }: Server, certificate?: ClientCertificate): Connection {
  const session: ClientHttp2Session = connectHttp2(url, {
    ca,
    ...(certificate !== undefined && { cert: certificate.chain, key: certificate.key }),
  });
  return {
    ask: (path, { method = 'GET', headers = {}, payload } = {}) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': path, ':method': method, ...headers });
        let text = '';
        let answered: Readonly<Record<string, unknown>> = {};
        stream.setEncoding('utf8');
        stream.on('response', (fields) => (answered = { ...fields }));
        stream.on('data', (chunk: string) => (text += chunk));
        stream.on('end', () => resolve(answerOf(Number(answered[':status']), answered, text)));
        stream.on('error', reject);
        stream.end(payload);
      }),
    close: () => session.destroy(),
  };
}
