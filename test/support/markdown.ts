import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a reader of the project finds: every document of it but CHANGELOG.md, which is of its time. */
export function documents(): string[] {
  const below = (directory: string): string[] =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => join(directory, file));
  return ['README.md', 'CONTRIBUTING.md', ...below('docs'), ...below('manifests')].sort();
}

/** A fenced block. */
export interface Block {
  readonly file: string;
  /** Of its first line of content, from 1. */
  readonly line: number;
  /** Behind the fence; empty where there is none. */
  readonly language: string;
  readonly lines: readonly string[];
}

const FENCE = /^ {0,3}```+ *(\S*)/;

export function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [i, line] of linesOf(file).entries()) {
    const [, language] = FENCE.exec(line) ?? [];
    if (language === undefined) open?.lines.push(line);
    else if (open === undefined) open = { language, line: i + 2, lines: [] };
    else {
      blocks.push({ file, ...open });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: the block has no end`);
  return blocks;
}

/** A line outside of fenced blocks. */
export interface ProseLine {
  readonly line: number;
  readonly text: string;
}

export function proseOf(file: string): ProseLine[] {
  let isInside = false;
  return linesOf(file).flatMap((text, i) => {
    const isFence = FENCE.test(text);
    if (isFence) isInside = !isInside;
    return isFence || isInside ? [] : [{ line: i + 1, text }];
  });
}

/** Names by which a heading of a document is linked, as GitHub makes them. */
export function anchorsOf(file: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = proseOf(file).flatMap(({ text }) => {
    const [, heading] = /^#{1,6} +(.*?) *#*$/.exec(text) ?? [];
    if (heading === undefined) return [];
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return [count === 0 ? slug : `${slug}-${count}`];
  });
  return new Set(anchors);
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n');
}
