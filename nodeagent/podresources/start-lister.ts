import { Backoff } from '../../runtime/backoff.js';
import { GrpcClient } from '../grpc/client.js';
import { parseSocketEndpoint } from '../grpc/endpoint.js';
import type { NodeagentOptions } from '../options.js';
import { AllocationLister, type AllocationListerDeps } from './lister.js';
import { POD_RESOURCES_LISTER } from './messages.js';

const BACKOFF = { firstMs: 1_000, maxMs: 60_000 } as const;
/** The kubelet is asked no more often, however short the interval. */
const MIN_INTERVAL_MS = 1_000;
/** Where pods are listed it is asked when one comes, and of the others what it says does not change: some 10 ms each time. */
const LISTED_INTERVAL_MS = 60_000;

/** It asks nobody before it is started. Undefined where the flag is empty. */
export function createAllocationLister(
  { pathKubeletSocket, interval, podSource }: Pick<NodeagentOptions, 'pathKubeletSocket' | 'interval' | 'podSource'>,
  deps: Pick<AllocationListerDeps, 'states' | 'metrics' | 'clock' | 'log'>,
): AllocationLister | undefined {
  const socketPath = parseSocketEndpoint(pathKubeletSocket);
  if (socketPath === undefined) {
    deps.states.off('kubelet', 'not_configured');
    return undefined;
  }
  deps.states.off('kubelet', 'not_needed');
  return new AllocationLister({
    ...deps,
    client: new GrpcClient({ socketPath, service: POD_RESOURCES_LISTER }),
    backoff: new Backoff({ ...BACKOFF, random: Math.random }),
    intervalMs: Math.max(podSource === 'none' ? MIN_INTERVAL_MS : LISTED_INTERVAL_MS, interval),
  });
}
