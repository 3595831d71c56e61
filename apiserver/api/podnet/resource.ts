import type { FastifySchema } from 'fastify';
import type { TSchema } from 'typebox';
import { PODNET_GROUP, PODNET_GROUP_VERSION } from '../../../openapi/podnet-api.js';
import type { Table } from '../../../openapi/kubernetes.js';
import type { Clock } from '../../../runtime/clock.js';
import type { Figure } from '../../store/figure.js';
import { wantedForm } from '../accept.js';
import { queryValue, type App, type Request } from '../app-types.js';
import { ApiError } from '../errors.js';
import { checkPath } from '../figure-query.js';
import { wantsIndent } from '../indent.js';
import { routeSchema } from '../route-schema.js';
import type { Selectors } from '../selectors.js';
import { Turns } from '../turns.js';
import { choose, isFiltered } from './choose.js';
import { renderList } from './render-list.js';
import { parseListQuery, renderContinue } from './list-query.js';

/** What every object of this group has. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** An object, and the figures it was made of, in the order of INTERFACE_COUNTERS: a Table prints them for people. */
export interface Made<T extends ApiObject> {
  readonly object: T;
  readonly figures: readonly Figure[];
}

/** An object that could be answered: enough of it to choose it by, and how to make it. */
export interface Candidate<T extends ApiObject> {
  /** Empty for an object of the cluster. */
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  /** Undefined where it is no more. */
  make(nowMs: number): Made<T> | undefined;
}

/** A column of a Table: what `kubectl get` prints. */
export interface Column<T extends ApiObject> {
  readonly name: string;
  readonly description: string;
  /** 0: always printed; 1: with `-o wide`. */
  readonly priority: 0 | 1;
  cell(made: Made<T>): string | number | null;
}

/** A read-only resource of our own group. */
export interface Resource<T extends ApiObject> {
  readonly plural: string;
  readonly kind: string;
  /** Those that have objects; undefined for a resource of the cluster. */
  readonly namespaces: (() => readonly string[]) | undefined;
  /** Beside metadata.name and metadata.namespace. */
  readonly fieldKeys: readonly string[];
  readonly columns: readonly Column<T>[];
  readonly schemas: { readonly object: TSchema; readonly list: TSchema };
  /** All of a namespace, or of the cluster for a resource of that; in no order. Others may have their turn in between. */
  candidates(namespace: string, nowMs: number): Iterable<Candidate<T>>;
}

type ListMeta = Table['metadata'];

export interface ResourceDeps {
  readonly clock: Clock;
  readonly selectors: Selectors;
}

/** Get and list of a resource, as objects and as Table. */
export function resourceRoutes<T extends ApiObject>(app: App, resource: Resource<T>, deps: ResourceDeps): void {
  const root = `/apis/${PODNET_GROUP_VERSION}`;
  const { plural } = resource;
  const namespaced = resource.namespaces !== undefined;
  const scope = namespaced ? `${root}/namespaces/:namespace` : root;
  const listRoute = (request: Request) => {
    const { namespace } = request.params as { readonly namespace?: string };
    return answerList(request, resource, namespace, deps);
  };
  const ofAll = namespaced ? 'ForAllNamespaces' : '';
  app.get(`${root}/${plural}`, { schema: listSchema(resource, ofAll, {}) }, listRoute);
  if (namespaced) app.get(`${scope}/${plural}`, { schema: listSchema(resource, '', NAMESPACE) }, listRoute);
  const schema = getSchema(resource, { ...(namespaced && NAMESPACE), name: 'Name of the object.' });
  app.get<{ Params: { namespace?: string; name: string } }>(`${scope}/${plural}/:name`, { schema }, (request) => {
    const { namespace = '', name } = request.params;
    checkPath({ namespace, name });
    const form = formOf(request);
    const nowMs = deps.clock.monotonicMs();
    const found = firstNamed(name, resource.candidates(namespace, nowMs));
    const made = found?.make(nowMs);
    if (made === undefined) {
      throw new ApiError('NotFound', `${plural}.${PODNET_GROUP} "${name}" not found`, {
        ...{ name, group: PODNET_GROUP, kind: plural },
      });
    }
    if (form === 'object') return made.object;
    return { ...tableHead(resource, { resourceVersion: '' }), rows: [toRow(made, resource, request)] };
  });
}

