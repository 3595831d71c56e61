import type { App } from '../app-types.js';
import { explainRoute, type ExplainDeps } from './explain.js';
import { jsonRoutes } from '../json-routes.js';
import { nodeNetworks, type NodeNetworksDeps } from './node-networks.js';
import { podNetworks } from './pod-networks.js';
import { resourceRoutes } from './resource.js';
import { virtualFunctions } from './virtual-functions.js';

/** podnet.dev: what the agents report, for people and programs to read. */
export function podnetRoutes(app: App, deps: NodeNetworksDeps & ExplainDeps): void {
  jsonRoutes(app, (scope) => explainRoute(scope, deps));
  resourceRoutes(app, podNetworks(deps), deps);
  resourceRoutes(app, nodeNetworks(deps), deps);
  resourceRoutes(app, virtualFunctions(deps), deps);
}
