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

/** Grows within five minutes, per second. */
export const rate = (series: string, matchers = '', range = '5m'): string =>
  `rate(${series}${matchers === '' ? '' : `{${matchers}}`}[${range}])`;
