import type { IpamFamily } from '../../openapi/ipam-report.js';
import { IPAM_SUFFIXES, type IpamSuffix } from '../../openapi/report-terms.js';
import { HASH, LINE_FEED, METRIC_CHARS, TextCursor } from './text-cursor.js';
import { printable } from './text-error.js';
import { FamilyDraft, boundLabel, isReportName, type Bad, type TextType } from './text-family.js';
import { readSample } from './text-sample.js';

export interface PrometheusTextOptions {
  readonly limits: {
    /** Wanted ones. */
    readonly families: number;
    /** Of all wanted families together. */
    readonly samples: number;
  };
  /** Which families to keep, by name. The others are held to the format as well, but not to what their type allows. */
  readonly wanted: (familyName: string) => boolean;
}

export interface PrometheusText {
  /** Wanted families in the order of the text. One that has a HELP or TYPE and no samples has an empty list. */
  readonly families: readonly IpamFamily[];
  /** Wanted families that are not kept, because something in them is bad; those whose names no report takes are in `bad` alone. */
  readonly leftOut: readonly string[];
  /** The first thing that is bad in each of the families that are not kept. */
  readonly bad: readonly Bad[];
}

/** The family whose lines are being read. */
interface OpenFamily {
  readonly name: string;
  type: TextType;
  hasType: boolean;
  hasHelp: boolean;
  hasSamples: boolean;
  /** Undefined unless it is wanted. */
  readonly draft: FamilyDraft | undefined;
}

/** Of a whole text, wanted or not: each costs memory until the text is read. */
const MAX_FAMILIES = 10_000;

const TYPES: ReadonlyMap<string, TextType> = new Map([
  ['counter', 'counter'],
  ['gauge', 'gauge'],
  ['histogram', 'histogram'],
  ['summary', 'summary'],
  ['untyped', 'unknown'],
  ['gaugehistogram', 'gaugehistogram'],
  ['gauge_histogram', 'gaugehistogram'],
]);
const NONE: readonly IpamSuffix[] = [];
const SUMMARY_SUFFIXES: readonly IpamSuffix[] = ['_sum', '_count'];

function suffixesOf(type: TextType): readonly IpamSuffix[] {
  if (type === 'summary') return SUMMARY_SUFFIXES;
  return boundLabel(type) === 'le' ? IPAM_SUFFIXES : NONE;
}

/**
 * Parses metrics in the Prometheus text format, version 0.0.4. A text that does not keep to it is refused as a whole: nobody knows what it
 * was going to say. What is well-formed and cannot be (a counter that is negative, a series twice) costs the family that it is in.
 *
 * As lenient as the parser of Prometheus with blanks and with upper and lower case of types; stricter where the format is: the lines of
 * a family stand together, with HELP and TYPE first, and a line feed ends each line. Blanks at the end of a line are nothing, as the format
 * has it. Timestamps are checked and mean nothing. Names in quotes came with version 1.0.0 and are refused.
 * @param text as decodePrometheusText() gives it; empty: no family. How long it may be is for the caller to say: time and memory grow with
 * its length, and no faster
 * @throws {PrometheusTextError}
 * @see prometheus.io/docs/instrumenting/exposition_formats; prometheus/common, expfmt/text_parse.go
 */
export function parsePrometheusText(text: string, options: PrometheusTextOptions): PrometheusText {
  return new TextParser(text, options).parse();
}

class TextParser {
  readonly #cursor: TextCursor;
  readonly #options: PrometheusTextOptions;
  /** All families so far, for none may come back. */
  readonly #types = new Map<string, TextType>();
  readonly #texts = new Map<string, string>();
  readonly #families: IpamFamily[] = [];
  readonly #leftOut: string[] = [];
  readonly #bad: Bad[] = [];
  #wanted = 0;
  #samples = 0;
  #open: OpenFamily | undefined;

  constructor(text: string, options: PrometheusTextOptions) {
    this.#cursor = new TextCursor(text);
    this.#options = options;
  }

