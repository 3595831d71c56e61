import type { TestContext } from 'node:test';
import { systemClock, type Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { createKubeClient, type KubeClient } from '../../runtime/kube/client.js';
import { createLogger, type Logger } from '../../runtime/logger.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';

/** A test API server, a real client of it, and what is logged meanwhile. */
export interface Kubernetes {
  readonly api: KubeApiServer;
  readonly client: KubeApi;
  readonly log: Logger;
  readonly logged: string[];
  /** Aborted at the end of the test. */
  readonly signal: AbortSignal;
}

const errors = createLogger('test', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) });

export async function startKubernetes(t: TestContext): Promise<Kubernetes> {
  const api = await createKubeApi();
  const logged: string[] = [];
  const log = createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) });
  const client = await connectKubeClient(api, 'test/1', systemClock, log);
  const stop = new AbortController();
  t.after(async () => {
    stop.abort();
    client.close();
    await api.close();
  });
  return { api, client, log, logged, signal: stop.signal };
}

/** A client of a test's Kubernetes API; the name tells its requests from those of others. */
export async function connectKubeClient(
  api: KubeApiServer,
  name = 'test',
  clock: Clock = systemClock,
  log = errors,
): Promise<KubeClient> {
  return createKubeClient({ kubeconfig: await api.kubeconfig(), env: {}, clock, log, userAgent: name });
}
