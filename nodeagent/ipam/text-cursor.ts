import { PrometheusTextError } from './text-error.js';

export const LINE_FEED = 10;
export const QUOTE = 34;
export const HASH = 35;
export const COMMA = 44;
export const EQUALS = 61;
export const BRACE_OPEN = 123;
export const BRACE_CLOSE = 125;
const TAB = 9;
const BLANK = 32;
const ZERO = 48;
const BACKSLASH = 92;

const LETTER = 1;
const DIGIT = 2;
const COLON = 4;
/** Which of them an ASCII character is. */
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/[a-zA-Z_]/.test(char)) return LETTER;
  if (/[0-9]/.test(char)) return DIGIT;
  return char === ':' ? COLON : 0;
});
function kindOf(code: number): number {
  return code < KINDS.length ? (KINDS[code] ?? 0) : 0;
}

/** Characters of names; none begins with a digit. */
export const METRIC_CHARS = LETTER | DIGIT | COLON;
export const LABEL_CHARS = LETTER | DIGIT;

/** Characters: twice what the labels of a report take. What is done with a line takes memory that is some times its own. */
const MAX_LINE = 65_536;
/** Digits of an integer that a float holds exactly, whatever they are. */
const EXACT_DIGITS = 15;
const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', n: '\n' };

/** A place in metrics text, and the words that can stand there. Every line ends in a line feed, which no scan goes beyond. */
export class TextCursor {
  readonly text: string;
  at = 0;
  /** Where this line begins. */
  start = 0;
  /** Where its line feed stands. */
  end = -1;
  /** From 1; 0 before the first. */
  line = 0;

  constructor(text: string) {
    this.text = text;
  }

  /**
   * Goes to the next line; false after the last.
   * @throws {PrometheusTextError} when it is too long, or no line feed ends it: the text was cut
   */
  nextLine(): boolean {
    this.start = this.end + 1;
    this.at = this.start;
    if (this.at >= this.text.length) return false;
    this.line++;
    this.end = this.text.indexOf('\n', this.at);
    if (this.end < 0) {
      this.end = this.text.length;
      this.fail('the text was cut: no line feed ends its last line');
    }
    if (this.end - this.at > MAX_LINE) this.fail(`the line has more than ${MAX_LINE} characters`);
    return true;
  }

  /** The character here, as its code. */
  code(): number {
    return this.text.charCodeAt(this.at);
  }

  isAtEnd(): boolean {
    return this.at >= this.end;
  }

  skipBlanks(): void {
    for (let code = this.code(); code === BLANK || code === TAB; code = this.code()) this.at++;
  }

  /**
   * Goes behind the name that begins here.
   * @param kinds METRIC_CHARS or LABEL_CHARS
   * @returns false where none does
   */
  skipName(kinds: number): boolean {
    const { text } = this;
    let { at } = this;
    if ((kindOf(text.charCodeAt(at)) & kinds & ~DIGIT) === 0) return false;
    while ((kindOf(text.charCodeAt(at)) & kinds) !== 0) at++;
    this.at = at;
    return true;
  }

  /** Goes behind the word of a comment that means something; undefined where it has none. */
  keyword(): 'HELP' | 'TYPE' | undefined {
    const keyword = this.text.startsWith('TYPE', this.at) ? 'TYPE' : 'HELP';
    if (!this.text.startsWith(keyword, this.at)) return undefined;
    const after = this.text.charCodeAt(this.at + keyword.length);
    if (after !== BLANK && after !== TAB) return undefined;
    this.at += keyword.length;
    return keyword;
  }

  /** What stands here up to a blank or the end of the line. */
  token(): string {
    const from = this.at;
    for (let code = this.code(); code !== BLANK && code !== TAB && code !== LINE_FEED; code = this.code()) this.at++;
    return this.text.slice(from, this.at);
  }

  /** What most values are: a decimal integer without a sign. Where it is anything else it is left alone, and undefined. */
  shortInteger(): number | undefined {
    let value = 0;
    let at = this.at;
    let code = this.text.charCodeAt(at);
    for (; code >= ZERO && code < ZERO + 10; code = this.text.charCodeAt(++at)) value = value * 10 + code - ZERO;
    const digits = at - this.at;
    if (digits === 0 || digits > EXACT_DIGITS) return undefined;
    if (code !== LINE_FEED && code !== BLANK && code !== TAB) return undefined;
    this.at = at;
    return value;
  }

  /**
   * What stands between two quotes, the first of which is here, without its escapes.
   * @throws {PrometheusTextError}
   */
  quoted(): string {
    if (this.code() !== QUOTE) this.fail('a label value does not begin with a quote');
    const { text } = this;
    const from = this.at + 1;
    let at = from;
    let isEscaped = false;
    for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(++at)) {
      if (code === BACKSLASH) {
        isEscaped = true;
        code = text.charCodeAt(++at); // a quote after it ends nothing
      }
      if (code === LINE_FEED) this.fail('a label value does not end in its line', from);
    }
    this.at = at + 1;
    const raw = text.slice(from, at);
    return isEscaped ? this.#unescape(raw, from) : raw;
  }

  /**
   * What stands up to the end of the line, without its escapes.
   * @throws {PrometheusTextError}
   */
  docstring(): string {
    const from = this.at;
    this.at = this.end;
    const raw = this.text.slice(from, this.end);
    return raw.includes('\\') ? this.#unescape(raw, from) : raw;
  }

  #unescape(raw: string, from: number): string {
    return raw.replace(
      /\\([^]?)/g,
      (_, char: string, at: number) => ESCAPED[char] ?? this.fail('there is no such escape', from + at),
    );
  }

  /** @throws {PrometheusTextError} with what stands at a place of this line */
  fail(reason: string, at = this.at): never {
    throw new PrometheusTextError(this.line, reason, this.text.slice(at, this.end));
  }
}
