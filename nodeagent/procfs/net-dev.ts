import { splitColumns } from './columns.js';
import { ProcParseError } from './errors.js';

export interface NetDevLine {
  readonly name: string;
  /** In the order of INTERFACE_COUNTERS: receive bytes, packets, errors, dropped, then transmit. */
  readonly counters: readonly number[];
}

const FILE = 'net/dev';
const HEADER_LINES = 2;
const COLUMNS = 16; // 8 receive, then 8 transmit
/** bytes packets errs drop of each direction; drop holds rx_missed_errors too. */
const WANTED = [0, 1, 2, 3, 8, 9, 10, 11];

/**
 * Parses /proc/<pid>/net/dev: one line per interface of that process' network namespace.
 *
 * Unit: bytes and packets since the interface was created. Counts above 2^53 lose their low bits, as every Prometheus sample does.
 * @param text the whole file, both header lines included
 * @returns interfaces in file order; empty when there is only a header
 * @throws {ProcParseError} when the header or a column is missing, a column is not a decimal integer, or the last line was cut
 * @see Linux net/core/net-procfs.c, dev_seq_printf_stats()
 */
export function parseNetDev(text: string): NetDevLine[] {
  const rows = text.split('\n');
  if (rows[0]?.startsWith('Inter-|') !== true) throw new ProcParseError(FILE, 1, 'no header');
  if (rows.at(-1) !== '') throw new ProcParseError(FILE, rows.length, 'the last line was cut');
  return rows.slice(HEADER_LINES, -1).map((row, i) => parseRow(row, HEADER_LINES + i + 1));
}

function parseRow(row: string, line: number): NetDevLine {
  const colon = row.lastIndexOf(':'); // a name such as "eth0:1" contains one itself
  const name = row.slice(0, Math.max(0, colon)).replace(/^[ \t]+/, ''); // Unicode's other spaces may be part of a name
  const columns = splitColumns(row.slice(colon + 1));
  if (name === '' || columns.length < COLUMNS) {
    throw new ProcParseError(FILE, line, `want a name and ${COLUMNS} columns, got ${columns.length}`);
  }
  return { name, counters: WANTED.map((column) => parseCounter(columns[column] ?? '', line)) };
}

function parseCounter(text: string, line: number): number {
  if (!/^\d{1,20}$/.test(text)) throw new ProcParseError(FILE, line, `not a counter: "${text.slice(0, 40)}"`);
  return Number(text);
}
