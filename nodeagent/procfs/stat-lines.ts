/** Looks a value up by its name; NaN where it is not known. */
export type StatValues = (name: string) => number;

const NOTHING: StatValues = () => NaN;

/**
 * One protocol of net/snmp or net/netstat: a line of names, and below it a line of values. A kernel may have more columns than
 * another, and in another order, so that they are found by their names; a value whose name occurs twice, is missing, or that is no
 * count is not known.
 * @param protocol as both lines begin, such as `TcpExt`
 * @see Linux net/ipv4/proc.c, snmp_seq_show() and netstat_seq_show()
 */
export function parseStatLines(text: string, protocol: string): StatValues {
  const start = `${protocol}: `;
  const headerAt = text.startsWith(start) ? 0 : text.indexOf(`\n${start}`) + 1;
  if (headerAt === 0 && !text.startsWith(start)) return NOTHING;
  const headerEnd = text.indexOf('\n', headerAt);
  const valuesEnd = text.indexOf('\n', headerEnd + 1);
  // A line without its end may have lost the last digits of its last value.
  if (headerEnd < 0 || valuesEnd < 0 || !text.startsWith(start, headerEnd + 1)) return NOTHING;
  const names = text.slice(headerAt + start.length, headerEnd).split(' '); // one blank each, and there are 130 of them
  const values = text.slice(headerEnd + 1 + start.length, valuesEnd).split(' ');
  if (names.length !== values.length) return NOTHING;
  return (name) => {
    const column = names.indexOf(name);
    return column < 0 || names.includes(name, column + 1) ? NaN : parseCount(values[column]);
  };
}

/** NaN for what is no decimal count. Counts above 2^53 lose their low bits, as every Prometheus sample does. */
export function parseCount(text: string | undefined): number {
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : NaN;
}
