import { queryValue } from '../api/app-types.js';
import { ApiError } from '../api/errors.js';
import type { ExpositionFilter } from './pieces.js';

/** Parts that a scrape may be one of. */
const MOST_SHARDS = 1_000;
const FILTERS = ['node', 'namespace', 'family', 'shard', 'exposer'] as const;

/** What `/metrics` can be asked for. */
export const SCRAPE_PARAMETERS = {
  node: 'Of this node alone.',
  namespace: 'Of this namespace alone.',
  family: 'Of this family alone.',
  shard: `i/n: of the i-th of n parts of the nodes, i from 0, n up to ${MOST_SHARDS}; families of no node are in part 0.`,
  exposer:
    '"only": nothing, unless this replica is the one of all that shows the series; the server\'s own are left out.',
  own: '"only": what the server says of itself, and nothing else.',
} as const;

export interface ScrapeQuery {
  readonly filter: ExpositionFilter;
  /** Nothing, where another replica shows the series. */
  readonly isExposerOnly: boolean;
  /** Nothing but the server's own. */
  readonly isOwnOnly: boolean;
  /** The server's own with the rest. */
  readonly withOwn: boolean;
}

/** @throws {ApiError} BadRequest */
export function parseScrapeQuery(query: unknown): ScrapeQuery {
  const value = (name: keyof typeof SCRAPE_PARAMETERS): string | undefined => queryValue(query, name);
  const [node, namespace, family] = [value('node'), value('namespace'), value('family')];
  const shard = parseShard(value('shard'));
  const isExposerOnly = isOnly('exposer', value('exposer'));
  const isOwnOnly = isOnly('own', value('own'));
  const other = FILTERS.find((name) => value(name) !== undefined);
  if (isOwnOnly && other !== undefined) throw new ApiError('BadRequest', `own: does not go with ${other}`);
  const filter: ExpositionFilter = {
    ...(node !== undefined && { node }),
    ...(namespace !== undefined && { namespace }),
    ...(family !== undefined && { family }),
    ...(shard !== undefined && { shard }),
  };
  const isWhole = [node, namespace, family].every((one) => one === undefined) && (shard?.index ?? 0) === 0;
  return { filter, isExposerOnly, isOwnOnly, withOwn: isWhole && !isExposerOnly };
}

function isOnly(name: string, value: string | undefined): boolean {
  if (value === undefined || value === 'only') return value === 'only';
  throw new ApiError('BadRequest', `${name}: must be "only", not ${JSON.stringify(value)}`);
}

function parseShard(value: string | undefined): ExpositionFilter['shard'] {
  if (value === undefined) return undefined;
  const [, i = '', n = ''] = /^(\d{1,4})\/(\d{1,4})$/.exec(value) ?? [];
  const [index, count] = [Number(i), Number(n)];
  if (n !== '' && count <= MOST_SHARDS && index < count) return { index, count };
  throw new ApiError(
    'BadRequest',
    `shard: must be i/n with n from 1 to ${MOST_SHARDS} and i from 0 to n-1, not ${JSON.stringify(value)}`,
  );
}
