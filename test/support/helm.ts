import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './bundle.js';
import type { KubeObject } from './kube-api/objects.js';
import { parseObjects } from './manifests/render.js';
import { HELM } from './requirements.js';

export const CHART = 'manifests/chart/podnet';

/** helm template does not ask a cluster for its version, and takes one of its own time. */
const TEMPLATE = ['template', 'podnet', CHART, '--namespace', 'podnet-system', '--kube-version', '1.31.0'];

/** What a run of helm came to. */
export interface HelmRun {
  readonly code: number | string;
  readonly out: string;
  readonly error: string;
}

/** Runs helm, without anything of this machine's user: neither his settings nor, unless one is given, a cluster. */
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

/** `helm template` of the chart, as the release podnet in the namespace podnet-system. */
export function templateChart(args: readonly string[]): Promise<HelmRun> {
  return helm([...TEMPLATE, ...args]);
}

/**
 * The objects that `helm template` makes of the chart.
 * @throws {Error} with what helm says
 */
export async function renderChart(args: readonly string[] = []): Promise<readonly KubeObject[]> {
  const { code, out, error } = await templateChart(args);
  if (code !== 0) throw new Error(error);
  return parseObjects(out);
}
