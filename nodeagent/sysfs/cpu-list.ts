/** Above what a report takes, and what Linux can be built for. */
const MAX_CPUS = 65_536;

/**
 * The numbers in a list as the kernel and the kubelet write it, such as `0-3,8-11`: ascending, each once; none of an empty one.
 * Undefined where it is not such a list.
 * @see Linux lib/bitmap.c, bitmap_print_to_pagebuf()
 */
export function parseCpuList(text: string): number[] | undefined {
  const list = text.trim();
  if (list === '') return [];
  const cpus: number[] = [];
  for (const range of list.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (last < first || last >= MAX_CPUS || cpus.length + last - first >= MAX_CPUS) return undefined;
    for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu);
  }
  return ascending(cpus);
}

/** The shortest list of the numbers, each of them once, in whatever order they come. */
export function renderCpuList(cpus: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const cpu of ascending(cpus)) {
    const range = ranges.at(-1);
    if (range?.last === cpu - 1) range.last = cpu;
    else ranges.push({ first: cpu, last: cpu });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

function ascending(cpus: readonly number[]): number[] {
  return [...new Set(cpus)].sort((a, b) => a - b);
}
