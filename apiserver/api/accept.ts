import { ApiError } from './errors.js';

/** One entry of an Accept header (RFC 9110 12.5.1), in lower case but for the values of its parameters. */
export interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** More than any client sends; what comes after is not looked at. */
const MAX_RANGES = 64;

/**
 * The ranges of an Accept header, the wanted most first; equals stay in the order written, which is how Go's clients rank theirs.
 * A range of weight 0 is left out.
 */
export function parseAccept(header: string): MediaRange[] {
  return header
    .split(',', MAX_RANGES)
    .map(parseRange)
    .filter(({ weight, type }) => weight > 0 && type !== '')
    .sort((a, b) => b.weight - a.weight);
}

function parseRange(text: string): MediaRange & { readonly weight: number } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const at = parameter.indexOf('=');
    if (at < 0) continue;
    const value = parameter.slice(at + 1).trim();
    parameters.set(parameter.slice(0, at).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1'));
  }
  const weight = Number(parameters.get('q') ?? 1);
  return { type: type.toLowerCase(), parameters, weight: Number.isFinite(weight) ? weight : 0 };
}

/** Whether a range takes JSON that is no other than JSON: `as` asks for something made of it. */
export function takesPlainJson({ type, parameters }: MediaRange): boolean {
  return ['application/json', 'application/*', '*/*'].includes(type) && !parameters.has('as');
}

/** The form in which an object or a list is wanted: as it is, or as a Table where there is one. */
export type Wanted = 'object' | 'table';

/**
 * What a request is to be answered with. JSON is all there is.
 * @throws {ApiError} NotAcceptable, where nothing that we have will do
 */
export function wantedForm(header: string | undefined, { hasTable }: { readonly hasTable: boolean }): Wanted {
  if (header === undefined || header.trim() === '') return 'object';
  for (const range of parseAccept(header)) {
    if (takesPlainJson(range)) return 'object';
    if (hasTable && takesTable(range)) return 'table';
  }
  throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json');
}

function takesTable({ type, parameters }: MediaRange): boolean {
  return type === 'application/json' && parameters.get('as') === 'Table' && parameters.get('g') === 'meta.k8s.io';
}
