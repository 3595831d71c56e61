/** Which of the replicas shows the series where every replica is scraped with `?exposer=only` (design, section 7). */
export interface Exposer {
  /** Whether this replica does: it holds the Lease, and took it over at least one interval ago. */
  isExposing(nowMs: number): boolean;
}
