import type { Clock } from '../../runtime/clock.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { isRecord } from '../../runtime/kube/objects.js';
import { Reflector } from '../../runtime/kube/reflector.js';
import type { Logger } from '../../runtime/logger.js';
import type { HealthCheck } from '../api/health.js';
import { parseAuthenticationConfig, type AuthenticationConfig } from './authentication-config.js';

const NAME = 'extension-apiserver-authentication';
const KEY = `kube-system/${NAME}`;
/** Only this one: the Role that every cluster has for it, extension-apiserver-authentication-reader, allows no more. */
const PATH = `/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3D${NAME}`;

export interface AuthenticationConfigSourceOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Keeps what the cluster publishes of its authorities current. While the API is away the last one counts; when the ConfigMap is deleted
 * there is none, and nobody is known by a certificate.
 */
export class AuthenticationConfigSource {
  readonly #log: Logger;
  readonly #reflector: Reflector<Readonly<Record<string, unknown>>>;
  #generation = 0;
  #content: string | undefined;
  #current: AuthenticationConfig | undefined;

  constructor({ api, clock, log }: AuthenticationConfigSourceOptions) {
    this.#log = log;
    this.#reflector = new Reflector({
      api,
      clock,
      log,
      path: PATH,
      decode: (object) => (isRecord(object) && isRecord(object['data']) ? object['data'] : {}),
      sink: {
        replace: (items) => this.#set(items.get(KEY)),
        upsert: (key, data) => {
          if (key === KEY) this.#set(data);
        },
        remove: (key) => {
          if (key === KEY) this.#set(undefined);
        },
      },
    });
  }

  get current(): AuthenticationConfig | undefined {
    return this.#current;
  }

  /** Whether the aggregation layer of this cluster can be recognized. */
  get isLoaded(): boolean {
    return this.#current?.frontProxy !== undefined;
  }

  /** For `/readyz`: without it the aggregator's requests are nobody's. */
  get check(): HealthCheck {
    return { name: 'authentication', isMet: () => this.isLoaded };
  }

  /** Follows the ConfigMap until aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }

  #set(data: Readonly<Record<string, unknown>> | undefined): void {
    const content = data === undefined ? undefined : JSON.stringify(data);
    // A list that is repeated brings the same again: connections keep what is known of their certificates.
    if (content === this.#content && (content !== undefined || this.#generation > 0)) return;
    this.#content = content;
    this.#generation++;
    const current = data === undefined ? undefined : parseAuthenticationConfig(data, this.#generation);
    this.#current = current;
    if (current === undefined) this.#log.warn({ configMap: KEY }, 'is not there: nobody is known by a certificate');
    else if (current.problems.length > 0) {
      this.#log.error(
        { configMap: KEY, problems: current.problems },
        'cannot be used whole: what is wrong counts as not there',
      );
    } else this.#log.info({ configMap: KEY, generation: current.generation }, 'authorities of the cluster loaded');
  }
}
