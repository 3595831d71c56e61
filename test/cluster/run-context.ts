import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import type { Cluster } from './cluster.js';
import type { Kubeconfigs } from './kubeconfig.js';
import type { Names } from './names.js';
import type { ClusterTestOptions } from './options.js';
import type { Outcomes } from './outcomes.js';
import { until, type Look, type Patience } from './wait.js';

/** What every part of a run is handed. */
export interface Run {
  readonly options: ClusterTestOptions;
  readonly names: Names;
  readonly cluster: Cluster;
  readonly kubeconfigs: Kubeconfigs;
  readonly outcomes: Outcomes;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly log: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Minor version of the API server; undefined where it says none. */
  readonly minor: number | undefined;
}

/** Waits for something of the run. */
export function wait<T>({ patience }: Run, what: string, look: () => Promise<Look<T>>): Promise<T> {
  return until(what, look, patience);
}
