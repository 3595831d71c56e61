import fastifySwagger from '@fastify/swagger';
import Fastify, { type FastifySchema } from 'fastify';
import { SchemaWriter, isObject, type Dialect, type Json, type JsonObject } from './openapi-schemas.js';
import { DOCUMENTATION_ONLY, type DeclaredRoute } from './route-list.js';

/** A document of OpenAPI 3.0 or Swagger 2.0. */
export type OpenApiDocument = JsonObject & { readonly paths: JsonObject };

/**
 * Every route in one document.
 *
 * `@fastify/swagger` makes one document of the routes declared after it on one instance, in one of the versions. So the routes are
 * declared once more, on an instance for each version that never listens: the server itself does not wait for the plugin to load, and
 * its schemas stay JSON Schema.
 */
export async function buildOpenApi(
  dialect: Dialect,
  routes: readonly DeclaredRoute[],
  version: string,
): Promise<OpenApiDocument> {
  const writer = new SchemaWriter(dialect);
  const written = routes.map((route) => ({ ...route, schema: writeRoute(writer, route.schema) }));
  const app = Fastify({ schemaController: DOCUMENTATION_ONLY });
  for (const [$id, schema] of [...writer.definitions].sort(byName)) app.addSchema({ ...schema, $id });
  const info = { title: 'podnet', version, license: { name: 'Apache-2.0' } };
  await app.register(fastifySwagger, {
    ...(dialect === 'openapi3'
      ? { openapi: { openapi: '3.0.3', info } }
      : { swagger: { info, produces: [JSON_TYPE] } }),
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) =>
        typeof $id === 'string' ? $id : `definition-${index}`,
    },
  });
  for (const { url, methods, schema } of written) {
    app.route({ url: documentedPath(url), method: [...methods], schema, handler: () => undefined });
  }
  try {
    await app.ready();
    const document = JSON.parse(JSON.stringify(app.swagger()), besideReference) as JsonObject;
    const { paths } = document;
    if (!isObject(paths)) throw new TypeError('the document has no paths');
    return { ...document, paths: sorted(paths) };
  } finally {
    await app.close();
  }
}

/**
 * Writes what only describes a reference beside it, where the plugin would leave nothing: `kubectl explain` looks there for a field in a
 * list, and of the field alone it prints what stands beside an `allOf` and once more what its reference leads to.
 */
function besideReference(_key: string, value: Json): Json {
  if (!isObject(value)) return value;
  const { allOf, ...rest } = value;
  const [reference, ...others] = Array.isArray(allOf) ? (allOf as readonly Json[]) : [];
  const isDescription = others.length === 0 && Object.keys(rest).every((key) => key === 'description');
  return isDescription && isObject(reference) ? { ...rest, ...reference } : value;
}

const JSON_TYPE = 'application/json';

/** The parts of a route's schema that are schemas, in the dialect; the rest is text. */
function writeRoute(writer: SchemaWriter, schema: FastifySchema): FastifySchema {
  const plain = JSON.parse(JSON.stringify(schema)) as JsonObject;
  return Object.fromEntries(
    Object.entries(plain).map(([key, part]) => [key, SCHEMA_PARTS.includes(key) ? writer.write(part) : part]),
  );
}

const SCHEMA_PARTS = ['params', 'querystring', 'headers', 'body', 'response'];

/** Discovery stands at the root of what it describes: kube-apiserver keeps only what is below `/apis/<group>/<version>/`. */
function documentedPath(url: string): string {
  return /^\/apis(\/[^/]+){0,2}$/.test(url) ? `${url}/` : url;
}

/** The part of a document that has these paths, and the definitions they need. */
export function slice(document: OpenApiDocument, isKept: (path: string) => boolean): OpenApiDocument {
  const paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => isKept(path)));
  const all = isObject(document['components']) ? document['components']['schemas'] : undefined;
  const schemas = isObject(all) ? all : {};
  const needed = new Set<string>();
  collectReferences(paths, schemas, needed);
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => needed.has(name)));
  return { ...document, paths, components: { schemas: kept } };
}

const REFERENCE = '#/components/schemas/';

function collectReferences(part: Json, schemas: JsonObject, found: Set<string>): void {
  if (typeof part !== 'object' || part === null) return;
  for (const [key, value] of Object.entries(part)) {
    if (key !== '$ref' || typeof value !== 'string') {
      collectReferences(value, schemas, found);
      continue;
    }
    const name = value.slice(REFERENCE.length);
    if (found.has(name)) continue;
    found.add(name);
    collectReferences(schemas[name] ?? null, schemas, found);
  }
}

function sorted(record: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(record).sort(byName));
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
