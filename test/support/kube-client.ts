import { systemClock, type Clock } from '../../runtime/clock.js';
import { createKubeClient, type KubeClient } from '../../runtime/kube/client.js';
import { createLogger } from '../../runtime/logger.js';
import type { KubeApiServer } from './kube-api.js';

const log = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });

/** A client of a test's Kubernetes API; the name tells its requests from those of others. */
export async function connectKubeClient(
  api: KubeApiServer,
  name = 'test',
  clock: Clock = systemClock,
): Promise<KubeClient> {
  return createKubeClient({ kubeconfig: await api.kubeconfig(), env: {}, clock, log, userAgent: name });
}