  parse(): PrometheusText {
    const cursor = this.#cursor;
    while (cursor.nextLine()) {
      cursor.skipBlanks();
      const code = cursor.code();
      if (code === HASH) this.#comment();
      else if (code !== LINE_FEED) this.#sample();
    }
    this.#close();
    return { families: this.#families, leftOut: this.#leftOut, bad: this.#bad };
  }

  #comment(): void {
    const cursor = this.#cursor;
    cursor.at++;
    cursor.skipBlanks();
    const keyword = cursor.keyword();
    if (keyword === undefined) return;
    cursor.skipBlanks();
    if (cursor.isAtEnd()) return; // a comment of one word
    const from = cursor.at;
    const isName = cursor.skipName(METRIC_CHARS);
    const name = cursor.text.slice(from, cursor.at);
    const nameEnd = cursor.at;
    cursor.skipBlanks();
    if (!isName || (cursor.at === nameEnd && !cursor.isAtEnd()))
      cursor.fail(`no name of a metric follows ${keyword}`, from);
    const family = this.#open?.name === name ? this.#open : this.#begin(name);
    if (family.hasSamples) cursor.fail(`${keyword} comes after samples of its metric`, from);
    if (keyword === 'HELP') this.#help(family);
    else this.#type(family);
  }

  #help(family: OpenFamily): void {
    const help = this.#cursor.docstring();
    if (help === '') return; // Go's client writes the line all the same
    if (family.hasHelp) this.#cursor.fail(`there is a second HELP for ${printable(family.name)}`);
    family.hasHelp = true;
    family.draft?.setHelp(help);
  }

  #type(family: OpenFamily): void {
    const cursor = this.#cursor;
    const from = cursor.at;
    const type = TYPES.get(cursor.token().toLowerCase());
    cursor.skipBlanks();
    if (type === undefined || !cursor.isAtEnd()) return cursor.fail('there is no such type of metric', from);
    if (family.hasType) cursor.fail(`there is a second TYPE for ${printable(family.name)}`, from);
    if (suffixesOf(type).some((suffix) => this.#types.has(family.name + suffix))) this.#fail(family.name);
    family.hasType = true;
    family.type = type;
    this.#types.set(family.name, type);
    if (family.draft !== undefined) family.draft.type = type;
  }

  #sample(): void {
    const cursor = this.#cursor;
    const from = cursor.at;
    if (!cursor.skipName(METRIC_CHARS)) cursor.fail('no name of a metric begins here');
    const open = this.#open;
    const suffix = open === undefined ? undefined : suffixIn(open, cursor.text, from, cursor.at);
    const family = open === undefined || suffix === undefined ? this.#begin(cursor.text.slice(from, cursor.at)) : open;
    const sample = readSample(cursor, { suffix: suffix ?? '', boundLabel: boundLabel(family.type) });
    family.hasSamples = true;
    family.draft?.add(sample, cursor.line);
  }

  /** Ends the family that was being read and begins another. */
  #begin(name: string): OpenFamily {
    this.#close();
    if (this.#types.has(name)) this.#fail(name);
    for (const suffix of IPAM_SUFFIXES) {
      const type = name.endsWith(suffix) ? this.#types.get(name.slice(0, -suffix.length)) : undefined;
      if (type !== undefined && suffixesOf(type).includes(suffix)) this.#fail(name);
    }
    if (this.#types.size >= MAX_FAMILIES) this.#cursor.fail(`there are more than ${MAX_FAMILIES} metrics`);
    this.#types.set(name, 'unknown');
    this.#open = { name, type: 'unknown', hasType: false, hasHelp: false, hasSamples: false, draft: this.#draft(name) };
    return this.#open;
  }

  #draft(name: string): FamilyDraft | undefined {
    if (!this.#options.wanted(name)) return undefined;
    const { families, samples } = this.#options.limits;
    this.#wanted++;
    // Not kept and not named as left out would say that there is none of it.
    if (this.#wanted > families) this.#cursor.fail(`there are more than ${families} metrics to be kept`);
    return new FamilyDraft(name, samples - this.#samples, this.#texts);
  }

  #close(): void {
    const draft = this.#open?.draft;
    this.#open = undefined;
    if (draft === undefined) return;
    const family = draft.family();
    if (family !== undefined) {
      this.#families.push(family);
      this.#samples += family.samples.length;
      return;
    }
    const bad = draft.bad();
    if (bad !== undefined) this.#bad.push(bad);
    if (isReportName(draft.name)) this.#leftOut.push(draft.name);
  }

  #fail(name: string): never {
    this.#cursor.fail(`the lines of ${printable(name)} do not stand together`, this.#cursor.start);
  }
}

/** What a name in the text adds to that of a family: undefined where it is another family's. */
function suffixIn(family: OpenFamily, text: string, from: number, to: number): IpamSuffix | '' | undefined {
  const { length } = family.name;
  if (to - from < length || !text.startsWith(family.name, from)) return undefined;
  if (to - from === length) return '';
  return suffixesOf(family.type).find(
    (suffix) => suffix.length === to - from - length && text.startsWith(suffix, from + length),
  );
}
