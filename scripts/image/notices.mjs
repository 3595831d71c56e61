import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = /^(licen[cs]e|notice|copying|copyright)([.-].*)?$/i;

/**
 * The licenses of packages, whole, as most of them ask for.
 * @param directoryOf where a package is installed, by its `bom-ref`
 */
export function renderNotices(components, directoryOf) {
  return components.map((component) => renderOne(component, directoryOf(component['bom-ref']))).join('\n');
}

function renderOne({ name, version, licenses = [] }, directory) {
  const declared = licenses.map(({ license, expression }) => expression ?? license.id ?? license.name).join(', ');
  const texts = readdirSync(directory)
    .filter((file) => FILES.test(file))
    .sort()
    .map((file) => `\n${readFileSync(join(directory, file), 'utf8').trim()}\n`);
  return `${'='.repeat(78)}\n${name} ${version}: ${declared}\n${texts.join('')}`;
}
