import type { NodeView } from '../metrics/node-families.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/logger.js';
import type { ReadAnswer } from './push/answer.js';
import type { ReportDraft } from './report/build.js';
import type { SelfMetrics } from './self-metrics.js';

/** What an agent is there for: it takes a sample each interval, and tells what it has sampled. */
export interface Role {
  /** Time of the newest sample; -Infinity before the first. */
  readonly newestMs: number;
  /** What failed as a whole in the last round; empty when nothing did. */
  readonly problem: string;
  /** Whether that leaves nothing of what it is there for. */
  readonly isBlind: boolean;
  /** What has to be learnt from others before anything can be sampled; empty when nothing has. */
  readonly waiting: string;
  /** Resolved as soon as a sample can be whole. */
  readonly ready: Promise<void>;
  /** A failure is logged, counted and reported; it does not throw. */
  sample(): Promise<void>;
  /** The report for a server that has the samples up to a sequence. */
  report(afterSequence: number, maxSamples: number): ReportDraft;
  /** The newest sample. */
  view(): NodeView;
  /** To be told what a server answers. */
  heard(server: string, answer: ReadAnswer, nowMs: number): void;
  /** What it does between samples, until aborted. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface RoleDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** Of the process: tells a pod where the Kubernetes API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly metrics: SelfMetrics;
  /** That are pushed to now; undefined while it is not known which there are. */
  readonly servers: () => readonly string[] | undefined;
  /** How far back the samples are wanted, milliseconds. */
  readonly historyMs: () => number;
  /** There is news that ought not to wait for the next sample. */
  readonly notify: () => void;
}
