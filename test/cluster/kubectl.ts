import type { Run } from './run-context.js';
import { whyMissing } from '../support/requirements.js';
import { run as start } from '../support/bundle.js';
import { stopIfAborted } from './wait.js';

export interface KubectlAnswer {
  readonly code: number | string;
  readonly out: string;
  readonly error: string;
}

/** Runs kubectl as the administrator, with caches of its own. */
export async function kubectl({ kubeconfigs, patience }: Run, ...args: readonly string[]): Promise<KubectlAnswer> {
  const env = { HOME: kubeconfigs.home, KUBECONFIG: kubeconfigs.admin };
  const client = start('kubectl', [...args, '--request-timeout=20s'], { env });
  const code = await client.ended;
  stopIfAborted(patience.signal);
  return { code, out: client.out(), error: client.error() };
}

/** Why kubectl cannot be asked, or false. */
export function noKubectl(): string | false {
  return whyMissing('kubectl');
}
