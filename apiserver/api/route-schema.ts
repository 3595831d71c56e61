import type { FastifySchema } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { Status } from '../../openapi/kubernetes.js';

/** What a route is in the OpenAPI documents. */
export interface RouteDescription {
  /** Unique among all routes. */
  readonly operationId: string;
  readonly summary: string;
  /** The kind answered or created: `kubectl explain` finds a resource's kind here. */
  readonly kind?: { readonly groupVersion: string; readonly kind: string };
  readonly action?: 'get' | 'list' | 'post';
  /** By name; all of them are part of the path. */
  readonly params?: Readonly<Record<string, string>>;
  /** Query parameters with their meaning; all of them may be left out. */
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, TSchema>>;
  readonly body?: TSchema;
  /** What a success answers; a string describes text that is not JSON. */
  readonly answer: TSchema | string;
  /** Of the success. Default: 200. */
  readonly code?: number;
}

/** The schema of a route, for documentation alone: nothing is checked or serialised by it. */
export function routeSchema(route: RouteDescription): FastifySchema {
  const { operationId, summary, kind, action, params, query, headers, body, answer, code = 200 } = route;
  const isText = typeof answer === 'string';
  return {
    operationId,
    summary,
    ...(kind !== undefined && { tags: [kind.groupVersion], ...kindOf(kind) }),
    ...(action !== undefined && { 'x-kubernetes-action': action }),
    ...(params !== undefined && { params: texts(params, (one) => one) }),
    ...(query !== undefined && { querystring: texts(query, Type.Optional) }),
    ...(headers !== undefined && { headers: Type.Object({ ...headers }) }),
    ...(body !== undefined && { body }),
    ...(isText && { produces: ['text/plain'] }),
    response: isText ? { [code]: Type.String({ description: answer }) } : { [code]: answer, default: Status },
  };
}

function kindOf({ groupVersion, kind }: NonNullable<RouteDescription['kind']>) {
  const [group = '', version = ''] = groupVersion.split('/');
  return { 'x-kubernetes-group-version-kind': { group, version, kind } };
}

function texts(described: Readonly<Record<string, string>>, wrap: (schema: TSchema) => TSchema): TSchema {
  return Type.Object(
    Object.fromEntries(
      Object.entries(described).map(([name, description]) => [name, wrap(Type.String({ description }))]),
    ),
  );
}
