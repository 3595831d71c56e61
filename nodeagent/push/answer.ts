import type { NodeReportAnswer } from '../../openapi/node-report.js';
import { NODE_REPORT_VERSION, REPORT_LIMITS } from '../../openapi/report-terms.js';
import { isRecord } from '../../runtime/kube/objects.js';

/** What the agent reads of a NodeReportAnswer. */
export type ReadAnswer = Pick<NodeReportAnswer, 'lastSequence' | 'historyMs' | 'rejected' | 'rejectedCount'>;

/**
 * Takes a NodeReportAnswer apart. By hand, and not by its schema: the library for that would take six of the agent's 80 MiB. A test holds
 * it to the schema.
 * @returns undefined for what is not one
 */
export function readAnswer(value: unknown): ReadAnswer | undefined {
  if (!isRecord(value) || value['apiVersion'] !== NODE_REPORT_VERSION || value['kind'] !== 'NodeReportAnswer') {
    return undefined;
  }
  const { lastSequence, historyMs, rejected, rejectedCount } = value;
  if (!isCount(lastSequence) || !isCount(historyMs) || !isCount(rejectedCount)) return undefined;
  if (!Array.isArray(rejected) || rejected.length > REPORT_LIMITS.rejectedNamed) return undefined;
  if (!rejected.every(isRejectedEntry)) return undefined;
  return { lastSequence, historyMs, rejected, rejectedCount };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function isRejectedEntry(value: unknown): value is NodeReportAnswer['rejected'][number] {
  return isRecord(value) && ['entry', 'reason', 'message'].every((field) => typeof value[field] === 'string');
}
