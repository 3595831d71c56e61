import type { ProbesReport } from '../../openapi/probe-report.js';
import { PROBE_COLUMNS, PROBE_REASONS, type ProbeKind } from '../../openapi/report-terms.js';
import type { CounterSeries } from './counter-series.js';
import type { Rows } from './pod-series.js';
import { ProbeSeries, type ReportedProbes } from './probe-series.js';
import { isSame } from './same.js';

type SeriesByKey<Kind extends ProbeKind> = Map<string, ProbeSeries<Kind>>;
/** A series as it is reported. */
interface Report<Kind extends ProbeKind> {
  readonly reported: ReportedProbes[Kind];
  /** One for each sample. */
  readonly readings: readonly (readonly number[] | null)[];
}

/**
 * What the series of a kind are told apart by. An agent that is made anew has another address, and is the same peer; so the address is
 * in none.
 */
export const PROBE_KEYS: { readonly [Kind in ProbeKind]: (reported: ReportedProbes[Kind]) => string } = {
  dial: ({ peer, host = '', network, family = '' }) =>
    `${peer === undefined ? `host ${host}` : `peer ${peer.node}`} network ${network} ${family}`,
  dns: ({ server, protocol, host }) => `server ${server} ${protocol} host ${host}`,
  ntp: ({ server }) => `server ${server}`,
};

const NOTHING: ProbesReport = { dials: [], dns: [], ntp: [], internalErrors: {} };

/** What the probes of a node counted, as its agent of role probe reports it. */
export class NodeProbes {
  /** Each by its key of PROBE_KEYS. */
  readonly dial: SeriesByKey<'dial'> = new Map();
  readonly dns: SeriesByKey<'dns'> = new Map();
  readonly ntp: SeriesByKey<'ntp'> = new Map();
  /** Of the newest report; undefined where that said nothing of probes. */
  internalErrors: ProbesReport['internalErrors'] | undefined;

  /** Forgets what a report no longer has: before rows are made for what it brings, so that these are not made for both. */
  retain(probes: ProbesReport | undefined): void {
    this.internalErrors = probes?.internalErrors;
    if (probes === undefined) return; // nothing was said of them
    forgetOthers('dial', this.dial, probes.dials);
    forgetOthers('dns', this.dns, probes.dns);
    forgetOthers('ntp', this.ntp, probes.ntp);
  }

  /** Takes over what is new in a report. @param epoch higher for a later start of the agent */
  add({ dials, dns, ntp }: ProbesReport = NOTHING, rows: Rows, epoch: number): void {
    const to = { ...rows, epoch };
    for (const { readings, ...reported } of dials) addTo('dial', this.dial, { reported, readings }, to);
    for (const { readings, ...reported } of dns) addTo('dns', this.dns, { reported, readings }, to);
    for (const { readings, ...reported } of ntp) addTo('ntp', this.ntp, { reported, readings }, to);
  }

  *everySeries(): Iterable<CounterSeries> {
    yield* this.dial.values();
    yield* this.dns.values();
    yield* this.ntp.values();
  }
}

function forgetOthers<Kind extends ProbeKind>(
  kind: Kind,
  held: SeriesByKey<Kind>,
  reports: readonly ReportedProbes[Kind][],
): void {
  const listed = new Set(reports.map(PROBE_KEYS[kind]));
  for (const key of held.keys()) if (!listed.has(key)) held.delete(key);
}

function addTo<Kind extends ProbeKind>(
  kind: Kind,
  held: SeriesByKey<Kind>,
  { reported, readings }: Report<Kind>,
  { rows, capacity, epoch }: Rows & { readonly epoch: number },
): void {
  const key = PROBE_KEYS[kind](reported);
  let series = held.get(key);
  if (series === undefined) held.set(key, (series = new ProbeSeries(kind, reported, capacity)));
  else if (!isSame(series.reported, reported)) series.reported = reported;
  for (const [i, row] of rows.entries()) {
    const reading = readings[i] ?? null;
    if (row >= 0 && reading !== null) series.write(row, reading, epoch);
  }
}

/** Numbers that one sample of the probes takes. */
export function widthOfProbes({ dials, dns, ntp }: ProbesReport = NOTHING): number {
  return dials.length * widthOf('dial') + dns.length * widthOf('dns') + ntp.length * widthOf('ntp');
}

function widthOf(kind: ProbeKind): number {
  return PROBE_COLUMNS.failures + PROBE_REASONS[kind].length + 1;
}

/** The readings of each. */
export function* readingsOfProbes({ dials, dns, ntp }: ProbesReport = NOTHING): Generator<readonly unknown[]> {
  for (const { readings } of [...dials, ...dns, ...ntp]) yield readings;
}
