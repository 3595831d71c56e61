import { spawnSync } from 'node:child_process';
import { blocksOf } from './markdown.js';

/** A command that a document gives to its reader. */
export interface DocumentedCommand {
  /** File and line. */
  readonly place: string;
  /** Without sudo, and without what stands before or behind `&&`. */
  readonly text: string;
  /** The first line of what it prints, as the document shows it; empty where it shows none. */
  readonly shown: string;
}

/** Blocks of `sh` are commands and comments, in a block of `console` commands follow a `$`. */
export function commandsOf(file: string): DocumentedCommand[] {
  return blocksOf(file).flatMap(({ language, line, lines }) => {
    const numbered = joined(lines).map(({ text, at }) => ({ text, place: `${file}:${line + at}` }));
    const typed = numbered.flatMap(({ text, place }, i) => {
      if (language === 'sh') return text === '' || text.startsWith('#') ? [] : [{ text, place, shown: '' }];
      if (language !== 'console' || !text.startsWith('$ ')) return [];
      const next = numbered[i + 1]?.text ?? '';
      return [{ text: text.slice(2), place, shown: next.startsWith('$ ') ? '' : next }];
    });
    return typed.flatMap(({ text, ...rest }) =>
      text.split(' && ').map((part) => ({ ...rest, text: part.trim().replace(/^sudo /, '') })),
    );
  });
}

/** Lines that end in a backslash go on. */
function joined(lines: readonly string[]): { text: string; at: number }[] {
  const whole: { text: string; at: number }[] = [];
  let isOpen = false;
  for (const [at, line] of lines.entries()) {
    const last = whole.at(-1);
    const text = line.trim();
    if (isOpen && last !== undefined) last.text = `${last.text.slice(0, -1)}${text}`;
    else whole.push({ text, at });
    isOpen = text.endsWith('\\');
  }
  return whole;
}

/** What a document leaves to its reader, as the cluster of the tests has it. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { NODE: 'node-a', NAMESPACE: 'telco', POD: 'upf-0' };

/** There it is one of podnet's own pods that is meant. */
const OWN_POD: typeof PLACEHOLDERS = { ...PLACEHOLDERS, POD: 'podnet-nodeagent-0' };

/** The command as it can be run. */
export function filledIn(text: string): string {
  const placeholders = text.includes('-n podnet-system ') ? OWN_POD : PLACEHOLDERS;
  return text.replace(/<[a-z-]+>/g, 'placeholder').replace(/\b[A-Z]+\b/g, (word) => placeholders[word] ?? word);
}

/** Whether it is several programs. */
export function isPipeline(text: string): boolean {
  return text.replace(/'[^']*'|"[^"]*"/g, '').includes('|');
}

/**
 * The words of a command, as a shell makes them.
 * @throws {TypeError} when it is more than one command
 */
export function wordsOf(text: string): string[] {
  const filled = filledIn(text);
  if (/[|;&]/.test(filled.replace(/'[^']*'|"[^"]*"/g, ''))) throw new TypeError(`several commands: ${text}`);
  const { stdout, status } = spawnSync('sh', ['-fc', `printf '%s\\0' ${filled}`], { encoding: 'utf8' });
  if (status !== 0) throw new TypeError(`no shell understands it: ${text}`);
  return stdout.split('\0').slice(0, -1);
}
