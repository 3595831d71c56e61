import type { VirtualFunctionBase } from '../../openapi/device-report.js';
import type { NodeReportAnswer } from '../../openapi/node-report.js';
import { NODE_REPORT_VERSION, REPORT_LIMITS } from '../../openapi/report-terms.js';
import { isRecord } from '../../runtime/kube/objects.js';
import { isOwnerKey, isPciAddress, isToken } from '../inventory/report-names.js';

/** What the agent reads of a NodeReportAnswer. */
export type ReadAnswer = Pick<
  NodeReportAnswer,
  'lastSequence' | 'historyMs' | 'rejected' | 'rejectedCount' | 'virtualFunctionBases'
>;

/**
 * Takes a NodeReportAnswer apart. By hand, and not by its schema: the library for that would take six of the agent's 80 MiB. A test holds
 * it to the schema.
 * A base that is none costs itself: its VF begins anew.
 * @returns undefined for what is not one
 */
export function readAnswer(value: unknown): ReadAnswer | undefined {
  if (!isRecord(value) || value['apiVersion'] !== NODE_REPORT_VERSION || value['kind'] !== 'NodeReportAnswer') {
    return undefined;
  }
  const { lastSequence, historyMs, rejected, rejectedCount, virtualFunctionBases: bases } = value;
  if (!isCount(lastSequence) || !isCount(historyMs) || !isCount(rejectedCount)) return undefined;
  if (!Array.isArray(rejected) || rejected.length > REPORT_LIMITS.rejectedNamed) return undefined;
  if (!rejected.every(isRejectedEntry)) return undefined;
  return {
    ...{ lastSequence, historyMs, rejected, rejectedCount },
    ...(Array.isArray(bases) && {
      virtualFunctionBases: bases.slice(0, REPORT_LIMITS.virtualFunctions).filter(isBase),
    }),
  };
}

function isBase(value: unknown): value is VirtualFunctionBase {
  if (!isRecord(value)) return false;
  const { pciAddress, epoch, ownerKey = '-', raw, counted = {}, unattributed = {} } = value;
  if (typeof pciAddress !== 'string' || !isPciAddress(pciAddress)) return false;
  if (typeof epoch !== 'string' || !isToken(epoch)) return false;
  if (typeof ownerKey !== 'string' || !isOwnerKey(ownerKey)) return false;
  return isRecordOf(raw, isDigits) && isRecordOf(counted, isCount) && isRecordOf(unattributed, isCount);
}

function isRecordOf(value: unknown, isFitting: (entry: unknown) => boolean): boolean {
  if (!isRecord(value)) return false;
  const entries = Object.values(value);
  return entries.length <= REPORT_LIMITS.countersPerVf && entries.every(isFitting);
}

/** A kernel u64. */
function isDigits(value: unknown): boolean {
  return typeof value === 'string' && /^\d{1,20}$/.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function isRejectedEntry(value: unknown): value is NodeReportAnswer['rejected'][number] {
  return isRecord(value) && ['entry', 'reason', 'message'].every((field) => typeof value[field] === 'string');
}
