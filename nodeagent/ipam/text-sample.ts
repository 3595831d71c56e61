import type { IpamSuffix } from '../../openapi/report-terms.js';
import { parseGoFloat } from './go-float.js';
import {
  BRACE_CLOSE,
  BRACE_OPEN,
  COMMA,
  EQUALS,
  LABEL_CHARS,
  LINE_FEED,
  QUOTE,
  type TextCursor,
} from './text-cursor.js';
import { printable } from './text-error.js';

/** A sample as it stands in the text. Names and values of labels are parts of that, and keep all of it in memory. */
export interface TextSample {
  /** What it adds to the name of its family. */
  readonly suffix: IpamSuffix | '';
  readonly labelNames: readonly string[];
  /** One for each name. */
  readonly labelValues: readonly string[];
  /** The number of the label that buckets or quantiles are told apart by; undefined where it has none. */
  readonly bound: number | undefined;
  /** Go's NaN and infinities, too. */
  readonly value: number;
}

/** Of the family that a sample belongs to. */
export interface SampleKind {
  readonly suffix: IpamSuffix | '';
  /** Undefined unless the type of the family has such. */
  readonly boundLabel: BoundLabel | undefined;
}
export type BoundLabel = 'le' | 'quantile';

const NONE: string[] = [];
/** Of 64 bits. */
const TIMESTAMP = /^[+-]?\d{1,19}$/;

/**
 * Reads labels, value and timestamp, which means nothing here, from behind the name up to the end of the line.
 * @throws {PrometheusTextError}
 */
export function readSample(cursor: TextCursor, { suffix, boundLabel }: SampleKind): TextSample {
  let labelNames = NONE;
  let labelValues = NONE;
  cursor.skipBlanks();
  if (cursor.code() === BRACE_OPEN) {
    labelNames = [];
    labelValues = [];
    readLabels(cursor, labelNames, labelValues);
    cursor.skipBlanks();
  }
  const bound = boundLabel && readBound(labelValues[labelNames.indexOf(boundLabel)], cursor);
  const value = readValue(cursor);
  cursor.skipBlanks();
  if (cursor.code() !== LINE_FEED) skipTimestamp(cursor);
  return { suffix, labelNames, labelValues, bound, value };
}

function readLabels(cursor: TextCursor, names: string[], values: string[]): void {
  const from = cursor.at++;
  for (;;) {
    cursor.skipBlanks();
    if (cursor.code() === BRACE_CLOSE) break; // after a comma as well
    names.push(readLabelName(cursor));
    values.push(cursor.quoted());
    cursor.skipBlanks();
    const code = cursor.code();
    if (code === BRACE_CLOSE) break;
    if (code !== COMMA) cursor.fail('neither a comma nor a brace follows a label value');
    cursor.at++;
  }
  cursor.at++;
  if (names.length > 1 && hasRepetition(names)) cursor.fail('a sample has a label twice', from);
}

/** A number in any sample of such a family, also in one that has no business to have it, and of a family that nobody wants. */
function readBound(text: string | undefined, cursor: TextCursor): number | undefined {
  if (text === undefined) return undefined;
  return parseGoFloat(text) ?? cursor.fail(`le or quantile is not a number but ${printable(text)}`);
}

/** The name of a label; the cursor is then at its value. */
function readLabelName(cursor: TextCursor): string {
  const from = cursor.at;
  if (!cursor.skipName(LABEL_CHARS)) {
    cursor.fail(cursor.code() === QUOTE ? 'names in quotes are not of this version' : 'there is no name of a label');
  }
  const name = cursor.text.slice(from, cursor.at);
  if (name === '__name__') cursor.fail('this label is the name of the metric', from);
  cursor.skipBlanks();
  if (cursor.code() !== EQUALS) cursor.fail('no = follows the name of a label');
  cursor.at++;
  cursor.skipBlanks();
  return name;
}

function hasRepetition(names: readonly string[]): boolean {
  if (names.length > 8) return new Set(names).size < names.length;
  for (let i = 1; i < names.length; i++) if (names.indexOf(names[i] ?? '') < i) return true;
  return false;
}

function readValue(cursor: TextCursor): number {
  const integer = cursor.shortInteger();
  if (integer !== undefined) return integer;
  const from = cursor.at;
  const value = parseGoFloat(cursor.token());
  return value ?? cursor.fail('there is no value that is a number', from);
}

function skipTimestamp(cursor: TextCursor): void {
  const from = cursor.at;
  if (!TIMESTAMP.test(cursor.token())) cursor.fail('what follows the value is not a timestamp', from);
  cursor.skipBlanks();
  if (!cursor.isAtEnd()) cursor.fail('something follows the timestamp');
}
