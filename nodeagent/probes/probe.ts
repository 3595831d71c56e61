import type { DialSeries, DnsSeries, NtpSeries, RecentProbes } from '../../openapi/probe-report.js';
import type { ProbeKind, ProbeReason } from '../../openapi/report-terms.js';

/** What tells the series of a kind apart, and what is told of them besides what they count. */
export interface ProbeMetas {
  readonly dial: Omit<DialSeries, 'readings' | 'recent'>;
  readonly dns: Omit<DnsSeries, 'readings' | 'recent'>;
  readonly ntp: Omit<NtpSeries, 'readings' | 'recent' | keyof ServerClock>;
}

/** What a time server says. */
export interface ServerClock {
  /** Its clock less ours, seconds. */
  readonly offsetSeconds: number;
  /** 1 to 15. */
  readonly stratum: number;
}

/** How one probe went. */
export type Outcome<Kind extends ProbeKind = ProbeKind> =
  | { readonly ok: true; readonly seconds: number; readonly clock?: ServerClock }
  | {
      readonly ok: false;
      readonly reason: ProbeReason<Kind>;
      /** How long the server asks to be left alone, milliseconds; Infinity: for good. */
      readonly pauseMs?: number;
    };

export interface ProbeLimits {
  /** A probe ends by itself, with the reason `timeout`, when it has taken so long. */
  readonly timeoutMs: number;
  /** Aborted when nobody wants to know any more: what it comes to is of no interest then. */
  readonly signal: AbortSignal;
}

/** What is probed again and again. */
export interface Target<Kind extends ProbeKind = ProbeKind> {
  /** Of one kind no two targets have the same. Counts go on for as long as there is one with it. */
  readonly key: string;
  readonly meta: ProbeMetas[Kind];
  /** Who answers: the probes of one of them that are under way are bounded together. */
  readonly server: string;
  /** Whatever goes wrong is an outcome; it rejects for a fault of ours alone, which is logged and counted as `other`. */
  readonly probe: (limits: ProbeLimits) => Promise<Outcome<Kind>>;
  /** Of a failure, asked a moment later: whether it is one; a peer that is gone has not failed. Without it every one is. */
  readonly isFailure?: () => boolean;
}

/** What has been counted of a target. */
export interface ProbeReading<Kind extends ProbeKind = ProbeKind> {
  readonly key: string;
  readonly meta: ProbeMetas[Kind];
  /** Undefined before the first probe, and where the newest that was counted is old. */
  readonly recent: RecentProbes | undefined;
  /** By the newest answer of a time server; undefined where that is old. */
  readonly clock: ServerClock | undefined;
  /** In the order of PROBE_COLUMNS. */
  readonly row: readonly number[];
}

export type ProbeReadings = { readonly [Kind in ProbeKind]: readonly ProbeReading<Kind>[] };

/** When the probes of a kind are made. */
export interface ProbePlan {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}
