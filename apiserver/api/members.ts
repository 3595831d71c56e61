import { selectorValue } from '../../metrics/labels.js';
import type { ServiceList } from '../pods/service-list.js';
import type { FigureQuery } from '../store/figure.js';
import type { Network } from '../store/networks.js';
import type { KnownPod, Pods } from '../store/pods.js';
import { DESCRIBED, type DescribedKind } from './described-objects.js';
import { ApiError } from './errors.js';
import type { Selector } from './selectors.js';

/** Names of objects by their labels, as the API server lists them. */
export interface ObjectNames {
  /** @throws {ApiError} ServiceUnavailable when the API server does not answer */
  names(kind: DescribedKind, namespace: string | undefined, labelSelector: string): Promise<readonly string[]>;
}

export interface MembersDeps {
  readonly pods: Pods;
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
  of({ kind, namespace = '', name }: DescribedObject, nowMs: number): KnownPod[] {
    const { pods } = this.#deps;
    switch (kind) {
      case DESCRIBED.nodes:
        return pods.onNode(name, nowMs);
      case DESCRIBED.namespaces:
        return pods.inNamespace(name, nowMs);
      case DESCRIBED.networks:
        return pods.onNetwork(namespace, name, nowMs);
      case DESCRIBED.services: {
        const selector = Object.entries(this.#selectorOf(namespace, name));
        const isSelected = ({ labels }: KnownPod): boolean => selector.every(([key, value]) => labels[key] === value);
        return pods.inNamespace(namespace, nowMs).filter(isSelected);
      }
      default:
        return pods
          .inNamespace(namespace, nowMs)
          .filter(({ workload }) => workload?.kind === kind.kind && workload.name === name);
    }
  }

  /** Names of the objects of a kind that labels choose, in order. */
  async names(
    kind: DescribedKind,
    namespace: string | undefined,
    selector: Selector,
    nowMs: number,
  ): Promise<string[]> {
    const { services, objects } = this.#deps;
    if (kind === DESCRIBED.services) {
      checkCurrent(services);
      const listed = [...(services?.inNamespace(namespace ?? '') ?? [])];
      const chosen = listed.filter(({ labels }) => selector.matches(labelOf(labels)));
      return chosen.map(({ name }) => name).sort();
    }
    if (selector.requirements.length === 0) return [...new Set(this.#known(kind, namespace ?? '', nowMs))].sort();
    if (objects === undefined) {
      const said = `labelSelector: without Kubernetes only pods have labels, ${kind.resource} have none`;
      throw new ApiError('BadRequest', said);
    }
    return [...(await objects.names(kind, kind.namespaced ? namespace : undefined, selector.text))].sort();
  }

  #known(kind: DescribedKind, namespace: string, nowMs: number): string[] {
    const { pods } = this.#deps;
    if (kind === DESCRIBED.nodes) return pods.nodes();
    if (kind === DESCRIBED.networks) return pods.networks(namespace);
    return pods
      .inNamespace(namespace, nowMs)
      .flatMap(({ workload }) => (workload?.kind === kind.kind ? [workload.name] : []));
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
