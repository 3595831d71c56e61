import type { ProbesView } from '../../metrics/node-families.js';
import type { NodeReport } from '../../openapi/node-report.js';
import type { ProbesReport, RecentProbes } from '../../openapi/probe-report.js';
import { NODE_REPORT_VERSION, REPORT_LIMITS, type ProbeKind } from '../../openapi/report-terms.js';
import type { ReportDraft, Sender } from '../report/build.js';
import type { ProbeSample } from './probe-history.js';
import type { ProbeReading, ProbeReadings } from './probe.js';

export interface ProbeReportParts {
  readonly sender: Sender;
  /** Oldest first. */
  readonly samples: readonly ProbeSample[];
  readonly sequence: number;
  /** Of the newest sample: what is not among them is no more, and is not told of. */
  readonly readings: ProbeReadings;
  readonly internalErrors: ProbesReport['internalErrors'];
  readonly collectors: NodeReport['collectors'];
  /** Asked last: whatever goes before the sending must not make the samples look younger. */
  readonly sentAt: () => number;
}

/** The report of an agent of role probe, with the samples that its server lacks. */
export function draftProbeReport(parts: ProbeReportParts): ReportDraft {
  return { samples: parts.samples.length, pieces: writeReport(parts) };
}

/** What was counted last of every target, for the agent's own /metrics. */
export function probesViewOf(readings: ProbeReadings, internalErrors: ProbesReport['internalErrors']): ProbesView {
  return {
    dials: readings.dial.map(({ meta, recent, row }) => ({ meta: withRecent(meta, recent), row })),
    dns: readings.dns.map(({ meta, recent, row }) => ({ meta: withRecent(meta, recent), row })),
    ntp: readings.ntp.map(({ meta, clock, recent, row }) => ({ meta: withRecent({ ...meta, ...clock }, recent), row })),
    internalErrors,
  };
}

function* writeReport({
  sender,
  samples,
  sequence,
  readings,
  internalErrors,
  collectors,
  sentAt,
}: ProbeReportParts): Generator<string> {
  const envelope: Omit<NodeReport, 'probes' | 'sentAt'> = {
    apiVersion: NODE_REPORT_VERSION,
    kind: 'NodeReport',
    ...sender,
    sequence,
    samples: samples.map(({ sequence: number, takenAt }) => ({ sequence: number, takenAt })),
    pods: [],
    collectors,
  };
  yield `${JSON.stringify(envelope).slice(0, -1)},"probes":{"dials":[`;
  yield* writeSeries('dial', readings.dial, samples);
  yield '],"dns":[';
  yield* writeSeries('dns', readings.dns, samples);
  yield '],"ntp":[';
  yield* writeSeries('ntp', readings.ntp, samples);
  yield `],"internalErrors":${JSON.stringify(internalErrors)}},"sentAt":${sentAt()}}`;
}

/** As many as a server takes. */
function* writeSeries<Kind extends ProbeKind>(
  kind: Kind,
  readings: readonly ProbeReading<Kind>[],
  samples: readonly ProbeSample[],
): Generator<string> {
  for (const [i, { key, meta, clock, recent }] of readings.slice(0, REPORT_LIMITS.probeSeries).entries()) {
    const series = { ...withRecent({ ...meta, ...clock }, recent), readings: rowsOf(kind, key, samples) };
    yield (i === 0 ? '' : ',') + JSON.stringify(series);
  }
}

/** A row for each sample; null where there was no such target, and before: what one of the same key counted then is not its own. */
function rowsOf(kind: ProbeKind, key: string, samples: readonly ProbeSample[]): (readonly number[] | null)[] {
  const rows = samples.map((sample) => sample.row(kind, key) ?? null);
  const absent = rows.lastIndexOf(null);
  return rows.map((row, i) => (i <= absent ? null : row));
}

function withRecent<Meta extends object>(meta: Meta, recent: RecentProbes | undefined) {
  return { ...meta, ...(recent !== undefined && { recent }) };
}
