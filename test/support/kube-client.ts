import type { TestContext } from 'node:test';
import type { KubeApi } from '../../runtime/kube/api.js';
import { createKubeClient } from '../../runtime/kube/client.js';
import { createLogger, type Logger } from '../../runtime/logger.js';
import { systemClock } from '../../runtime/clock.js';
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

export async function startKubernetes(t: TestContext): Promise<Kubernetes> {
  const api = await createKubeApi();
  const logged: string[] = [];
  const log = createLogger('test', { level: 'info', format: 'text', write: (line) => logged.push(line) });
  const kubeconfig = await api.kubeconfig();
  const client = await createKubeClient({ kubeconfig, env: {}, clock: systemClock, log, userAgent: 'test/1' });
  const stop = new AbortController();
  t.after(async () => {
    stop.abort();
    client.close();
    await api.close();
  });
  return { api, client, log, logged, signal: stop.signal };
}
