import { queryValue } from '../app-types.js';
import { ApiError } from '../errors.js';
import { isWatch } from '../figure-query.js';
import type { Selector, Selectors } from '../selectors.js';

/** Where a page begins: behind this object. */
export interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** What a list request asks for (apimachinery meta/v1 ListOptions). */
export interface ListQuery {
  readonly labels: Selector;
  readonly fields: readonly FieldRequirement[];
  /** Objects of a page; undefined: all. */
  readonly limit: number | undefined;
  readonly after: Place | undefined;
}

export interface FieldRequirement {
  readonly key: string;
  readonly value: string;
  readonly isEqual: boolean;
}

const TOKEN_VERSION = 1;
const TOKEN_MAX = 2_048;
const FIELDS_MAX = 64;

/**
 * @param fieldKeys the fields that a fieldSelector may name
 * @throws {ApiError} BadRequest; MethodNotAllowed for a watch
 */
export function parseListQuery(
  query: unknown,
  { plural, fieldKeys }: { readonly plural: string; readonly fieldKeys: readonly string[] },
  selectors: Selectors,
): ListQuery {
  if (isWatch(query)) {
    throw new ApiError('MethodNotAllowed', `watch is not supported on resources of kind "${plural}.podnet.dev"`);
  }
  return {
    labels: selectors.ofObjects(queryValue(query, 'labelSelector') ?? '', 'labelSelector'),
    fields: parseFields(queryValue(query, 'fieldSelector') ?? '', fieldKeys),
    limit: parseLimit(queryValue(query, 'limit') ?? ''),
    after: parseContinue(queryValue(query, 'continue') ?? ''),
  };
}

export function renderContinue({ namespace, name }: Place): string {
  return Buffer.from(JSON.stringify({ v: TOKEN_VERSION, namespace, name })).toString('base64url');
}

/**
 * Whether a field has the value asked for; the grammar is that of apimachinery fields.ParseSelector without escapes.
 *
 * Every term counts or the request is refused: access may have been granted for the sake of any of them.
 */
function parseFields(text: string, keys: readonly string[]): FieldRequirement[] {
  if (text === '') return [];
  const terms = text.split(',', FIELDS_MAX + 1);
  if (terms.length > FIELDS_MAX) throw new ApiError('BadRequest', `fieldSelector: more than ${FIELDS_MAX} terms`);
  return terms
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
      const [, key = '', operator = '', value = ''] = match ?? [];
      if (match === null)
        throw new ApiError('BadRequest', `invalid selector: ${JSON.stringify(part)}; can't understand it`);
      if (!keys.includes(key)) {
        throw new ApiError('BadRequest', `fieldSelector: ${JSON.stringify(key)} is none of ${keys.join(', ')}`);
      }
      return { key, value, isEqual: operator !== '!=' };
    });
}

function parseLimit(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw new ApiError('BadRequest', `limit: not a number: ${JSON.stringify(text.slice(0, 40))}`);
  return Number(text) === 0 ? undefined : Number(text);
}

function parseContinue(text: string): Place | undefined {
  if (text === '') return undefined;
  const invalid = new ApiError('BadRequest', 'continue: not a token of this server; begin the list anew');
  if (text.length > TOKEN_MAX) throw invalid;
  const said = jsonOrUndefined(Buffer.from(text, 'base64url').toString('utf8'));
  if (typeof said !== 'object' || said === null) throw invalid;
  const { v, namespace, name } = said as Partial<Record<'v' | 'namespace' | 'name', unknown>>;
  if (v !== TOKEN_VERSION || typeof namespace !== 'string' || typeof name !== 'string') throw invalid;
  return { namespace, name };
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
