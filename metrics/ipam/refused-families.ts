import type { IpamFamily } from '../../openapi/ipam-report.js';
import type { IpamSourceName, IpamType } from '../../openapi/report-terms.js';
import { IPAM_FIGURES, IPAM_NODES } from './figures.js';
import { IPAM_FAMILIES, KNOWN_IPAM_FAMILIES } from './known-families.js';
import { bareName } from './names.js';
import { sampleProblem } from './sample-problem.js';
import { knownFamilyOf, servedFamily, takenNames } from './served-families.js';

/** Every name that is taken whatever a source tells, with the family that has it: podnet's names, and with --compat the source's. */
const TAKEN = new Map(
  [...IPAM_FAMILIES, IPAM_NODES, ...IPAM_FIGURES.map(({ cluster }) => cluster), ...KNOWN_IPAM_FAMILIES].flatMap(
    (family) => takenNames(family).map((name) => [name, family] as const),
  ),
);
/** What the bare names of the totals begin with, and those of host-local: no two sources can have one name. */
const CLUSTER = 'cluster_';
const RANGE = 'range_';

/**
 * Families of a source that must not be served, and why; of the others all can be, beside those of any other source and of podnet itself. One
 * is refused whole: a part would pass for the whole. It is refused where its name is none of the source's or would be served under a
 * name that another family has, where its type is not the one that it is known with (an old client that says `unknown` is believed), and
 * where its samples are not those of its type.
 */
export function refusedFamilies(
  source: IpamSourceName,
  families: readonly IpamFamily[],
): ReadonlyMap<IpamFamily, string> {
  const refused = new Map<IpamFamily, string>();
  const takers = new Map<string, IpamFamily>();
  for (const family of families) {
    const misnamed = nameProblem(source, family);
    const problem = misnamed ?? typeProblem(source, family) ?? sampleProblem(typeOf(source, family), family.samples);
    if (problem !== undefined) refused.set(family, `${family.name} ${problem}`);
    // Who must not have a name takes it from nobody.
    const served = misnamed === undefined ? servedFamily(source, family) : undefined;
    for (const name of served === undefined ? [] : takenNames(served)) {
      const other = takers.get(name);
      takers.set(name, family);
      if (other === undefined) continue;
      // It cannot be told which of the two is meant.
      refused.set(family, sharedName(family, other));
      refused.set(other, sharedName(other, family));
    }
  }
  return refused;
}

function sharedName({ name }: IpamFamily, other: IpamFamily): string {
  return name === other.name ? `${name} is told twice` : `${name} would be served under the name of ${other.name}`;
}

/** The type that a family has: as it is known, else as its source says. */
export function typeOf(source: IpamSourceName, { name, type }: Pick<IpamFamily, 'name' | 'type'>): IpamType {
  return knownFamilyOf(source, name)?.type ?? type;
}

function nameProblem(source: IpamSourceName, family: IpamFamily): string | undefined {
  const bare = bareName(source, family.name);
  if (bare === undefined) return `is no family of ${source}`;
  if (knownFamilyOf(source, family.name) !== undefined) return undefined;
  if (bare.startsWith(CLUSTER)) return `would be served as a total of the cluster`;
  if (bare.startsWith(RANGE) !== (source === 'host-local')) return `would be served as one of another source`;
  const served = servedFamily(source, family);
  const taken = served === undefined ? [] : [...takenNames(served), ...takenNames(family)];
  const other = taken.map((one) => TAKEN.get(one)).find((one) => one !== undefined);
  return other === undefined ? undefined : `would be served under the name of ${other.name}`;
}

function typeProblem(source: IpamSourceName, { name, type }: IpamFamily): string | undefined {
  const known = knownFamilyOf(source, name);
  if (known === undefined || type === known.type || type === 'unknown') return undefined;
  return `is a ${type}, where it is known as a ${known.type}`;
}
