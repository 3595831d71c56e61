import type { FastifySchema, HTTPMethods } from 'fastify';
import type { App } from './app-types.js';

/** A route as it was declared: what the OpenAPI documents are made of. */
export interface DeclaredRoute {
  readonly url: string;
  readonly methods: readonly HTTPMethods[];
  readonly schema: FastifySchema;
}

/** Schemas describe: those of the answers to a wrong method describe nothing, and are hidden. */
export const HIDDEN: FastifySchema = { hide: true };

/**
 * Collects every route that is declared from here on, by whichever part of the server, but for the hidden ones.
 * Complete once the server is ready.
 */
export function collectRoutes(app: App): readonly DeclaredRoute[] {
  const routes: DeclaredRoute[] = [];
  app.addHook('onRoute', ({ url, method, schema = {} }) => {
    if (schema.hide === true) return;
    routes.push({ url, methods: Array.isArray(method) ? method : [method], schema });
  });
  // The schemas are documentation. Requests are checked by the code that answers them, which gives the reasons and messages that
  // Kubernetes gives; answers are serialised as they are, as a serialiser made of a schema would drop what the schema lacks.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  return routes;
}
