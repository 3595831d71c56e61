import { printable } from '../display-text.js';
import type { FileReport, Finding, Status } from './finding.js';

const STATUS_TEXT: Readonly<Record<Status, string>> = {
  works: 'works unchanged',
  served: 'works unchanged with',
  change: 'needs a change',
  delete: 'delete it',
  unreadable: 'cannot be parsed',
};

/** What the summary calls them, and in which order. */
const SUMMARY: readonly (readonly [Status, string])[] = [
  ['works', 'unchanged'],
  ['served', 'unchanged with a flag'],
  ['change', 'to change'],
  ['delete', 'to delete'],
  ['unreadable', 'that cannot be parsed'],
];

/** For a terminal. */
export function renderReports(reports: readonly FileReport[]): string {
  const lines = reports.flatMap((report) => [
    ...report.problems.map((problem) => renderProblem(report.file, problem)),
    ...report.findings.flatMap(renderFinding),
  ]);
  return [...lines, renderSummary(reports), ''].join('\n');
}

function renderProblem(file: string, { line, error }: FileReport['problems'][number]): string {
  return `${at(file, line)}: cannot be read: ${clean(error)}\n`;
}

function renderFinding(finding: Finding): string[] {
  const { file, line, place, subject, kind, expression, status, why, podnet, renamed } = finding;
  const flags = finding.with.join(' ');
  const verdict = status === 'served' ? `${STATUS_TEXT.served} ${flags}` : STATUS_TEXT[status];
  const besides = status !== 'served' && flags !== '' ? ` (${flags})` : '';
  const changes = Object.entries(renamed).map(([from, to]) => `${from} is ${to}`);
  return [
    `${at(file, line)}: ${clean(subject)}`,
    ...(line !== undefined && (kind === 'alert' || kind === 'record') ? [] : [`  at      ${clean(place)}`]),
    ...labelled('was', expression),
    `  ${verdict}${besides}${status === 'unreadable' ? `: ${why.map(clean).join('; ')}` : ''}`,
    ...finding.wrong.flatMap((text) => labelled('wrong', text)),
    ...finding.needs.flatMap((text) => labelled('needs', text)),
    ...(podnet === undefined ? [] : labelled('podnet', podnet)),
    ...(status === 'unreadable' ? [] : why.flatMap((text) => labelled('podnet', `by hand: ${text}`))),
    ...(changes.length === 0 ? [] : labelled('labels', `${changes.join(', ')}: in templates and legends, too`)),
    ...finding.notes.flatMap((text) => labelled('note', text)),
    '',
  ];
}

/** A text of several lines stays one, below itself. */
function labelled(label: string, text: string): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, i) => `  ${(i === 0 ? label : '').padEnd(8)}${clean(line)}`);
}

function renderSummary(reports: readonly FileReport[]): string {
  const findings = reports.flatMap((report) => report.findings);
  const others = reports.reduce((sum, report) => sum + report.others, 0);
  const counts = SUMMARY.flatMap(([status, text]) => {
    const count = findings.filter((finding) => finding.status === status).length;
    return count === 0 ? [] : [`${count} ${text}`];
  });
  const problems = reports.reduce((sum, report) => sum + report.problems.length, 0);
  const parts = [...counts, ...(others === 0 ? [] : [`${others} of others, left alone`])];
  const total = findings.length + others;
  return [
    `${plural(total, 'expression')} in ${plural(reports.length, 'file')}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}.`,
    ...(problems === 0 ? [] : [`${problems} could not be read.`]),
  ].join(' ');
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function at(file: string, line: number | undefined): string {
  return line === undefined ? clean(file) : `${clean(file)}:${line}`;
}

/** What is in a file must not be able to move the cursor. */
function clean(text: string): string {
  return printable(text.replaceAll('\t', '  '));
}

/** For programs. */
export function renderJson(reports: readonly FileReport[]): string {
  return `${JSON.stringify({ files: reports }, null, 2)}\n`;
}
