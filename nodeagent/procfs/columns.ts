/**
 * The columns of a line, as the kernel separates them: by ASCII spaces and tabs. Any other space (U+3000, U+00A0, …) may be part of
 * the name of an interface, which `\s` and trim() would take for another's.
 */
export function splitColumns(line: string): string[] {
  return line.split(/[ \t]+/).filter((column) => column !== '');
}
