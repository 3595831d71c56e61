import { ApiError } from '../errors.js';
import { labelOf } from '../members.js';
import type { Turns } from '../turns.js';
import type { ListQuery } from './list-query.js';
import type { ApiObject, Candidate, Resource } from './resource.js';

/** More than this in one answer is asked for in pages. */
const WHOLE_MAX = 50_000;

interface Page<T extends ApiObject> {
  readonly page: readonly Candidate<T>[];
  /** How many are left behind the page; of those that are filtered no more is told than whether there are any. */
  readonly rest: number;
}

/**
 * Those that a query selects and that stand behind its place, in the order of namespace and name. One namespace after the other: a page of
 * a large list looks at none that was answered before, and sorts only what it answers from.
 */
export async function choose<T extends ApiObject>(
  resource: Resource<T>,
  namespace: string | undefined,
  query: ListQuery,
  { turns, nowMs }: { readonly turns: Turns; readonly nowMs: number },
): Promise<Page<T>> {
  const page: Candidate<T>[] = [];
  const most = Math.min(query.limit ?? Infinity, WHOLE_MAX + 1);
  let rest = 0;
  for (const one of namespacesOf(resource, namespace, query)) {
    const chosen: Candidate<T>[] = [];
    await turns.each(resource.candidates(one, nowMs), (candidate) => {
      if (isChosen(candidate, query)) chosen.push(candidate);
    });
    const taken = page.length === most ? [] : chosen.sort(compare).slice(0, most - page.length);
    for (const candidate of taken) page.push(candidate);
    rest += chosen.length - taken.length;
    if (page.length > WHOLE_MAX) {
      throw new ApiError('BadRequest', `limit: more than ${WHOLE_MAX} ${resource.plural} are too many for one answer`);
    }
    if (rest > 0 && isFiltered(query)) break;
  }
  return { page, rest };
}

/** In their order, from the one that the query begins in. */
function namespacesOf<T extends ApiObject>(
  resource: Resource<T>,
  namespace: string | undefined,
  { after }: ListQuery,
): readonly string[] {
  if (namespace !== undefined || resource.namespaces === undefined) return [namespace ?? ''];
  return [...resource.namespaces()].sort().filter((one) => after === undefined || one >= after.namespace);
}

/** Whether not all objects are asked for. */
export function isFiltered({ labels, fields }: ListQuery): boolean {
  return labels.requirements.length > 0 || fields.length > 0;
}

function isChosen(one: Candidate<ApiObject>, { labels, fields, after }: ListQuery): boolean {
  return (
    (after === undefined || compare(one, after) > 0) &&
    labels.matches(labelOf(one.labels)) &&
    fields.every(({ key, value, isEqual }) => (fieldOf(one, key) === value) === isEqual)
  );
}

function fieldOf({ namespace, name, fields }: Candidate<ApiObject>, key: string): string {
  if (key === 'metadata.name') return name;
  return key === 'metadata.namespace' ? namespace : (fields[key] ?? '');
}

function compare(a: { namespace: string; name: string }, b: { namespace: string; name: string }): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}
