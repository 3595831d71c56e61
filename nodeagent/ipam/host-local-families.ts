import type { IpamFamily } from '../../openapi/ipam-report.js';
import type { RangeTally } from './host-local-tally.js';
import type { PoolReading } from './source.js';

/** What is told of a network, which is named by its directory. */
export interface NetworkTally {
  readonly network: string;
  readonly ranges: readonly RangeTally[];
}

/** Undefined: not known, no sample. A /64 has more addresses than a number can count one by one: it is right to 15 digits. */
const VALUES: Readonly<Record<string, (tally: RangeTally) => number | undefined>> = {
  hostlocal_range_addresses: ({ size }) => (size === undefined ? undefined : Number(size)),
  hostlocal_range_used_addresses: ({ used }) => used,
  hostlocal_range_free_addresses: (tally) => freeOf(tally),
  hostlocal_range_leaked_addresses: ({ leaked }) => leaked,
};

/** Each has a sample of every range, at most. */
export const HOST_LOCAL_FAMILIES = Object.keys(VALUES).length;

export function familiesOf(networks: readonly NetworkTally[]): IpamFamily[] {
  return Object.entries(VALUES).flatMap(([name, valueOf]): IpamFamily[] => {
    const samples = networks.flatMap(({ network, ranges }) =>
      ranges.flatMap((tally) => {
        const value = valueOf(tally);
        return value === undefined ? [] : [{ labels: { network, range: tally.range }, value }];
      }),
    );
    return samples.length === 0 ? [] : [{ name, type: 'gauge', samples }];
  });
}

/** Without those that are too large to be counted exactly: they do not run out. */
export function poolsOf(networks: readonly NetworkTally[]): PoolReading[] {
  return networks.flatMap(({ network, ranges }) =>
    ranges.flatMap((tally): PoolReading[] => {
      const free = freeOf(tally);
      if (free === undefined || free > Number.MAX_SAFE_INTEGER) return [];
      return [{ labels: { network, range: tally.range }, free }];
    }),
  );
}

function freeOf({ size, used }: RangeTally): number | undefined {
  return size === undefined ? undefined : Number(size - BigInt(used));
}
