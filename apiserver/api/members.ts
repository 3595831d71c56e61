import { selectorValue } from '../../metrics/labels.js';
import type { Clock } from '../../runtime/clock.js';
import type { ServiceList } from '../pods/service-list.js';
import type { FigureQuery } from '../store/figure.js';
import type { Network } from '../../metrics/network.js';
import type { KnownPod, Pods } from '../store/pods.js';
import { DESCRIBED, type DescribedKind } from './described-objects.js';
import { ApiError } from './errors.js';
import type { Selector } from './selectors.js';
import { Turns } from './turns.js';

/** Names of objects by their labels, as the API server lists them. */
export interface ObjectNames {
  /** @throws {ApiError} ServiceUnavailable when the API server does not answer */
  names(kind: DescribedKind, namespace: string | undefined, labelSelector: string): Promise<readonly string[]>;
}

export interface MembersDeps {
  readonly pods: Pods;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Undefined without Kubernetes, as below. */
  readonly services: ServiceList | undefined;
  readonly objects: ObjectNames | undefined;
}

/** An object that pods add up to. */
export interface DescribedObject {
  readonly kind: DescribedKind;
  /** Undefined for objects of the cluster. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Pods among more: whoever looks for them may leave others their turn in between. */
export interface PodsAmong {
  readonly among: Iterable<KnownPod>;
  readonly isOne: (pod: KnownPod) => boolean;
}

/** Which pods stand behind an object. */
export class Members {
  readonly #deps: MembersDeps;

  constructor(deps: MembersDeps) {
    this.#deps = deps;
  }

  /**
   * The pods of an object, in no order; none where nothing is known of it.
   * @throws {ApiError} NotFound for a Service that does not exist or selects no pods
   */
  of({ kind, namespace = '', name }: DescribedObject, nowMs: number): PodsAmong {
    const { pods } = this.#deps;
    switch (kind) {
      case DESCRIBED.nodes:
        return { among: pods.onNode(name, nowMs), isOne: isAny };
      case DESCRIBED.namespaces:
        return { among: pods.inNamespace(name, nowMs), isOne: isAny };
      case DESCRIBED.networks:
        return { among: pods.all(nowMs), isOne: (pod) => pods.networksOf(pod, namespace).includes(name) };
      case DESCRIBED.services: {
        const selector = Object.entries(this.#selectorOf(namespace, name));
        const isOne = ({ labels }: KnownPod): boolean => selector.every(([key, value]) => labels[key] === value);
        return { among: pods.inNamespace(namespace, nowMs), isOne };
      }
      default: {
        const isOne = ({ workload }: KnownPod): boolean => workload?.kind === kind.kind && workload.name === name;
        return { among: pods.inNamespace(namespace, nowMs), isOne };
      }
    }
  }

  /** Names of the objects of a kind that labels choose, in order. */
  async names(kind: DescribedKind, namespace: string | undefined, selector: Selector): Promise<string[]> {
    const { services, objects } = this.#deps;
    if (kind === DESCRIBED.services) {
      checkCurrent(services);
      const listed = [...(services?.inNamespace(namespace ?? '') ?? [])];
      const chosen = listed.filter(({ labels }) => selector.matches(labelOf(labels)));
      return chosen.map(({ name }) => name).sort();
    }
    if (selector.requirements.length === 0) return [...(await this.#known(kind, namespace ?? ''))].sort();
    if (objects === undefined) {
      const said = `labelSelector: without Kubernetes only pods have labels, ${kind.resource} have none`;
      throw new ApiError('BadRequest', said);
    }
    return [...(await objects.names(kind, kind.namespaced ? namespace : undefined, selector.text))].sort();
  }

  async #known(kind: DescribedKind, namespace: string): Promise<ReadonlySet<string>> {
    const { pods, clock } = this.#deps;
    if (kind === DESCRIBED.nodes) return new Set(pods.nodes());
    const nowMs = clock.monotonicMs();
    const names = new Set<string>();
    const isOfNetworks = kind === DESCRIBED.networks;
    await new Turns(clock).each(isOfNetworks ? pods.all(nowMs) : pods.inNamespace(namespace, nowMs), (pod) => {
      if (isOfNetworks) for (const name of pods.networksOf(pod, namespace)) names.add(name);
      else if (pod.workload?.kind === kind.kind) names.add(pod.workload.name);
    });
    return names;
  }

  #selectorOf(namespace: string, name: string): Readonly<Record<string, string>> {
    const { services } = this.#deps;
    if (services === undefined) throw new ApiError('NotFound', 'there are no Services without Kubernetes');
    checkCurrent(services);
    const service = services.get(namespace, name);
    if (service === undefined) {
      throw new ApiError('NotFound', `services "${name}" not found`, { name, kind: 'services' });
    }
    if (service.selector === undefined || Object.keys(service.selector).length === 0) {
      throw new ApiError('NotFound', `services "${name}" selects no pods: it has no selector`);
    }
    return service.selector;
  }
}

function isAny(): boolean {
  return true;
}

/** What a Service selects may have changed since it was last heard of. */
function checkCurrent(services: ServiceList | undefined): void {
  if (services?.isCurrent !== false) return;
  throw new ApiError(
    'ServiceUnavailable',
    "the Services of the cluster are not known: the API server's list is not current",
  );
}

/** Of a network only its own interfaces count, whatever else its pods have. */
export function onlyOf<Query extends FigureQuery>(
  { kind, namespace = '', name }: DescribedObject,
  query: Query,
): Query {
  if (kind !== DESCRIBED.networks) return query;
  const [network, nadNamespace] = [selectorValue(name), selectorValue(namespace)];
  return {
    ...query,
    matchesSeries: (label, isUnknown) =>
      label('network') === network && label('nad_namespace') === nadNamespace && query.matchesSeries(label, isUnknown),
    couldMatchOn: (one) => isSame(one, { network: name, nadNamespace: namespace }) && query.couldMatchOn(one),
    choosesNetworks: true,
  };
}

/** A bare name is one of the namespace of whoever wrote it. */
function isSame(one: Network, other: Network): boolean {
  return one.network === other.network && (one.nadNamespace === other.nadNamespace || one.nadNamespace === '');
}

export function labelOf(labels: Readonly<Record<string, string>>): (key: string) => string | undefined {
  return (key) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
}
