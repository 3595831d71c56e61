const EXCERPT = 60;

/** Metrics text that does not keep to its format: none of it is to be believed. */
export class PrometheusTextError extends Error {
  override readonly name = 'PrometheusTextError';
  readonly code = 'NODEAGENT_PROMETHEUS_TEXT';
  /** From 1. */
  readonly line: number;

  /** @param found what stands there, as it came */
  constructor(line: number, reason: string, found: string) {
    super(`line ${line}: ${reason}, at ${printable(found)}`);
    this.line = line;
  }
}

/** Text of others as it may stand in a message: short, in quotes, and ASCII, for a terminal obeys control characters. */
export function printable(text: string): string {
  const quoted = JSON.stringify(text.length > EXCERPT ? `${text.slice(0, EXCERPT)}...` : text);
  return quoted.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
