import { isMap, isNode, isScalar, parseDocument } from 'yaml';

/** One value of values.yaml that a user may set. */
export interface DocumentedValue {
  /** Such as `apiserver.replicas`. */
  readonly path: string;
  readonly meaning: string;
  /** What values.yaml has. */
  readonly preset: unknown;
}

/** A comment that documents a value begins so, as in most charts; others are remarks to whoever edits the file. */
const MARK = /^ ?-- /;
/** A longer default is not shown: whoever wants it reads values.yaml. */
const LONGEST_DEFAULT = 60;

/**
 * The values of a chart, in the order of its values.yaml. A value is a key with a comment `# -- …` above it; other keys have values below them.
 * @throws {TypeError} for a key that has neither
 */
export function documentedValues(text: string): DocumentedValue[] {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw error;
  return valuesOf(document.contents, [], undefined);
}

function valuesOf(node: unknown, path: readonly string[], meaning: string | undefined): DocumentedValue[] {
  const name = path.join('.');
  if (meaning !== undefined) return [{ path: name, meaning, preset: isNode(node) ? node.toJSON() : null }];
  if (!isMap(node) || node.items.length === 0) throw new TypeError(`${name}: no comment "# -- …" above it`);
  return node.items.flatMap(({ key, value }, index) => {
    if (!isScalar(key)) throw new TypeError(`${name}: a key that is no text`);
    // what stands above the first key belongs to the map
    const comment = key.commentBefore ?? (index === 0 ? node.commentBefore : undefined);
    return valuesOf(value, [...path, String(key.value)], meaningOf(comment ?? ''));
  });
}

/** From the last line with the mark on: remarks may stand before it. */
function meaningOf(comment: string): string | undefined {
  const lines = comment.split('\n');
  const start = lines.findLastIndex((line) => MARK.test(line));
  if (start < 0) return undefined;
  return lines
    .slice(start)
    .map((line) => line.replace(MARK, '').trim())
    .join(' ')
    .trim();
}

/** The table of the values, as Markdown. */
export function valuesTable(values: readonly DocumentedValue[]): string {
  const rows = values.map(({ path, meaning, preset }) => `| \`${path}\` | ${cell(meaning)} | ${cell(shown(preset))} |`);
  return ['| value | meaning | default |', '| --- | --- | --- |', ...rows].join('\n');
}

function shown(preset: unknown): string {
  const text = JSON.stringify(preset);
  return text.length <= LONGEST_DEFAULT ? `\`${text}\`` : 'see values.yaml';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/<(?![^`]*`)/g, '&lt;');
}
