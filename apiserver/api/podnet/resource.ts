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
import { labelOf } from '../members.js';
import { routeSchema } from '../route-schema.js';
import type { Selectors } from '../selectors.js';
import { Turns } from '../turns.js';
import { parseListQuery, renderContinue, type ListQuery } from './list-query.js';

/** What every object of this group has. */
interface ApiObject {
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
  make(nowMs: number): Made<T>;
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
  readonly namespaced: boolean;
  /** Beside metadata.name and metadata.namespace. */
  readonly fieldKeys: readonly string[];
  readonly columns: readonly Column<T>[];
  readonly schemas: { readonly object: TSchema; readonly list: TSchema };
  /** All of a namespace, or of the cluster; in no order. */
  candidates(namespace: string | undefined, nowMs: number): Iterable<Candidate<T>>;
}

/** More than this in one answer is asked for in pages. */
const WHOLE_MAX = 50_000;

interface List<T extends ApiObject> {
  readonly items: readonly Made<T>[];
  readonly metadata: { readonly resourceVersion: ''; readonly continue?: string; readonly remainingItemCount?: number };
}

export interface ResourceDeps {
  readonly clock: Clock;
  readonly selectors: Selectors;
}

/** Get and list of a resource, as objects and as Table. */
export function resourceRoutes<T extends ApiObject>(app: App, resource: Resource<T>, deps: ResourceDeps): void {
  const root = `/apis/${PODNET_GROUP_VERSION}`;
  const { plural, namespaced } = resource;
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
    const found = firstNamed(name, resource.candidates(namespaced ? namespace : undefined, nowMs));
    if (found === undefined) {
      throw new ApiError('NotFound', `${plural}.${PODNET_GROUP} "${name}" not found`, {
        ...{ name, group: PODNET_GROUP, kind: plural },
      });
    }
    const made = found.make(nowMs);
    if (form === 'object') return made.object;
    return toTable(resource, { items: [made], metadata: { resourceVersion: '' } }, request);
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
  const fieldKeys = ['metadata.name', ...(resource.namespaced ? ['metadata.namespace'] : []), ...resource.fieldKeys];
  const query = parseListQuery(request.query, { plural: resource.plural, fieldKeys }, selectors);
  const turns = new Turns(clock);
  const chosen = await choose(resource.candidates(namespace, clock.monotonicMs()), query, turns);
  const page = query.limit === undefined ? chosen : chosen.slice(0, query.limit);
  if (page.length > WHOLE_MAX) {
    throw new ApiError(
      'BadRequest',
      `limit: ${page.length} ${resource.plural} are more than one answer holds, ${WHOLE_MAX}`,
    );
  }
  const items: Made<T>[] = [];
  for (const candidate of page) {
    items.push(candidate.make(clock.monotonicMs()));
    if (turns.isOver) await turns.next();
  }
  const last = page.at(-1);
  const rest = chosen.length - page.length;
  const isFiltered = query.labels.requirements.length > 0 || query.fields.length > 0;
  const more =
    rest > 0 && last !== undefined
      ? { continue: renderContinue(last), ...(!isFiltered && { remainingItemCount: rest }) }
      : {};
  const list = { items, metadata: { resourceVersion: '' as const, ...more } };
  if (form === 'table') return toTable(resource, list, request);
  const { metadata } = list;
  return {
    ...{ kind: `${resource.kind}List`, apiVersion: PODNET_GROUP_VERSION, metadata },
    items: items.map(({ object }) => object),
  };
}

function formOf(request: Request): 'object' | 'table' {
  return wantedForm(request.headers.accept, { hasTable: true });
}

/** Those that a query selects and that stand behind its place, in the order of namespace and name. */
async function choose<T extends ApiObject>(
  candidates: Iterable<Candidate<T>>,
  query: ListQuery,
  turns: Turns,
): Promise<Candidate<T>[]> {
  const chosen: Candidate<T>[] = [];
  for (const one of candidates) {
    if (isChosen(one, query)) chosen.push(one);
    if (turns.isOver) await turns.next();
  }
  return chosen.sort(compare);
}

function isChosen(one: Candidate<ApiObject>, { labels, fields, after }: ListQuery): boolean {
  return (
    (after === undefined || compare(one, after) > 0) &&
    labels.matches(labelOf(one.labels)) &&
    fields.every(({ key, value, isEqual }) => (fieldOf(one, key) === value) === isEqual)
  );
}

function firstNamed<T extends ApiObject>(name: string, candidates: Iterable<Candidate<T>>): Candidate<T> | undefined {
  for (const one of candidates) if (one.name === name) return one;
  return undefined;
}

function fieldOf({ namespace, name, fields }: Candidate<ApiObject>, key: string): string {
  if (key === 'metadata.name') return name;
  return key === 'metadata.namespace' ? namespace : (fields[key] ?? '');
}

function compare(a: { namespace: string; name: string }, b: { namespace: string; name: string }): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

function toTable<T extends ApiObject>({ columns }: Resource<T>, { items, metadata }: List<T>, request: Request): Table {
  const include = queryValue(request.query, 'includeObject') ?? 'Metadata';
  const ofObject = (object: T) => {
    if (include === 'None') return {};
    if (include === 'Object') return { object };
    return { object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata } };
  };
  const name = { name: 'Name', type: 'string', format: 'name', description: 'Name of the object.', priority: 0 };
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: [
      name,
      ...columns.map((column) => ({
        ...{ name: column.name, type: 'string', format: '' },
        ...{ description: column.description, priority: column.priority },
      })),
    ],
    rows: items.map((made) => ({
      cells: [made.object.metadata.name, ...columns.map((column) => column.cell(made))],
      ...ofObject(made.object),
    })),
  };
}
