// Files of YAML or JSON as values, and where in the file each of them is.
import { LineCounter, parseAllDocuments, isNode, isScalar, type Document } from 'yaml';

export type Path = readonly (string | number)[];

export interface ReadDocument {
  readonly value: unknown;
  /** Line of the file, from 1; undefined where it is not known, as in JSON. */
  lineOf(path: Path): number | undefined;
  /** Line that the first line of a text in the document is on. */
  firstLineOf(path: Path): number | undefined;
}

/** What cannot be read in a file. */
export interface Unreadable {
  readonly line: number | undefined;
  readonly error: string;
}

/** Every document of a text, and what is wrong with those that cannot be read. */
export function readDocuments(
  text: string,
  firstLine = 1,
): { readonly documents: ReadDocument[]; readonly problems: Unreadable[] } {
  const json = /^\s*[{[]/.test(text) ? parseJson(text) : undefined;
  if (json !== undefined) return { documents: [json], problems: [] };
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, logLevel: 'silent', prettyErrors: false });
  const documents: ReadDocument[] = [];
  const problems: Unreadable[] = [];
  for (const one of Array.isArray(parsed) ? parsed : []) {
    const lineAt = (offset: number) => lines.linePos(offset).line + firstLine - 1;
    const [error] = one.errors;
    if (error !== undefined) {
      problems.push({ line: lineAt(error.pos[0]), error: error.message });
      continue;
    }
    try {
      documents.push(readYaml(one, lineAt));
    } catch (failure) {
      if (!(failure instanceof ReferenceError)) throw failure; // too many aliases
      problems.push({ line: lineAt(one.range[0]), error: failure.message });
    }
  }
  return { documents, problems };
}

function parseJson(text: string): ReadDocument | undefined {
  try {
    return { value: JSON.parse(text), lineOf: () => undefined, firstLineOf: () => undefined };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined; // YAML begins so as well, and says better what is wrong
  }
}

function readYaml(document: Document.Parsed, lineAt: (offset: number) => number): ReadDocument {
  const nodeAt = (path: Path) => {
    const node: unknown = document.getIn(path, true);
    return isNode(node) ? node : undefined;
  };
  return {
    value: document.toJS(),
    lineOf: (path) => {
      const range = nodeAt(path)?.range;
      return range === null || range === undefined ? undefined : lineAt(range[0]);
    },
    firstLineOf: (path) => {
      const node = nodeAt(path);
      if (!isScalar(node) || node.range === null || node.range === undefined) return undefined;
      const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
      return lineAt(node.range[0]) + (isBlock ? 1 : 0);
    },
  };
}

/** As it is written in a query for the value: `spec.groups[0].rules[2].expr`. */
export function renderPath(path: Path): string {
  return path
    .map((key, i) => {
      if (typeof key === 'number') return `[${key}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(key)) return `[${JSON.stringify(key)}]`;
      return i === 0 ? key : `.${key}`;
    })
    .join('');
}
