/** One media range of an Accept header (RFC 9110, 12.5.1). */
interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const RANGES_MAX = 32;
const JSON_RANGES = ['application/json', 'application/*', '*/*'];

/** The form in which a list or an object is wanted; undefined where none that we have will do. */
export type Wanted = 'object' | 'table';

/**
 * Reads an Accept header as Kubernetes does: the first range of the best quality that can be served. JSON is all we have; a range that
 * asks for it `as` something else is served where that is a Table and there is one.
 */
export function wantedForm(
  accept: string | undefined,
  { hasTable }: { readonly hasTable: boolean },
): Wanted | undefined {
  if (accept === undefined || accept.trim() === '') return 'object';
  const ranges = accept.split(',').slice(0, RANGES_MAX).map(parseRange);
  const served = ranges.flatMap((range) => {
    const form = formOf(range, hasTable);
    return form === undefined || range.quality === 0 ? [] : [{ form, quality: range.quality }];
  });
  return served.sort((a, b) => b.quality - a.quality)[0]?.form;
}

function formOf({ type, parameters }: MediaRange, hasTable: boolean): Wanted | undefined {
  if (!JSON_RANGES.includes(type)) return undefined;
  const as = parameters.get('as');
  if (as === undefined) return 'object';
  return as === 'Table' && hasTable && parameters.get('g') === 'meta.k8s.io' ? 'table' : undefined;
}

function parseRange(text: string): MediaRange {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(
    rest.map((part): [string, string] => {
      const [name = '', value = ''] = part.split('=', 2);
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')];
    }),
  );
  const quality = Number(parameters.get('q') ?? '1');
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
}
