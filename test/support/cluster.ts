import type { Cluster } from '../../apiserver/app.js';
import type { ApiPod } from '../../apiserver/pods/pod-list.js';
import type { ApiService } from '../../apiserver/pods/service-list.js';

/** What an API server says, as lists that a test writes into. */
export interface TestCluster extends Cluster {
  readonly state: { pods: ApiPod[]; services: ApiService[]; isCurrent: boolean; isSynced: boolean };
  /** Names that the API server lists for a label selector, by `plural?selector`. */
  readonly named: Map<string, readonly string[]>;
}

export function createTestCluster(pods: readonly ApiPod[] = [], services: readonly ApiService[] = []): TestCluster {
  const state = { pods: [...pods], services: [...services], isCurrent: true, isSynced: true };
  const named = new Map<string, readonly string[]>();
  const isNamed =
    (namespace: string, name: string) =>
    (one: { readonly namespace: string; readonly name: string }): boolean =>
      one.namespace === namespace && one.name === name;
  return {
    state,
    named,
    pods: {
      get isCurrent() {
        return state.isCurrent;
      },
      get isSynced() {
        return state.isSynced;
      },
      get: (namespace, name) => state.pods.find(isNamed(namespace, name)),
      inNamespace: (namespace) => state.pods.filter((pod) => pod.namespace === namespace),
      all: () => state.pods,
      namespaces: () => new Set(state.pods.map(({ namespace }) => namespace)),
    },
    services: {
      get isCurrent() {
        return state.isCurrent;
      },
      get: (namespace, name) => state.services.find(isNamed(namespace, name)),
      inNamespace: (namespace) => state.services.filter((service) => service.namespace === namespace),
    },
    objects: {
      names: ({ path }, namespace, selector) =>
        Promise.resolve(named.get(`${namespace === undefined ? '' : `${namespace}/`}${path.plural}?${selector}`) ?? []),
    },
  };
}

export function apiPod(overrides: Partial<ApiPod> = {}): ApiPod {
  return {
    namespace: 'default',
    name: 'web-0',
    uid: 'uid-web-0',
    labels: { app: 'web' },
    createdMs: Date.parse('2026-11-20T10:00:00Z'),
    isTerminating: false,
    networks: [],
    ...overrides,
  };
}
