/** A selector that does not parse; the message says where and what was expected, in the words of Kubernetes. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
  readonly code = 'APISERVER_SELECTOR';
}

/** Operators in the order in which Kubernetes lists them. */
export const OPERATORS = ['in', 'notin', '=', '==', '!=', 'gt', 'lt'] as const;
export type Operator = (typeof OPERATORS)[number];

const KEYWORDS = [')', ',', '!', '==', '=', '>', 'in', '<', '!=', 'notin', '('] as const;
type Keyword = (typeof KEYWORDS)[number];

export interface Token {
  readonly kind: Keyword | 'identifier' | 'end' | 'error';
  readonly text: string;
}

/** `in` and `notin` are operators only where an operator may stand: a value may be called "in". */
export type TokenContext = 'keyAndOperator' | 'values';

const SPECIAL = '=!(),><';
const SPACE = ' \t\r\n';

/** The tokens of a selector, one ahead (apimachinery labels.Lexer). */
export class Tokens {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(text: string) {
    this.#tokens = [...scan(text)];
  }

  peek(context: TokenContext): Token {
    const token = this.#tokens[this.#position] ?? { kind: 'end', text: '' };
    if (context === 'values' && (token.kind === 'in' || token.kind === 'notin'))
      return { kind: 'identifier', text: token.text };
    return token;
  }

  take(context: TokenContext): Token {
    const token = this.peek(context);
    this.#position++;
    return token;
  }
}

function* scan(text: string): Generator<Token> {
  let position = 0;
  while (position < text.length) {
    const character = text.charAt(position);
    if (SPACE.includes(character)) {
      position++;
      continue;
    }
    const token = SPECIAL.includes(character) ? scanSymbol(text, position) : scanWord(text, position);
    yield token;
    position += token.text.length;
  }
}

/** The longest run of special characters that is a keyword. */
function scanSymbol(text: string, start: number): Token {
  const pair = keyword(text.slice(start, start + 2));
  const symbol = pair ?? keyword(text.charAt(start));
  return symbol === undefined ? { kind: 'error', text: text.charAt(start) } : { kind: symbol, text: symbol };
}

function scanWord(text: string, start: number): Token {
  let end = start;
  while (end < text.length && !SPECIAL.includes(text.charAt(end)) && !SPACE.includes(text.charAt(end))) end++;
  const word = text.slice(start, end);
  return { kind: keyword(word) ?? 'identifier', text: word };
}

function keyword(text: string): Keyword | undefined {
  return KEYWORDS.find((one) => one === text);
}
