import type { RejectedEntry } from '../../openapi/node-report.js';
import { REPORT_LIMITS } from '../../openapi/report-terms.js';

/** Why an entry of a report was left out; also the label of the counter. */
export const REJECTION_REASONS = [
  'bad_sample',
  'bad_pod',
  'duplicate_pod',
  'bad_label',
  'host_network',
  'bad_interface',
  'duplicate_interface',
  'bad_transport',
  'bad_container',
  'bad_counter',
  'bad_physical_function',
  'bad_virtual_function',
  'bad_owner',
  'bad_cpu',
  'bad_probe',
  'bad_ipam',
  'bad_collector',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** What was left out of one report: all of it counted, the first of it named. */
export class Rejections {
  readonly named: RejectedEntry[] = [];
  readonly counts = new Map<RejectionReason, number>();

  /** @param message or what makes it: of thousands of bad entries it would cost seconds, and only the first are named */
  add(entry: string, reason: RejectionReason, message: string | (() => string)): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
    if (this.named.length >= REPORT_LIMITS.rejectedNamed) return;
    this.named.push({ entry, reason, message: typeof message === 'string' ? message : message() });
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }
}
