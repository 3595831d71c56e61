/** A rule of Prometheus, without what all of them have. */
export interface Alert {
  /** Also of its runbook, docs/runbooks/<name>.md. Two rules may share a name where they differ in severity. */
  readonly name: string;
  /** critical: somebody is to be woken up. */
  readonly severity: 'warning' | 'critical';
  /** Why this threshold, and no other: in the runbook. */
  readonly expr: string;
  /** How long the expression has to hold. */
  readonly for: `${number}${'m' | 'h'}`;
  /** One line; templates of Prometheus. */
  readonly summary: string;
  /** What is happening to whom. */
  readonly description: string;
}

export interface AlertGroup {
  readonly name: string;
  readonly alerts: readonly Alert[];
}

/**
 * As it last was: of what one replica shows for the whole cluster, which is absent for a moment when another takes over. Without it an alert
 * would end there, and begin anew.
 */
export const last = (series: string, range = '2m'): string => `last_over_time(${series}[${range}])`;

/** What is matched with a rate is looked at for as long: in a gap of the scrapes it would be gone while the rate is still there. */
export const RATE_RANGE = '5m';

/** Grows within so long, per second. */
export const rate = (series: string, matchers = '', range = RATE_RANGE): string =>
  `rate(${series}${matchers === '' ? '' : `{${matchers}}`}[${range}])`;
