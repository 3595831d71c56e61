// What becomes of everything in a file that reads metrics.
import { checkAdapterQuery } from './adapter.js';
import { alarmAdvice } from './alarms.js';
import { checkExpression } from './check-expression.js';
import { extract, type Placed } from './extract.js';
import type { FileReport, Finding } from './finding.js';
import { withHpaMetrics } from './hpa-metrics.js';
import { mentionsOf } from './mentioned.js';
import { PREDECESSORS } from './predecessors/all.js';
import type { Predecessor } from './predecessors/predecessor.js';
import { PromqlError, parsePromql } from './promql.js';
import { familiesIn, readUses } from './uses.js';

/** The rule that its manual told users to put into the scrape of cAdvisor. */
const SHIM_RELABELLING = /container_networks_/;

/** @param from predecessors that there are */
export function checkFile(file: string, text: string, from: readonly Predecessor[] = PREDECESSORS): FileReport {
  const { found, problems } = extract(text, mentionsOf(from));
  const findings = found.map((one) => check(file, one, from));
  const seen = findings.filter((one) => one !== undefined);
  return { file, findings: seen, others: findings.length - seen.length, problems };
}

/** @returns undefined where it has nothing to do with podnet or a predecessor */
function check(file: string, one: Placed, from: readonly Predecessor[]): Finding | undefined {
  const { line, place, subject, kind, text } = one;
  const found: Finding = {
    ...{ file, line, place, subject, kind, expression: one.written ?? text, status: 'works' },
    ...{ with: [], needs: [], wrong: [], podnet: undefined, why: [], notes: [], renamed: {} },
  };
  if (kind === 'alarm') return checkAlarm(found, one, from);
  if (kind === 'relabelling') return checkRelabelling(found, from);
  try {
    if (one.rule !== undefined) return checkAdapterQuery(found, one, { rule: one.rule, from });
    const asked = one.label === undefined ? undefined : { label: one.label, isPresence: true };
    const uses = readUses(parsePromql(text), from, asked);
    const finding = checkExpression(found, one, uses);
    return kind === 'scaler' ? withHpaMetrics(finding, familiesIn(uses)) : finding;
  } catch (error) {
    if (!(error instanceof PromqlError)) throw error;
    // What printf makes a query of need not parse: whose it is counts
    if (kind === 'template' && mentionsOf(from)(text).length === 0) return undefined;
    return { ...found, status: 'unreadable', why: [error.message] };
  }
}

function checkAlarm(found: Finding, one: Placed, predecessors: readonly Predecessor[]): Finding | undefined {
  const advice = predecessors.some(({ name }) => name === 'cni-metrics-helper') ? alarmAdvice(one) : undefined;
  if (advice === undefined) return undefined;
  const { wrong, needs } = advice;
  return { ...found, status: needs.length > 0 ? 'change' : 'served', with: ['--publish.cloudwatch'], wrong, needs };
}

function checkRelabelling(found: Finding, predecessors: readonly Predecessor[]): Finding | undefined {
  const isShim = predecessors.some(({ name }) => name === 'prometheus-network-shim');
  if (!isShim || !SHIM_RELABELLING.test(found.expression)) return undefined;
  const wrong = [
    'Never matched: cAdvisor has container_network_…, without an s, and a relabelling rule has to match the whole name.',
  ];
  return { ...found, status: 'delete', wrong };
}
