const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/**
 * A float as the Prometheus text format has it: Go's, without `_` and hexadecimal.
 * @returns undefined where it is none, or too large for a float
 * @see strconv.ParseFloat of Go; parseFloat() of prometheus/common, expfmt/text_parse.go
 */
export function parseGoFloat(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  if (INFINITE.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return text.toLowerCase() === 'nan' ? NaN : undefined;
}
