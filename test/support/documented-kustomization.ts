import { existsSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { blocksOf } from './markdown.js';

const FIRST_LINE = '# kustomization.yaml';

/**
 * What `-k <directory>` of a document means: a directory of this tree, or with `.` that of the kustomization that the document has its
 * reader write, beside a checkout of podnet.
 * @param place file:line of the command @param below where it may be made
 * @throws {TypeError} when there is none
 */
export function kustomizationOf(place: string, directory: string, below: string): string {
  if (directory !== '.') {
    if (!existsSync(directory)) throw new TypeError(`${place}: there is no ${directory}`);
    return directory;
  }
  const [file = ''] = place.split(':');
  const written = blocksOf(file).find(({ lines: [first] }) => first === FIRST_LINE);
  if (written === undefined) throw new TypeError(`${place}: no block of ${file} begins with ${FIRST_LINE}`);
  const made = mkdtempSync(join(below, 'kustomization-'));
  writeFileSync(join(made, 'kustomization.yaml'), `${written.lines.join('\n')}\n`);
  symlinkSync(process.cwd(), join(made, 'podnet'));
  return made;
}
