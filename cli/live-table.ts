import { INTERFACE_COUNTERS, type InterfaceCounter } from '../openapi/report-terms.js';
import { renderRate } from '../metrics/units.js';
import { columnsOf, cutToColumns, printable } from './display-text.js';

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

/**
 * The table as lines that fit the screen with the cursor below them: the machine's own interfaces first, then pod by pod. What there
 * is no room for is counted.
 */
export function renderTable(rates: readonly TableRow[], { columns, rows }: Screen): string[] {
  const ordered = [...rates].sort((a, b) => orderKey(a).localeCompare(orderKey(b)));
  const room = Math.max(0, rows - 1);
  const isAll = 1 + ordered.length <= room;
  const shown = isAll ? ordered : ordered.slice(0, Math.max(0, room - 2));
  const table = [[...TITLES], ...shown.map(renderRow)];
  const widths = TITLES.map((_, column) => Math.max(...table.map((cells) => columnsOf(cells[column] ?? ''))));
  const lines = table.map((cells) => cells.map((cell, column) => pad(cell, column, widths[column] ?? 0)).join(GAP));
  const rest = isAll ? [] : [`… and ${ordered.length - shown.length} more`];
  return [...lines.slice(0, room - rest.length), ...rest]
    .slice(0, room)
    .map((line) => cutToColumns(line.trimEnd(), columns));
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
    row.network === '' ? '-' : printable(row.network),
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

function pad(cell: string, column: number, width: number): string {
  const space = ' '.repeat(width - columnsOf(cell));
  return column < FIRST_NUMBER ? cell + space : space + cell;
}
