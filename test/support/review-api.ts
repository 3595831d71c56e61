import { createKubeClient, type KubeClient } from '../../runtime/kube/client.js';
import { createLogger, type Logger } from '../../runtime/logger.js';
import { createManualClock, type ManualClock } from './clock.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';

/** A kube-apiserver that reviews, a client of it, and what was logged. */
export interface ReviewApi {
  readonly server: KubeApiServer;
  readonly client: KubeClient;
  readonly clock: ManualClock;
  readonly log: Logger;
  readonly logged: string[];
  /** Bodies of the reviews so far. */
  readonly reviews: () => unknown[];
  readonly close: () => Promise<void>;
}

export async function startReviewApi(): Promise<ReviewApi> {
  const clock = createManualClock();
  const logged: string[] = [];
  const log = createLogger('test', { level: 'debug', format: 'json', write: (line) => logged.push(line) });
  const server = await createKubeApi();
  const client = await createKubeClient({
    kubeconfig: await server.kubeconfig(),
    env: {},
    clock,
    log,
    userAgent: 'test',
  });
  return {
    ...{ server, client, clock, log, logged },
    reviews: () => server.requests.filter(({ path }) => path.endsWith('reviews')).map(({ body }) => body),
    close: async () => {
      client.close();
      await server.close();
    },
  };
}
