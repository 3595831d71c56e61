import type { FastifySchema, FastifyServerOptions, HTTPMethods } from 'fastify';
import type { App } from './app-types.js';

/** A route as it was declared: what the OpenAPI documents are made of. */
export interface DeclaredRoute {
  readonly url: string;
  readonly methods: readonly HTTPMethods[];
  readonly schema: FastifySchema;
}

/**
 * Schemas of routes are documentation. Requests are checked by the code that answers them, which gives the reasons and messages that
 * Kubernetes gives; answers are serialised as they are, as a serialiser made of a schema would drop what the schema lacks. Given at
 * creation, this also spares the start the loading of fastify's own compilers.
 */
export const DOCUMENTATION_ONLY: SchemaController = {
  compilersFactory: {
    // The type wants ajv's own function, with its schema: fastify calls it and looks at what it returns, no more.
    buildValidator: (() => () => () => true) as unknown as NonNullable<CompilersFactory['buildValidator']>,
    buildSerializer: () => () => (answer) => JSON.stringify(answer),
  },
};
type SchemaController = NonNullable<FastifyServerOptions['schemaController']>;
type CompilersFactory = NonNullable<SchemaController['compilersFactory']>;

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
  return routes;
}
