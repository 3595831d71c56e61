import type { IpamFigureKind } from '../../metrics/ipam/figures.js';
import type { IpamFigures } from '../store/ipam/ipam-figures.js';
import type { AskedAddresses } from './address-query.js';
import type { Addresses } from './node-addresses.js';

const NO_SUCH_SERIES =
  'a total of the cluster is one series, without labels: its nodes answer one by one on custom.metrics.k8s.io';
/** Of nodes that all report. */
const NOT_KNOWN: Readonly<Record<IpamFigureKind, string>> = {
  gauge: 'not every node tells it',
  counter: 'not every node tells it, or they were not read twice within the window',
  latency: 'no node tells of a call to AWS',
  free: 'not every node tells how many it can have, and how many its pods have',
  exhaustion: 'the addresses do not become fewer, are not told by every node, or not known for half an hour yet',
};

/** A figure of all nodes together: of all of them, or absent. */
export function addressesOfCluster(ipam: IpamFigures, asked: AskedAddresses, nowMs: number): Addresses {
  const { figure, windowMs } = asked;
  if (!asked.matchesSeries(() => undefined)) return { ok: false, why: NO_SUCH_SERIES };
  const { reporting, missing } = ipam.nodes(nowMs);
  if (missing > 0) {
    return { ok: false, why: `${reporting} of ${reporting + missing} nodes report their IP addresses` };
  }
  if (reporting === 0) return { ok: false, why: 'no node reports its IP addresses' };
  const value = figure.kind === 'counter' ? ipam.totalRate(figure, windowMs, nowMs) : ipam.total(figure, nowMs);
  return value === undefined ? { ok: false, why: NOT_KNOWN[figure.kind] } : { ok: true, ...value };
}
