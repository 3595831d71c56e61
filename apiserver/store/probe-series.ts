import type { DialSeries, DnsSeries, NtpSeries } from '../../openapi/probe-report.js';
import { PROBE_COLUMNS, PROBE_REASONS, type ProbeKind } from '../../openapi/report-terms.js';
import { CounterSeries } from './counter-series.js';

/** What a report says of a probe besides what it counted. */
export interface ReportedProbes {
  readonly dial: Omit<DialSeries, 'readings'>;
  readonly dns: Omit<DnsSeries, 'readings'>;
  readonly ntp: Omit<NtpSeries, 'readings'>;
}

/** A start of the agent is a new epoch: its counts begin at zero. */
export class ProbeSeries<Kind extends ProbeKind = ProbeKind> extends CounterSeries {
  readonly kind: Kind;
  /** Of the newest report. */
  reported: ReportedProbes[Kind];

  constructor(kind: Kind, reported: ReportedProbes[Kind], capacity: number) {
    super(PROBE_COLUMNS.failures + PROBE_REASONS[kind].length, capacity);
    this.kind = kind;
    this.reported = reported;
  }

  /** Rows are written in the order of their times. @param epoch higher for a later start of the agent */
  write(row: number, reading: readonly number[], epoch: number): void {
    this.writeRow(row, reading, epoch);
  }
}
