import { queryValue } from '../api/app-types.js';
import { ApiError } from '../api/errors.js';
import { isWatch } from '../api/figure-query.js';
import { parseLabelSelector, SelectorError, toLabelSelector } from '../api/label-selector.js';

export interface SelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** As in a SubjectAccessReview: what is empty is left out, but for the verb. */
export interface ResourceAttributes {
  readonly namespace?: string;
  /** `get`, `list` and so on; empty for a method that has none: then only a rule for all verbs allows it. */
  readonly verb: string;
  readonly group?: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly labelSelector?: { readonly requirements: readonly SelectorRequirement[] };
}

export interface NonResourceAttributes {
  readonly path: string;
  /** The method, lower case. */
  readonly verb: string;
}

export type Attributes =
  { readonly resourceAttributes: ResourceAttributes } | { readonly nonResourceAttributes: NonResourceAttributes };

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
/** Sub-resources of a namespace itself; anything else behind its name is a resource in it. */
const NAMESPACE_SUBRESOURCES = ['status', 'finalize'];
/** Verbs in the path, of an older time: no route here means them, so they must not be read as such either. */
const VERBS_IN_PATH = ['proxy', 'watch'];
const SELECTOR_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'];
/** Of a label selector that is passed on: far more than anybody writes, and little work for whoever has not been let in yet. */
const SELECTOR_CHARACTERS_MAX = 4_096;
const REQUIREMENTS_MAX = 100;
const UNFIT = /[/%\\\u0000-\u001f\u007f]/;

/**
 * What a request is about, as Kubernetes' authorizers are asked (apiserver, endpoints/request/requestinfo.go).
 *
 * Stricter than there: a segment that decodes to something with a slash, or to `.` or `..`, an empty segment, a fragment and a whole
 * URL are refused, so that the router and this can never see two resources in one path.
 * @param target path and query as they came, percent-encoded
 * @param query parsed by the server, as the routes see it
 * @throws {ApiError} BadRequest
 */
export function attributesOf(method: string, target: string, query: unknown): Attributes {
  const segments = splitPath(target);
  const [prefix = '', ...rest] = segments;
  const isCore = prefix === 'api';
  if ((!isCore && prefix !== 'apis') || rest.length < (isCore ? 2 : 3)) {
    return { nonResourceAttributes: { path: `/${segments.join('/')}`, verb: method.toLowerCase() } };
  }
  const [group = '', version = '', ...parts] = isCore ? ['', ...rest] : rest;
  if (VERBS_IN_PATH.includes(parts[0] ?? '')) throw invalidPath();
  return { resourceAttributes: { ...resourceOf(method, query, parts), ...(group !== '' && { group }), version } };
}

function resourceOf(
  method: string,
  query: unknown,
  parts: readonly string[],
): Omit<ResourceAttributes, 'group' | 'version'> {
  const isUnderNamespace = parts[0] === 'namespaces' && parts.length > 1;
  const namespace = isUnderNamespace ? (parts[1] ?? '') : '';
  const isInNamespace = isUnderNamespace && parts.length > 2 && !NAMESPACE_SUBRESOURCES.includes(parts[2] ?? '');
  const [resource = '', name = '', subresource = ''] = isInNamespace ? parts.slice(2) : parts;
  const verb = VERBS[method] ?? '';
  return {
    ...(namespace !== '' && { namespace }),
    resource,
    ...(subresource !== '' && { subresource }),
    ...(name === '' ? collectionOf(verb, query) : { verb, name }),
  };
}

/** Without a name, reading is listing or watching, and deleting is deleting all. */
function collectionOf(verb: string, query: unknown): Pick<ResourceAttributes, 'verb' | 'name' | 'labelSelector'> {
  if (verb === 'delete') return { verb: 'deletecollection', ...labelSelectorOf(query) };
  if (verb !== 'get') return { verb };
  const name = nameInFieldSelector(queryValue(query, 'fieldSelector'));
  return { verb: isWatch(query) ? 'watch' : 'list', ...(name !== undefined && { name }), ...labelSelectorOf(query) };
}

/**
 * The requirements that narrow a list, each once; what does not parse narrows nothing here, and is refused by the route.
 * @throws {ApiError} BadRequest when they are too many: cut short, others would be asked about than the route selects by
 */
function labelSelectorOf(query: unknown): Pick<ResourceAttributes, 'labelSelector'> {
  const text = queryValue(query, 'labelSelector') ?? '';
  if (text.length > SELECTOR_CHARACTERS_MAX) {
    throw new ApiError('BadRequest', `labelSelector: longer than ${SELECTOR_CHARACTERS_MAX} characters`);
  }
  const requirements = requirementsOf(text);
  if (requirements.length > REQUIREMENTS_MAX) {
    throw new ApiError('BadRequest', `labelSelector: more than ${REQUIREMENTS_MAX} requirements`);
  }
  return requirements.length === 0 ? {} : { labelSelector: { requirements } };
}

function requirementsOf(text: string): readonly SelectorRequirement[] {
  try {
    const selector = toLabelSelector(parseLabelSelector(text));
    const exact = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({
      key,
      operator: 'In',
      values: [value],
    }));
    const expressions = (selector?.matchExpressions ?? []).filter(({ operator }) =>
      SELECTOR_OPERATORS.includes(operator),
    );
    const each = new Map([...exact, ...expressions].map((one) => [JSON.stringify(one), one]));
    return [...each.values()];
  } catch (error) {
    if (error instanceof SelectorError) return [];
    throw error;
  }
}

/** The name that `metadata.name=x` asks for, where it is certain: escapes are not looked into. */
function nameInFieldSelector(selector: string | undefined): string | undefined {
  if (selector === undefined || selector.includes('\\')) return undefined;
  const names = selector.split(',').flatMap((term) => /^metadata\.name==?([^=!]+)$/.exec(term)?.slice(1, 2) ?? []);
  const [name] = names;
  return names.length === 1 && name !== undefined && isSegment(name) ? name : undefined;
}

/** Decoded segments; a slash at the end is none. */
function splitPath(target: string): string[] {
  const [path = ''] = target.split('?', 1);
  if (!path.startsWith('/') || path.includes('#')) throw invalidPath();
  const segments = path.slice(1).split('/');
  if (segments.at(-1) === '') segments.pop();
  return segments.map((segment) => {
    const decoded = decodeSegment(segment);
    if (!isSegment(decoded)) throw invalidPath();
    return decoded;
  });
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (error instanceof URIError) throw invalidPath();
    throw error;
  }
}

function isSegment(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && !UNFIT.test(text);
}

function invalidPath(): ApiError {
  return new ApiError('BadRequest', 'invalid request path');
}