const NAMESPACE = { namespace: 'Namespace of the objects.' };

function getSchema<T extends ApiObject>({ kind, schemas }: Resource<T>, params: Record<string, string>): FastifySchema {
  return routeSchema({
    operationId: `read${kind}`,
    summary: `One ${kind}.`,
    kind: { groupVersion: PODNET_GROUP_VERSION, kind },
    action: 'get',
    params,
    answer: schemas.object,
  });
}

function listSchema<T extends ApiObject>(
  { kind, schemas, fieldKeys }: Resource<T>,
  suffix: string,
  params: Record<string, string>,
): FastifySchema {
  return routeSchema({
    operationId: `list${kind}${suffix}`,
    summary: `Objects of kind ${kind}, by namespace and name.`,
    kind: { groupVersion: PODNET_GROUP_VERSION, kind },
    action: 'list',
    ...(Object.keys(params).length > 0 && { params }),
    query: {
      labelSelector: 'Of the labels of the objects.',
      fieldSelector: `Of metadata.name, metadata.namespace, ${fieldKeys.join(', ')}.`,
      limit: 'Objects of one answer.',
      continue: 'Where the next page begins: metadata.continue of the page before.',
    },
    answer: schemas.list,
  });
}

async function answerList<T extends ApiObject>(
  request: Request,
  resource: Resource<T>,
  namespace: string | undefined,
  { clock, selectors }: ResourceDeps,
) {
  checkPath(namespace === undefined ? {} : { namespace });
  const form = formOf(request);
  const isNamespaced = resource.namespaces !== undefined;
  const fieldKeys = ['metadata.name', ...(isNamespaced ? ['metadata.namespace'] : []), ...resource.fieldKeys];
  const query = parseListQuery(request.query, { plural: resource.plural, fieldKeys }, selectors);
  const turns = new Turns(clock);
  const { page, rest } = await choose(resource, namespace, query, { turns, nowMs: clock.monotonicMs() });
  const last = page.at(-1);
  const more =
    rest > 0 && last !== undefined
      ? { continue: renderContinue(last), ...(!isFiltered(query) && { remainingItemCount: rest }) }
      : {};
  const metadata: ListMeta = { resourceVersion: '', ...more };
  const make = (one: Candidate<T>): Made<T> | undefined => one.make(clock.monotonicMs());
  const isIndented = wantsIndent(request);
  if (form === 'table') {
    const toJson = (one: Candidate<T>) => {
      const made = make(one);
      return made && toRow(made, resource, request);
    };
    return renderList(page, { head: tableHead(resource, metadata), key: 'rows', toJson, isIndented }, turns);
  }
  const head = { kind: `${resource.kind}List`, apiVersion: PODNET_GROUP_VERSION, metadata };
  return renderList(page, { head, key: 'items', toJson: (one) => make(one)?.object, isIndented }, turns);
}

function formOf(request: Request): 'object' | 'table' {
  return wantedForm(request.headers.accept, { hasTable: true });
}

function firstNamed<T extends ApiObject>(name: string, candidates: Iterable<Candidate<T>>): Candidate<T> | undefined {
  for (const one of candidates) if (one.name === name) return one;
  return undefined;
}

/** A Table without its rows. */
function tableHead<T extends ApiObject>({ columns }: Resource<T>, metadata: ListMeta) {
  const name = { name: 'Name', type: 'string', format: 'name', description: 'Name of the object.', priority: 0 };
  return {
    kind: 'Table' as const,
    apiVersion: 'meta.k8s.io/v1' as const,
    metadata,
    columnDefinitions: [
      name,
      ...columns.map((column) => ({
        ...{ name: column.name, type: 'string', format: '' },
        ...{ description: column.description, priority: column.priority },
      })),
    ],
  };
}

function toRow<T extends ApiObject>(made: Made<T>, { columns }: Resource<T>, request: Request): Table['rows'][number] {
  const cells = [made.object.metadata.name, ...columns.map((column) => column.cell(made))];
  const include = queryValue(request.query, 'includeObject') ?? 'Metadata';
  if (include === 'None') return { cells };
  if (include === 'Object') return { cells, object: made.object };
  const { metadata } = made.object;
  return { cells, object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } };
}
