import { INTERFACE_COUNTERS, type InterfaceCounter } from '../openapi/node-report.js';
import { renderRate } from '../metrics/units.js';

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** The rates of one interface; NaN where there is none. */
export interface TableRow {
  readonly namespace: string;
  readonly pod: string;
  readonly interface: string;
  readonly network: string;
  /** In the order of INTERFACE_COUNTERS. */
  readonly perSecond: readonly number[];
}

const TITLES = ['POD', 'NETWORK', 'INTERFACE', 'RECEIVE', 'TRANSMIT', 'DROPS'] as const;
/** Columns of numbers stand to the right. */
const FIRST_NUMBER = 3;
const GAP = '  ';
const HOST = 'host';

/** The table as lines that fit the screen: the machine's own interfaces first, then pod by pod. */
export function renderTable(rates: readonly TableRow[], { columns, rows }: Screen): string[] {
  const ordered = [...rates].sort((a, b) => orderKey(a).localeCompare(orderKey(b)));
  const room = Math.max(1, rows - 2);
  const shown = ordered.length > room ? ordered.slice(0, room - 1) : ordered;
  const table = [[...TITLES], ...shown.map(renderRow)];
  const widths = TITLES.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const lines = table.map((cells) =>
    cells.map((cell, i) => (i < FIRST_NUMBER ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(GAP),
  );
  if (shown.length < ordered.length) lines.push(`… and ${ordered.length - shown.length} more`);
  return lines.map((line) => line.trimEnd().slice(0, columns));
}

/** All of it in one line, for a log. */
export function renderSummary(rates: readonly TableRow[]): string {
  const pods = new Set(rates.map(({ namespace, pod }) => `${namespace}/${pod}`)).size;
  const total = (counter: InterfaceCounter): number =>
    rates.reduce((sum, row) => sum + orZero(rateOf(row, counter)), 0);
  return `${pods} pods, ${rates.length} interfaces, receive ${renderRate(total('receiveBytes'), 'B/s')}, transmit ${renderRate(total('transmitBytes'), 'B/s')}`;
}

function renderRow(row: TableRow): string[] {
  const drops = rateOf(row, 'receivePacketsDropped') + rateOf(row, 'transmitPacketsDropped');
  return [
    printable(row.pod),
    row.network === '' ? '-' : row.network,
    printable(row.interface),
    renderRate(rateOf(row, 'receiveBytes'), 'B/s'),
    renderRate(rateOf(row, 'transmitBytes'), 'B/s'),
    renderRate(drops, 'pkt/s'),
  ];
}

function rateOf(row: TableRow, counter: InterfaceCounter): number {
  return row.perSecond[INTERFACE_COUNTERS.indexOf(counter)] ?? NaN;
}

/** In a sum for the eye an interface without a rate yet adds nothing. */
function orZero(rate: number): number {
  return Number.isNaN(rate) ? 0 : rate;
}

function orderKey({ pod, interface: name }: TableRow): string {
  return `${pod === HOST ? '0' : '1'} ${pod} ${name}`;
}

/** A name from the kernel must not be able to move the cursor. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}
