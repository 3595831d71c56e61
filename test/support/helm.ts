import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './bundle.js';
import type { KubeObject } from './kube-api/objects.js';
import { parseObjects } from './manifests/render.js';
import { HELM } from './requirements.js';

export const CHART = 'manifests/chart/podnet';

/** What a run of helm came to. */
export interface HelmRun {
  readonly code: number | string;
  readonly out: string;
  readonly error: string;
}

/** Runs helm without anything of this machine's user: neither his settings nor, unless one is given, a cluster. */
export async function helm(args: readonly string[], kubeconfig = '/dev/null'): Promise<HelmRun> {
  const home = await mkdtemp(join(tmpdir(), 'podnet-helm-'));
  try {
    const program = run(HELM, args, { env: { HOME: home, KUBECONFIG: kubeconfig } });
    const code = await program.ended;
    return { code, out: program.out(), error: program.error() };
  } finally {
    await rm(home, { recursive: true });
  }
}

/**
 * The objects that `helm template` makes of the chart, in the namespace podnet-system.
 * @throws {Error} with what helm says
 */
export async function renderChart(args: readonly string[] = []): Promise<readonly KubeObject[]> {
  const { code, out, error } = await helm(['template', 'podnet', CHART, '--namespace', 'podnet-system', ...args]);
  if (code !== 0) throw new Error(error);
  return parseObjects(out);
}
