import { spawnSync } from 'node:child_process';
import { blocksOf, proseOf } from './markdown.js';

/** A command that a document gives to its reader. */
export interface DocumentedCommand {
  /** File and line. */
  readonly place: string;
  /** Without sudo, and without what stands before or behind `&&`. */
  readonly text: string;
  /** The first line of what it prints, as the document shows it; empty where it shows none. */
  readonly shown: string;
}

/** What is given to be typed, and not the name of a command that is spoken of. */
const TYPED = /^(npm (ci|test|start|run \S)|node \S|kubectl get \S+ \S|docker \S|buildah \S|helm uninstall )[^…]*$/;

export function commandsOf(file: string): DocumentedCommand[] {
  return [...commandsOfBlocks(file), ...commandsOfText(file)].flatMap(({ text, ...rest }) =>
    text.split(' && ').map((part) => ({ ...rest, text: part.trim().replace(/^sudo /, '') })),
  );
}

/** Commands in tables and sentences, as code. */
function commandsOfText(file: string): DocumentedCommand[] {
  return proseOf(file).flatMap(({ line, text: prose }) =>
    [...prose.matchAll(/`([^`]+)`/g)].flatMap(([, text = '']) =>
      TYPED.test(text) ? [{ place: `${file}:${line}`, text, shown: '' }] : [],
    ),
  );
}

/** Blocks of `sh` are commands and comments, in a block of `console` commands follow a `$`. */
function commandsOfBlocks(file: string): DocumentedCommand[] {
  return blocksOf(file).flatMap(({ language, line, lines }) => {
    const numbered = joined(lines).map(({ text, at }) => ({ text, place: `${file}:${line + at}` }));
    return numbered.flatMap(({ text, place }, i) => {
      if (language === 'sh') return text === '' || text.startsWith('#') ? [] : [{ text, place, shown: '' }];
      if (language !== 'console' || !text.startsWith('$ ')) return [];
      const next = numbered[i + 1]?.text ?? '';
      return [{ text: text.slice(2), place, shown: next.startsWith('$ ') ? '' : next }];
    });
  });
}

/** Lines that end in a backslash or a pipe go on. */
function joined(lines: readonly string[]): { text: string; at: number }[] {
  const whole: { text: string; at: number }[] = [];
  let isOpen = false;
  for (const [at, line] of lines.entries()) {
    const last = whole.at(-1);
    const text = line.trim();
    if (isOpen && last !== undefined) last.text = `${last.text.replace(/\\$/, '')} ${text}`;
    else whole.push({ text, at });
    isOpen = /[\\|]$/.test(text);
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
