import type { IpamFigure } from '../../metrics/ipam/figures.js';

/** Which of the replicas shows the series where every replica is scraped with `?exposer=only` (design, section 7). */
export interface Exposer {
  /** Whether this replica does: it holds the Lease, and took it over at least one interval ago. */
  isExposing(nowMs: number): boolean;
  /**
   * Nodes that have reported nothing since then are not shown: the replica that exposed before may have shown later values of theirs. The
   * server's monotonic clock; left out: all are.
   */
  readonly reportedSinceMs?: number;
  /** A counter of the cluster, as the continuation of what other replicas showed of it; undefined: not known. Left out: as this server counts. */
  total?(figure: IpamFigure): number | undefined;
}
