import { knownSeries } from '../promql/known-families.js';
import { checkDashboard } from './check.js';
import { buildDashboard, type DashboardSpec } from './dashboard.js';
import { IP_ADDRESSES } from './ip-addresses.js';
import { LATENCY_MESH } from './latency-mesh.js';
import type { Dashboard } from './model.js';
import { POD_NETWORKS } from './pod-networks.js';
import { PODNET } from './podnet.js';
import { SRIOV } from './sriov.js';

const SPECS: readonly DashboardSpec[] = [POD_NETWORKS, SRIOV, LATENCY_MESH, IP_ADDRESSES, PODNET];

/** By name. @throws {Error} where one asks for what there is not */
export async function dashboards(): Promise<ReadonlyMap<string, Dashboard>> {
  const known = await knownSeries();
  return new Map(
    SPECS.map((spec) => {
      const dashboard = buildDashboard(spec);
      checkDashboard(dashboard, known);
      return [spec.name, dashboard];
    }),
  );
}

/** For kustomize, and for the chart, in which helm reads no file of another directory. */
const DIRECTORIES = ['manifests/dashboards', 'manifests/chart/podnet/files/dashboards'];

/** The files that are shipped, with their content. */
export async function dashboardFiles(): Promise<[path: string, content: string][]> {
  return [...(await dashboards())].flatMap(([name, dashboard]) =>
    DIRECTORIES.map((directory): [string, string] => [
      `${directory}/${name}.json`,
      `${JSON.stringify(dashboard, null, 2)}\n`,
    ]),
  );
}
