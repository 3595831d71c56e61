import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { User } from '../auth/user.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set before any handler runs, where authentication guards the routes. */
    user: User;
    /** When its headers came, on the server's monotonic clock. */
    arrivedMs: number;
  }
  interface FastifyContextConfig {
    /** Each step of its handler is bounded: fastify's timeout, with a timer and an AbortController of each request, is left out. */
    endsByItself?: boolean;
  }
}

/** The server: HTTP/2 and HTTP/1.1 over TLS. */
export type App = FastifyInstance<Http2SecureServer, Http2ServerRequest, Http2ServerResponse>;
export type Request = FastifyRequest<Record<string, unknown>, Http2SecureServer, Http2ServerRequest>;
export type Reply = FastifyReply<Record<string, unknown>, Http2SecureServer, Http2ServerRequest, Http2ServerResponse>;

/** The first value of a query parameter; a repeated one counts once, as for Kubernetes. */
export function queryValue(query: unknown, name: string): string | undefined {
  if (typeof query !== 'object' || query === null || !Object.hasOwn(query, name)) return undefined;
  const value = (query as Record<string, unknown>)[name];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : undefined;
}
