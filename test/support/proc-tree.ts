import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ProcTree extends AsyncDisposable {
  readonly root: string;
}

/** A copy of a tree of test/fixtures/proc that a test may change; it goes with its scope. */
export async function copyProcTree(name: string): Promise<ProcTree> {
  const root = await mkdtemp(join(tmpdir(), 'podnet-proc-'));
  await cp(`test/fixtures/proc/${name}`, root, { recursive: true, verbatimSymlinks: true });
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}
