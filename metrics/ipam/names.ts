import type { IpamSourceName, IpamType } from '../../openapi/report-terms.js';

/** What the families of a source begin with. */
export const SOURCE_PREFIX: Readonly<Record<IpamSourceName, string>> = {
  awscni: 'awscni_',
  'host-local': 'hostlocal_',
};

export const IPAM_PREFIX = 'podnet_ipam_';

/** What a source calls a family, without what all of its families begin with; undefined where it does not begin so. */
export function bareName(source: IpamSourceName, name: string): string | undefined {
  const prefix = SOURCE_PREFIX[source];
  return name.startsWith(prefix) && name.length > prefix.length ? name.slice(prefix.length) : undefined;
}

/** A bare name as it is served: a counter ends in `_total`, which replaces a `_count`, as OpenMetrics demands. */
export function servedName(bare: string, type: IpamType): string {
  if (type !== 'counter') return bare;
  return bare.endsWith('_total') ? bare : `${bare.replace(/_count$/, '')}_total`;
}
