import type { LabelSelector } from '../../openapi/kubernetes.js';
import type { LabelGetter, LabelMatcher } from '../store/figure.js';
import { OPERATORS, SelectorError, Tokens, type Operator } from './label-selector-tokens.js';

export { SelectorError } from './label-selector-tokens.js';

/** One condition of a selector; all of them must hold. */
export interface Requirement {
  readonly key: string;
  readonly operator: Operator | 'exists' | '!';
  /** Sorted. */
  readonly values: readonly string[];
}

/** Each is held against every pod; selectors of Deployments have a handful. */
const REQUIREMENTS_MAX = 256;
/** Of all requirements. */
const VALUES_MAX = 1_000;
const NAME_MAX = 63;
const PREFIX_MAX = 253;
const NAME_FORMAT = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const NAME_MESSAGE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  `(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME_FORMAT}')`;
const VALUE_MESSAGE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with " +
  "an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const PREFIX_FORMAT = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const PREFIX_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with " +
  `an alphanumeric character (e.g. 'example.com', regex used for validation is '${PREFIX_FORMAT}')`;
const NAME = new RegExp(`^${NAME_FORMAT}$`);
const PREFIX = new RegExp(`^${PREFIX_FORMAT}$`);

/**
 * Parses a label selector as Kubernetes does, equality and set based, with its messages (apimachinery labels.Parse).
 * The empty text selects everything.
 * @throws {SelectorError} whose message is the one Kubernetes gives
 */
export function parseLabelSelector(text: string): Requirement[] {
  const tokens = new Tokens(text);
  const requirements: Requirement[] = [];
  let values = 0;
  for (;;) {
    const next = tokens.peek('values');
    if (next.kind === 'end') return requirements;
    if (next.kind !== 'identifier' && next.kind !== '!') {
      throw new SelectorError(`found '${next.text}', expected: !, identifier, or 'end of string'`);
    }
    const requirement = parseRequirement(tokens);
    requirements.push(requirement);
    values += requirement.values.length;
    if (requirements.length > REQUIREMENTS_MAX || values > VALUES_MAX) {
      throw new SelectorError(`more than ${REQUIREMENTS_MAX} requirements or ${VALUES_MAX} values are not taken`);
    }
    const separator = tokens.take('values');
    if (separator.kind === 'end') return requirements;
    if (separator.kind !== ',') throw new SelectorError(`found '${separator.text}', expected: ',' or 'end of string'`);
    const after = tokens.peek('values');
    if (after.kind !== 'identifier' && after.kind !== '!') {
      throw new SelectorError(`found '${after.text}', expected: identifier after ','`);
    }
  }
}

/** Whether labels meet every requirement. `!=` and `notin` are met by a label that is not there. */
export function matchesLabels(requirements: readonly Requirement[], label: LabelGetter): boolean {
  return matcherOf(requirements)(label);
}

/** What tells of many objects, one after the other, whether their labels meet every requirement. */
export function matcherOf(requirements: readonly Requirement[]): LabelMatcher {
  const [first, ...others] = requirements.map(matcherOfOne);
  if (first === undefined) return () => true;
  if (others.length === 0) return first;
  return (label) => first(label) && others.every((matches) => matches(label));
}

function matcherOfOne({ key, operator, values }: Requirement): LabelMatcher {
  const chosen = new Set(values);
  const [bound = ''] = values;
  switch (operator) {
    case 'exists':
      return (label) => label(key) !== undefined;
    case '!':
      return (label) => label(key) === undefined;
    case 'in':
    case '=':
    case '==':
      return (label) => isIn(label(key));
    case 'notin':
    case '!=':
      return (label) => !isIn(label(key));
    case 'gt':
    case 'lt':
      return (label) => compares(label(key), operator, bound);
  }
  function isIn(value: string | undefined): boolean {
    return value !== undefined && (chosen.size === 1 ? value === bound : chosen.has(value));
  }
}

/** The selector as a v1.LabelSelector, the form in which answers echo it; null for the empty one. */
export function toLabelSelector(requirements: readonly Requirement[]): LabelSelector | null {
  if (requirements.length === 0) return null;
  const matchLabels: Record<string, string> = {};
  const matchExpressions: NonNullable<LabelSelector['matchExpressions']> = [];
  for (const { key, operator, values } of requirements) {
    const [value = ''] = values;
    if ((operator === '=' || operator === '==') && !Object.hasOwn(matchLabels, key)) matchLabels[key] = value;
    else if (operator === 'exists' || operator === '!') matchExpressions.push({ key, operator: EXPRESSION[operator] });
    else matchExpressions.push({ key, operator: EXPRESSION[operator], values: [...values] });
  }
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(matchExpressions.length > 0 && { matchExpressions }),
  };
}

const EXPRESSION = {
  in: 'In',
  '=': 'In',
  '==': 'In',
  notin: 'NotIn',
  '!=': 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
  gt: 'Gt',
  lt: 'Lt',
} as const;

