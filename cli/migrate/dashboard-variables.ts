// Grafana fills the variables of a dashboard in before Prometheus sees the query, and prometheus-adapter the actions of its templates.

/** What prometheus-adapter fills in: `<<.LabelMatchers>>`. */
const ACTION = /<<-?\s*(?:\.|index\b)[^<>]*>>/g;
const ACTION_HERE = new RegExp(ACTION.source, 'y');
const VARIABLE = new RegExp(`\\$\\{[^{}]*\\}|\\$[A-Za-z_]\\w*|\\[\\[\\w+(?::\\w+)?\\]\\]|${ACTION.source}`, 'y');
const UNIT = /[a-z]/;
const EMPTY_MATCHER = '_=""';

/**
 * A query with something that parses in the place of each variable. It is as long as the query, so that a place in the one is the same
 * place in the other. In strings and comments nothing is changed but actions, which can have quotes in them.
 */
export function withoutVariables(query: string): string {
  let plain = '';
  while (plain.length < query.length) {
    const at = plain.length;
    const skipped = stringAt(query, at) ?? commentAt(query, at);
    if (skipped !== undefined) {
      plain += skipped.replace(ACTION, (action) => '_'.repeat(action.length));
      continue;
    }
    VARIABLE.lastIndex = at;
    const [variable] = VARIABLE.exec(query) ?? [];
    plain += variable === undefined ? query.charAt(at) : standIn(variable, plain, query.slice(at + variable.length));
  }
  return plain;
}

/** Whether a piece of a query, such as the name of a family, has a variable in it. */
export function hasVariable(text: string): boolean {
  return new RegExp(VARIABLE.source).test(text);
}

/** Whether a text is a variable and nothing else. */
export function isVariable(text: string): boolean {
  return new RegExp(`^(?:${VARIABLE.source})$`).test(text);
}

/** What a piece of a query has besides variables. */
export function lettersOf(text: string): string {
  return text.replace(new RegExp(VARIABLE.source, 'g'), '');
}

/** A regular expression for what a name with variables can become. */
export function variablePattern(name: string): RegExp {
  const parts = name.split(new RegExp(VARIABLE.source)).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

/** What stands for a variable, by what is around it: a duration, a string, a function, else a name. */
function standIn(variable: string, before: string, after: string): string {
  const { length } = variable;
  if (/(\[|\boffset\s+-?|\[[^\]]*:)\s*$/.test(before) || /^\s*\]/.test(after)) {
    return UNIT.test(after.charAt(0)) ? '1'.padStart(length, '0') : '1s'.padStart(length, '0');
  }
  if (/(=~|!~|!=|[^=!<>]=)\s*$/.test(before)) return `"${'x'.repeat(length - 2)}"`;
  // Whole matchers, as filters are. No matcher is shorter, but a name in quotes is.
  if (/\{([^{}]*,)?\s*$/.test(before) && /^\s*[,}]/.test(after)) {
    return length < EMPTY_MATCHER.length ? `"${'_'.repeat(length - 2)}"` : EMPTY_MATCHER.padStart(length, '_');
  }
  const isPartOfName = /[\w:]$/.test(before);
  if (!isPartOfName && /^\s*(\(|(by|without)\b)/.test(after)) return (length < 3 ? 'ln' : 'sum').padEnd(length);
  return '_'.repeat(length);
}

function stringAt(query: string, at: number): string | undefined {
  const quote = query.charAt(at);
  if (quote !== '"' && quote !== "'" && quote !== '`') return undefined;
  let end = at + 1;
  while (end < query.length && query.charAt(end) !== quote) {
    ACTION_HERE.lastIndex = end;
    const [action] = ACTION_HERE.exec(query) ?? [];
    end += action?.length ?? (query.charAt(end) === '\\' && quote !== '`' ? 2 : 1);
  }
  return query.slice(at, end + 1);
}

function commentAt(query: string, at: number): string | undefined {
  return query.charAt(at) === '#' ? (/^[^\n]*/.exec(query.slice(at)) ?? [''])[0] : undefined;
}
