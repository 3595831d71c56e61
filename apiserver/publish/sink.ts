/** One value for CloudWatch; its namespace and dimension are the sink's. */
export interface Datum {
  readonly name: string;
  readonly unit: 'Count' | 'Milliseconds';
  readonly value: number;
  /** Milliseconds since 1970, by this server's clock. */
  readonly timestampMs: number;
}

/** CloudWatch takes more; cni-metrics-helper sent no more, and so few always fit. */
export const MAX_DATUMS = 20;

/**
 * Why values were not taken. lost: it is not known whether they were, because the answer did not come. invalid: they never will be.
 * Everything else may go through later.
 */
export type SendFailure = 'throttled' | 'denied' | 'unavailable' | 'unconfigured' | 'invalid' | 'lost';

export class SendError extends Error {
  override readonly name = 'SendError';
  readonly failure: SendFailure;

  constructor(failure: SendFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** Where values go: CloudWatch, or a terminal. */
export interface Sink {
  /**
   * Sends up to MAX_DATUMS values at once, trying once, for a time of its own.
   * @param mayGo - asked at the last moment; where it says no nothing is sent
   * @throws {SendError}
   */
  send(datums: readonly Datum[], signal: AbortSignal, mayGo?: () => boolean): Promise<void>;
}
