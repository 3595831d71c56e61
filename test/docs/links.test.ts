// Links in the documents lead somewhere: files that are there, headings that they have.
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { anchorsOf, documents, proseOf } from '../support/markdown.js';

interface Link {
  readonly place: string;
  readonly target: string;
}

/** Code is no link. */
function linksOf(file: string): Link[] {
  return proseOf(file).flatMap(({ line, text }) => {
    const prose = text.replace(/(`+)[^`].*?\1/g, '');
    return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)].map(([, target = '']) => ({
      place: `${file}:${line}`,
      target,
    }));
  });
}

/** What is wrong with a link of a file; empty where nothing is. */
function problemOf(file: string, target: string): string {
  const [path = '', anchor] = target.split('#');
  const found = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)));
  if (found.startsWith('..')) return 'leads out of the project';
  if (!existsSync(found)) return `there is no ${found}`;
  if (anchor === undefined) return '';
  if (statSync(found).isDirectory() || !found.endsWith('.md')) return `${found} has no headings`;
  return anchorsOf(found).has(anchor) ? '' : `${found} has no heading #${anchor}`;
}

describe('links of the documents', () => {
  for (const file of documents()) {
    test(`of ${file} lead somewhere`, () => {
      const wrong = linksOf(file)
        .filter(({ target }) => !/^(https?|mailto):/.test(target))
        .flatMap(({ place, target }) => {
          const problem = problemOf(file, target);
          return problem === '' ? [] : [`${place}: (${target}): ${problem}`];
        });
      assert.deepEqual(wrong, []);
    });
  }
});
