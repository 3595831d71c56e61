import type { IpamFamily } from '../../openapi/ipam-report.js';
import type { IpamSourceName } from '../../openapi/report-terms.js';
import type { MetricFamily } from '../catalogue.js';
import { KNOWN_IPAM_FAMILIES, type KnownIpamFamily } from './known-families.js';
import { IPAM_PREFIX, bareName, servedName } from './names.js';

/** No two sources have a name in common: each has its prefix. */
const BY_NAME = new Map(KNOWN_IPAM_FAMILIES.map((known) => [known.name, known]));

/** A family that is known beforehand; undefined where the source has it and nobody knew. */
export function knownFamilyOf(source: IpamSourceName, name: string): KnownIpamFamily | undefined {
  const known = BY_NAME.get(name);
  return known?.source === source ? known : undefined;
}

/** Characters of a help text, which comes from outside and stands in every scrape. */
const HELP_MAX = 1_024;

/**
 * A family of a source as it is served of a node: one that is known as it is known, another one as the source says.
 * @returns undefined for a name that is none of the source's
 */
export function servedFamily(source: IpamSourceName, told: IpamFamily): MetricFamily | undefined {
  const { name, type } = told;
  const known = knownFamilyOf(source, name);
  if (known !== undefined) return known.family;
  const bare = bareName(source, name);
  if (bare === undefined) return undefined;
  const help = helpOf(source, told);
  return { name: IPAM_PREFIX + servedName(bare, type), type, help, labels: [], stability: 'alpha' };
}

/** As the source says; never empty. */
export function helpOf(source: IpamSourceName, { name, help = '' }: IpamFamily): string {
  return help === '' ? `As ${source} tells it under ${name}.` : help.slice(0, HELP_MAX);
}

/** The names that stand in a scrape for a family: those of its samples, and its own in OpenMetrics. No other family may have one of them. */
export function takenNames({ name, type }: Pick<MetricFamily, 'name' | 'type'>): readonly string[] {
  switch (type) {
    case 'counter':
      return [name, name.replace(/_total$/, '')];
    case 'summary':
      return [name, `${name}_sum`, `${name}_count`];
    case 'histogram':
      return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`];
    default:
      return [name];
  }
}
