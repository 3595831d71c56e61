import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { generatedFiles } from './generated-files.js';

/** `npm run generate` writes what is generated from code; `--check` only says what would change, and fails if anything would. */
const isCheck = process.argv.includes('--check');
const stale: string[] = [];
for (const [path, wanted] of await generatedFiles()) {
  const present = await readFile(path, 'utf8').catch(() => '');
  if (present === wanted) continue;
  if (isCheck) stale.push(path);
  else await writeFile(path, wanted);
}
if (stale.length > 0) {
  process.stderr.write(`not as generated: ${stale.join(', ')}; run npm run generate\n`);
  process.exitCode = 1;
}
