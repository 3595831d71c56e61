import type { KnownSeries } from './known-families.js';
import { childOf, parseQuery, QueryError, within, type Part } from './tree.js';

/** What Prometheus, or who gathers for several clusters, adds to what is scraped. */
const GATHERED_LABELS = ['cluster'];
const TARGET_LABELS = [...GATHERED_LABELS, 'instance', 'job'];
/** Series that alerts leave behind. */
const NO_LABELS: ReadonlySet<string> = new Set();

type Labels = ReadonlySet<string>;

/**
 * Reads an expression as Prometheus evaluates it: which labels its result can have.
 * @throws {QueryError} where it names a series, or a label, that there is not; takes the rate of what does not count, or what counts as it stands;
 * or makes a number of what is absent
 */
export function labelsOf(expression: string, known: ReadonlyMap<string, KnownSeries>): Labels {
  return new Reading(expression, known).labels();
}

/** Functions that look at how a counter grows. */
const OF_COUNTERS = ['rate', 'irate', 'increase', 'resets'];
/** Functions of a counter that do not care what it counts. */
const OF_PRESENCE = ['absent', 'absent_over_time', 'present_over_time', 'count_over_time', 'timestamp'];

class Reading {
  constructor(
    readonly expression: string,
    readonly known: ReadonlyMap<string, KnownSeries>,
  ) {}

  labels(): Labels {
    return this.#of(parseQuery(this.expression), 'value');
  }

  #fail(problem: string): never {
    throw new QueryError(this.expression, problem);
  }

  /** @param use what becomes of it: a counter is no value */
  #of(part: Part, use: 'value' | 'growth' | 'presence'): Labels {
    switch (part.type) {
      case 'VectorSelector':
        return this.#selector(part, use);
      case 'MatrixSelector':
      case 'SubqueryExpr':
      case 'OffsetExpr':
      case 'ParenExpr':
      case 'UnaryExpr':
      case 'StepInvariantExpr':
        return this.#of(this.#expressionIn(part), use);
      case 'NumberDurationLiteral':
      case 'StringLiteral':
        return NO_LABELS;
      case 'FunctionCall':
        return this.#call(part);
      case 'AggregateExpr':
        return this.#aggregate(part, use);
      case 'BinaryExpr':
        return this.#binary(part, use);
      default:
        return this.#fail(`${part.type} is not known here`);
    }
  }

  #expressionIn(part: Part): Part {
    return part.parts.find(isExpression) ?? this.#fail(`nothing in ${part.type}`);
  }

  #selector(part: Part, use: 'value' | 'growth' | 'presence'): Labels {
    const name = childOf(part, 'Identifier')?.text ?? this.#fail('a selector without a name');
    const series = this.known.get(name) ?? this.#fail(`no family ${name}`);
    const isCounter = series.kind === 'counter';
    if (use === 'growth' && !isCounter) this.#fail(`${name} does not count`);
    if (use === 'value' && isCounter) this.#fail(`${name} counts: it has a rate()`);
    const labels = new Set([...series.labels, ...(series.isOwn ? TARGET_LABELS : GATHERED_LABELS)]);
    for (const matcher of within(part, 'UnquotedLabelMatcher')) {
      const label = childOf(matcher, 'LabelName')?.text ?? '';
      if (!labels.has(label)) this.#fail(`${name} has no label ${label}`);
    }
    return labels;
  }

  #call(part: Part): Labels {
    const name = childOf(part, 'FunctionIdentifier')?.text ?? '';
    const given = (childOf(part, 'FunctionCallBody')?.parts ?? []).filter(isExpression);
    const use = OF_COUNTERS.includes(name) ? 'growth' : OF_PRESENCE.includes(name) ? 'presence' : 'value';
    const results = given.map((one) => this.#of(one, use));
    if (name === 'vector') this.#fail('what is absent is no number');
    if (name === 'absent' || name === 'scalar' || name === 'time') return NO_LABELS;
    const labels = results.find(({ size }) => size > 0) ?? NO_LABELS;
    if (name === 'histogram_quantile') return without(this.#has(labels, ['le']), ['le']);
    if (name === 'label_replace' || name === 'label_join') return new Set([...labels, unquoted(given[1]?.text ?? '')]);
    return labels;
  }

  #aggregate(part: Part, use: 'value' | 'growth' | 'presence'): Labels {
    const operator = childOf(part, 'AggregateOp')?.text ?? '';
    const modifier = childOf(part, 'AggregateModifier');
    const given = (childOf(part, 'FunctionCallBody')?.parts ?? []).filter(isExpression);
    const counts = operator === 'count' || operator === 'group' ? 'presence' : use;
    const labels = this.#of(given.at(-1) ?? this.#fail(`nothing to ${operator}`), counts);
    const grouping = modifier === undefined ? [] : labelNames(modifier);
    this.#has(labels, grouping);
    if (operator === 'topk' || operator === 'bottomk') return labels;
    return modifier?.text.startsWith('without') === true ? without(labels, grouping) : new Set(grouping);
  }

  #binary(part: Part, use: 'value' | 'growth' | 'presence'): Labels {
    const [left, right] = part.parts.filter(isExpression);
    if (left === undefined || right === undefined) return this.#fail('an operator without two sides');
    const operator = part.parts.find(({ type }) => ['And', 'Or', 'Unless'].includes(type))?.type;
    // what a series is matched with by `and` or `unless` is no value
    const isMatchedAlone = operator === 'And' || operator === 'Unless';
    const [ofLeft, ofRight] = [this.#of(left, use), this.#of(right, isMatchedAlone ? 'presence' : use)];
    const matching = childOf(part, 'MatchingModifierClause');
    const clauses = matching?.parts.filter(({ type }) => type === 'GroupingLabels') ?? [];
    const on = matching !== undefined && childOf(matching, 'On') !== undefined;
    const matched = clauses[0] === undefined ? [] : labelNames(clauses[0]);
    if (on) for (const side of [ofLeft, ofRight]) this.#has(side, matched);
    if (operator === 'Or') return new Set([...ofLeft, ...ofRight]);
    if (operator !== undefined) return ofLeft;
    if (matching !== undefined && childOf(matching, 'GroupLeft') !== undefined) {
      const taken = clauses[1] === undefined ? [] : labelNames(clauses[1]);
      this.#has(ofRight, taken);
      return new Set([...ofLeft, ...taken]);
    }
    if (matching !== undefined && childOf(matching, 'GroupRight') !== undefined) {
      return this.#fail('group_right: write it the other way around');
    }
    if (on) return new Set(matched);
    return ofLeft.size > 0 ? without(ofLeft, matched) : ofRight;
  }

  #has(labels: Labels, wanted: readonly string[]): Labels {
    for (const label of wanted)
      if (!labels.has(label)) this.#fail(`no label ${label} here, of ${[...labels].join(', ')}`);
    return labels;
  }
}

const isExpression = ({ type }: Part): boolean =>
  /(?:Expr|Selector|Literal|Call)$/.test(type) && type !== 'DurationExpr';

const labelNames = (part: Part): string[] => within(part, 'LabelName').map(({ text }) => text);

const unquoted = (text: string): string => text.replace(/^["']|["']$/g, '');

function without(labels: Labels, left: readonly string[]): Labels {
  return new Set([...labels].filter((label) => !left.includes(label)));
}
