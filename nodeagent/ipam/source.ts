import type { IpamFamily } from '../../openapi/ipam-report.js';
import type { IpamSourceName } from '../../openapi/report-terms.js';
import type { SourceOff } from '../source-states.js';

/** Samples of one reading, all its families together: as many as a report takes of all sources. */
export const MAX_SAMPLES: Readonly<Record<IpamSourceName, number>> = { awscni: 12_288, 'host-local': 4_096 };

/** How many addresses could still be given of a pool: of the whole node (no labels), or of a range. */
export interface PoolReading {
  readonly labels: Readonly<Record<string, string>>;
  readonly free: number;
  /** How many it can have; absent where that never changes. From then on a trend begins anew: the step would pass for one. */
  readonly size?: number;
}

/** What one reading of a source told. */
export interface IpamReading {
  /** No more than a report takes, nor than MAX_SAMPLES. */
  readonly families: readonly IpamFamily[];
  /** Families that are left out because something in them is bad: a part would pass for the whole. */
  readonly leftOut: readonly string[];
  readonly pools: readonly PoolReading[];
  /** What was bad, by reason: counted, and the first of it told. */
  readonly bad: readonly { readonly reason: string; readonly message: string }[];
}

/** Something that keeps the books of the IP addresses of the node. */
export interface IpamSource {
  readonly name: IpamSourceName;
  /**
   * One reading.
   * @throws {IpamReadError}
   */
  read(signal: AbortSignal): Promise<IpamReading>;
}

/** A source cannot be read, and why: `not_found` where there is none on this node. */
export class IpamReadError extends Error {
  override readonly name = 'IpamReadError';
  readonly reason: SourceOff;

  constructor(reason: SourceOff, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
