import { isRecord, metadataOf, textsOf } from '../../runtime/kube/objects.js';
import { Reflector } from '../../runtime/kube/reflector.js';
import type { FollowedList } from './list-metrics.js';
import { ByNamespace, splitKey } from './by-namespace.js';
import type { FollowDeps } from './kubernetes-pods.js';
import type { ApiService, ServiceList } from './service-list.js';

/** The Services of the cluster. */
export class KubernetesServices implements ServiceList {
  readonly #services = new ByNamespace<ApiService>();
  readonly #clock: FollowDeps['clock'];
  readonly #reflector: Reflector<ApiService>;

  constructor({ api, clock, log }: FollowDeps) {
    this.#clock = clock;
    this.#reflector = new Reflector<ApiService>({
      api,
      clock,
      log,
      path: '/api/v1/services',
      decode: decodeService,
      sink: {
        replace: (items) => this.#services.replace(items.values()),
        upsert: (_key, service) => this.#services.set(service),
        remove: (key) => this.#services.delete(...splitKey(key)),
      },
    });
  }

  get source(): FollowedList {
    return this.#reflector;
  }

  get isCurrent(): boolean {
    return this.#reflector.isCurrent(this.#clock.monotonicMs());
  }

  get(namespace: string, name: string): ApiService | undefined {
    return this.#services.get(namespace, name);
  }

  inNamespace(namespace: string): Iterable<ApiService> {
    return this.#services.inNamespace(namespace);
  }

  /** Follows the API until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reflector.run(signal);
  }
}

function decodeService(object: unknown): ApiService | undefined {
  const { name, namespace, labels } = metadataOf(object);
  const spec = isRecord(object) ? object['spec'] : undefined;
  if (typeof name !== 'string' || typeof namespace !== 'string' || !isRecord(spec)) return undefined;
  const selector = spec['type'] === 'ExternalName' ? {} : textsOf(spec['selector']);
  const hasSelector = Object.keys(selector).length > 0;
  return { namespace, name, labels: textsOf(labels), ...(hasSelector && { selector }) };
}
