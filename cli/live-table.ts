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
  /** Of the machine's own network namespace, which carries the traffic of the others again. */
  readonly isMachine: boolean;
  /** Not, where another interface of the pod carries the same traffic. */
  readonly isCounted: boolean;
  /** In the order of INTERFACE_COUNTERS. */
  readonly perSecond: readonly number[];
}

const TITLES = ['POD', 'NETWORK', 'INTERFACE', 'RECEIVE', 'TRANSMIT', 'DROPS'] as const;
/** Columns of numbers stand to the right. */
const FIRST_NUMBER = 3;
const GAP = '  ';

/**
 * The table as lines that fit the screen with the cursor below them: the machine's own interfaces first, then pod by pod. Where there is
 * no room for all, the busiest are shown, and what is left out is counted.
 */
export function renderTable(rates: readonly TableRow[], { columns, rows }: Screen): string[] {
  const ordered = [...rates].sort((a, b) => orderKey(a).localeCompare(orderKey(b)));
  const room = Math.max(0, rows - 1);
  const isAll = 1 + ordered.length <= room;
  const chosen = new Set(isAll ? ordered : busiest(ordered, Math.max(0, room - 2)));
  const shown = ordered.filter((row) => chosen.has(row));
  const table = [[...TITLES], ...shown.map(renderRow)];
  const widths = TITLES.map((_, column) => Math.max(...table.map((cells) => columnsOf(cells[column] ?? ''))));
  const lines = table.map((cells) => cells.map((cell, column) => pad(cell, column, widths[column] ?? 0)).join(GAP));
  const rest = isAll ? [] : [renderRest(ordered.filter((row) => !chosen.has(row)))];
  return [...lines.slice(0, room - rest.length), ...rest]
    .slice(0, room)
    .map((line) => cutToColumns(line.trimEnd(), columns));
}

/**
 * Of rows in their order. What moves within a factor of two counts as equally busy, and the order decides: so that, of many that are
 * much the same, it is not others that are shown each second.
 */
function busiest(rows: readonly TableRow[], count: number): readonly TableRow[] {
  const magnitude = (row: TableRow): number => Math.ceil(Math.log2(1 + movement(row)));
  return [...rows].sort((a, b) => magnitude(b) - magnitude(a)).slice(0, count);
}

/** Of what there is no room for. What has no rate is not called idle. */
function renderRest(rows: readonly TableRow[]): string {
  const known = rows.filter((row) => !Number.isNaN(bytesOf(row)));
  const most = Math.max(...known.map(bytesOf));
  const isIdle = known.every((row) => movement(row) === 0);
  return [
    `… and ${rows.length} more`,
    ...(known.length === 0 ? [] : isIdle ? ['idle'] : [`none above ${renderRate(most, 'B/s')}`]),
    ...(known.length === rows.length ? [] : [`${rows.length - known.length} without a rate`]),
  ].join(', ');
}

/** All that is known to move over an interface, for the eye: bytes both ways, and drops. */
function movement(row: TableRow): number {
  return [rateOf(row, 'receiveBytes'), rateOf(row, 'transmitBytes'), dropsOf(row)]
    .filter((rate) => !Number.isNaN(rate))
    .reduce((sum, rate) => sum + rate, 0);
}

/** NaN, where one of the two is not known. */
function bytesOf(row: TableRow): number {
  return rateOf(row, 'receiveBytes') + rateOf(row, 'transmitBytes');
}

/** All of the pods in one line, for a log; without the machine, which carries the traffic of the others again. */
export function renderSummary(rates: readonly TableRow[]): string {
  const ofPods = rates.filter(({ isMachine }) => !isMachine);
  const pods = new Set(ofPods.map(({ namespace, pod }) => `${namespace}/${pod}`)).size;
  const total = (counter: InterfaceCounter): string => {
    // An interface without a rate yet adds nothing; where none has one there is no sum.
    const known = ofPods.flatMap((row) => (row.isCounted ? [rateOf(row, counter)] : [])).filter((rate) => rate >= 0);
    return renderRate(known.length === 0 ? NaN : known.reduce((sum, rate) => sum + rate, 0), 'B/s');
  };
  return `${pods} pods, ${ofPods.length} interfaces, receive ${total('receiveBytes')}, transmit ${total('transmitBytes')}`;
}

function renderRow(row: TableRow): string[] {
  return [
    printable(row.pod),
    row.network === '' ? '-' : printable(row.network),
    printable(row.interface),
    renderRate(rateOf(row, 'receiveBytes'), 'B/s'),
    renderRate(rateOf(row, 'transmitBytes'), 'B/s'),
    renderRate(dropsOf(row), 'pkt/s'),
  ];
}

function rateOf(row: TableRow, counter: InterfaceCounter): number {
  return row.perSecond[INTERFACE_COUNTERS.indexOf(counter)] ?? NaN;
}

function dropsOf(row: TableRow): number {
  return rateOf(row, 'receivePacketsDropped') + rateOf(row, 'transmitPacketsDropped');
}

function orderKey({ isMachine, pod, interface: name }: TableRow): string {
  return `${isMachine ? '0' : '1'} ${pod} ${name}`;
}

function pad(cell: string, column: number, width: number): string {
  const space = ' '.repeat(width - columnsOf(cell));
  return column < FIRST_NUMBER ? cell + space : space + cell;
}