function parseRequirement(tokens: Tokens): Requirement {
  try {
    const negated = tokens.peek('values').kind === '!';
    if (negated) tokens.take('values');
    const key = tokens.take('values');
    if (key.kind !== 'identifier') throw new SelectorError(`found '${key.text}', expected: identifier`);
    checkKey(key.text);
    const next = tokens.peek('values').kind;
    if (negated) return { key: key.text, operator: '!', values: [] };
    if (next === 'end' || next === ',') return { key: key.text, operator: 'exists', values: [] };
    const operator = parseOperator(tokens);
    const values = operator === 'in' || operator === 'notin' ? parseValues(tokens) : [parseExactValue(tokens)];
    return checkedRequirement({ key: key.text, operator, values: [...new Set(values)].sort() });
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new SelectorError(`unable to parse requirement: ${error.message}`);
  }
}

function parseOperator(tokens: Tokens): Operator {
  const { kind, text } = tokens.take('keyAndOperator');
  if (kind === '>') return 'gt';
  if (kind === '<') return 'lt';
  const operator = OPERATORS.find((one) => one === kind);
  if (operator === undefined) throw new SelectorError(`found '${text}', expected: ${OPERATORS.join(', ')}`);
  return operator;
}

function parseValues(tokens: Tokens): string[] {
  const open = tokens.take('values');
  if (open.kind !== '(') throw new SelectorError(`found '${open.text}' expected: '('`);
  const first = tokens.peek('values');
  if (first.kind === ')') {
    tokens.take('values');
    return [];
  }
  if (first.kind !== 'identifier' && first.kind !== ',')
    throw new SelectorError(`found '${first.text}', expected: ',', ')' or identifier`);
  const values: string[] = [];
  let expectsValue = true;
  for (;;) {
    const token = tokens.take('values');
    if (token.kind === 'identifier' && expectsValue) {
      values.push(token.text);
      expectsValue = false;
    } else if (token.kind === ',') {
      if (expectsValue) values.push(''); // "in (,a)": the empty value
      expectsValue = true;
    } else if (token.kind === ')') {
      if (expectsValue) values.push(''); // "in (a,)"
      return values;
    } else {
      throw new SelectorError(`found '${token.text}', expected: ',' or ')'`);
    }
  }
}

function parseExactValue(tokens: Tokens): string {
  const { kind } = tokens.peek('values');
  if (kind === 'end' || kind === ',') return '';
  const token = tokens.take('values');
  if (token.kind !== 'identifier') throw new SelectorError(`found '${token.text}', expected: identifier`);
  return token.text;
}

function checkedRequirement(requirement: Requirement): Requirement {
  const { key, operator, values } = requirement;
  if ((operator === 'in' || operator === 'notin') && values.length === 0) {
    throw new SelectorError(
      "values: Invalid value: []string{}: for 'in', 'notin' operators, values set can't be empty",
    );
  }
  if ((operator === 'gt' || operator === 'lt') && !isInteger(values[0] ?? '')) {
    throw new SelectorError(
      `values[0]: Invalid value: ${JSON.stringify(values[0])}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  for (const [i, value] of values.entries()) {
    const problems = [
      ...(value.length > NAME_MAX ? [`must be no more than ${NAME_MAX} characters`] : []),
      ...(value === '' || NAME.test(value) ? [] : [VALUE_MESSAGE]),
    ];
    if (problems.length > 0)
      throw new SelectorError(`values[${i}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problems.join('; ')}`);
  }
  return requirement;
}

function checkKey(key: string): void {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const problems: string[] = [];
  if (parts.length > 2) {
    problems.push(
      `a qualified name ${NAME_MESSAGE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    );
  } else {
    const prefix = parts.length === 2 ? parts[0] : undefined;
    if (prefix === '') problems.push('prefix part must be non-empty');
    else if (prefix !== undefined && prefix.length > PREFIX_MAX)
      problems.push(`prefix part must be no more than ${PREFIX_MAX} characters`);
    else if (prefix !== undefined && !PREFIX.test(prefix)) problems.push(`prefix part ${PREFIX_MESSAGE}`);
    if (name === '') problems.push('name part must be non-empty');
    else if (name.length > NAME_MAX) problems.push(`name part must be no more than ${NAME_MAX} characters`);
    if (!NAME.test(name)) problems.push(`name part ${NAME_MESSAGE}`);
  }
  if (problems.length > 0)
    throw new SelectorError(`key: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`);
}

function isInteger(text: string): boolean {
  return (
    /^[+-]?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text.replace(/^\+/, ''))) === BigInt(text.replace(/^\+/, ''))
  );
}

function compares(value: string | undefined, operator: 'gt' | 'lt', bound: string): boolean {
  if (value === undefined || !isInteger(value)) return false;
  const [a, b] = [BigInt(value.replace(/^\+/, '')), BigInt(bound.replace(/^\+/, ''))];
  return operator === 'gt' ? a > b : a < b;
}
