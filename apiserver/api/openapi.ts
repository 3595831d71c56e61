import { Type } from 'typebox';
import type { Clock } from '../../runtime/clock.js';
import { parseAccept, takesPlainJson } from './accept.js';
import { queryValue, type App, type Reply, type Request } from './app-types.js';
import { ApiError, RESOURCE_NOT_FOUND } from './errors.js';
import { buildOpenApi, slice } from './openapi-document.js';
import type { DeclaredRoute } from './route-list.js';
import { routeSchema } from './route-schema.js';
import { PLAIN_JSON, renderDocument, sendDocument, type StaticDocument } from './static-document.js';

export interface OpenApiDeps {
  /** Every route of the server, complete once it is ready. */
  readonly routes: readonly DeclaredRoute[];
  readonly clock: Clock;
  /** Of podnet, such as 0.1.0. */
  readonly version: string;
}

interface Documents {
  readonly v2: StaticDocument;
  readonly v3Root: StaticDocument;
  /** By their path below /openapi/v3/, such as apis/podnet.dev/v1alpha1. */
  readonly v3: ReadonlyMap<string, StaticDocument>;
}

const YEAR_MS = 365 * 24 * 3_600_000;
const AnyDocument = Type.Object({}, { description: 'An OpenAPI document.' });

/** `/openapi/v2`, `/openapi/v3` and a document for each group version, made once of the schemas of the routes. */
export function openApiRoutes(app: App, { routes, clock, version }: OpenApiDeps): void {
  let documents: Promise<Documents> | undefined;
  // Not at the start: a server that is asked by nobody, as standalone, spends nothing on it.
  const made = () => (documents ??= makeDocuments(routes, version));
  const schema = (operationId: string, summary: string, params: Record<string, string> = {}) => {
    const hasParams = Object.keys(params).length > 0;
    const query = { hash: 'As in the list: the answer may be kept for good.' };
    return { schema: routeSchema({ operationId, summary, answer: AnyDocument, ...(hasParams && { params, query }) }) };
  };
  app.get('/openapi/v2', schema('getOpenAPIV2', 'Everything, as Swagger 2.0.'), async (request, reply) => {
    checkAccept(request);
    return sendDocument(request, reply, (await made()).v2, PLAIN_JSON);
  });
  app.get('/openapi/v3', schema('listOpenAPIV3', 'The OpenAPI 3.0 documents.'), async (request, reply) => {
    checkAccept(request);
    return sendDocument(request, reply, (await made()).v3Root, PLAIN_JSON);
  });
  const answer = async (path: string, request: Request, reply: Reply) => {
    checkAccept(request);
    const document = (await made()).v3.get(path);
    if (document === undefined) throw new ApiError('NotFound', RESOURCE_NOT_FOUND, {});
    return sendDocument(request, reply, document, headersFor(document, request, clock));
  };
  const [group, groupVersion] = ['Name of a group.', 'A version of it.'];
  app.get<{ Params: { part: string } }>(
    '/openapi/v3/:part',
    schema('getOpenAPIV3', 'The document of what is in no group.', { part: 'First part of the path.' }),
    (request, reply) => answer(request.params.part, request, reply),
  );
  app.get<{ Params: { group: string } }>(
    '/openapi/v3/apis/:group',
    schema('getOpenAPIV3Group', 'The document of a group.', { group }),
    (request, reply) => answer(`apis/${request.params.group}`, request, reply),
  );
  app.get<{ Params: { group: string; version: string } }>(
    '/openapi/v3/apis/:group/:version',
    schema('getOpenAPIV3GroupVersion', 'The document of a group version.', { group, version: groupVersion }),
    (request, reply) => answer(`apis/${request.params.group}/${request.params.version}`, request, reply),
  );
}

async function makeDocuments(routes: readonly DeclaredRoute[], version: string): Promise<Documents> {
  const whole = await buildOpenApi('openapi3', routes, version);
  const parts = [...new Set(Object.keys(whole.paths).map(partOf))].sort();
  const v3 = new Map(parts.map((part) => [part, renderDocument(slice(whole, (path) => partOf(path) === part))]));
  const list = [...v3].map(([part, { hash }]) => [part, { serverRelativeURL: `/openapi/v3/${part}?hash=${hash}` }]);
  return {
    v2: renderDocument(await buildOpenApi('swagger2', routes, version)),
    v3Root: renderDocument({ paths: Object.fromEntries(list) as object }),
    v3,
  };
}

/** The document that a path stands in: that of its group version, of its group, or of its first part. */
function partOf(path: string): string {
  const [first = '', group = '', version = ''] = path.split('/').slice(1);
  if (first === '') return 'index';
  return first === 'apis' ? [first, group, version].filter((part) => part !== '').join('/') : first;
}

/**
 * Who names the present hash may keep the answer. To who names an earlier one kube-apiserver sends a redirect, which an aggregator
 * makes a 502 of: the present document goes out instead, and is not to be kept under that address.
 */
function headersFor({ hash }: StaticDocument, request: Request, clock: Clock) {
  if (queryValue(request.query, 'hash')?.toUpperCase() !== hash) return PLAIN_JSON;
  const expires = new Date(clock.wallMs() + YEAR_MS).toUTCString();
  return { ...PLAIN_JSON, cacheControl: 'public, immutable', expires };
}

/** Clients that take protobuf alone would read JSON as a broken message. */
function checkAccept({ headers: { accept } }: Request): void {
  if (accept === undefined || accept === '' || parseAccept(accept).some(takesPlainJson)) return;
  throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json');
}
