import { splitColumns } from './columns.js';

/**
 * Connections that the namespace tracks, of /proc/<pid>/net/stat/nf_conntrack: a header, and for each CPU a line of hexadecimal
 * numbers. The first of them is the count of the whole namespace, the same in each line. The file is there where the module is.
 * @returns NaN where it is not known
 * @see Linux net/netfilter/nf_conntrack_standalone.c, ct_cpu_seq_show()
 */
export function parseConntrackEntries(text: string): number {
  const [header = '', firstCpu = '', ...rest] = text.split('\n');
  if (rest.length === 0) return NaN; // the line was cut
  const column = splitColumns(header).indexOf('entries');
  const entries = splitColumns(firstCpu)[column] ?? '';
  return /^[0-9a-f]{1,8}$/.test(entries) ? Number.parseInt(entries, 16) : NaN;
}
