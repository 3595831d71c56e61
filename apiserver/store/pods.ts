import type { ApiPod, PodList } from '../pods/pod-list.js';
import { replacesPod, type NodeSeries, type PodSeries } from './node-series.js';
import type { PodMeta } from './report.js';

/** What is held of the reports. */
export interface ReportedPods {
  /** The pods of a name, in the order in which they became known; more than one while a pod moves. */
  reported(namespace: string, name: string): readonly PodSeries[];
  reportedNames(namespace: string): Iterable<string>;
  reportedNamespaces(): Iterable<string>;
  /** In the order of their names. */
  nodes(): readonly NodeSeries[];
}

/** A pod that exists. */
export interface KnownPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload: { readonly kind: string; readonly name: string } | undefined;
  /** What its agent says of it; undefined where none does. */
  readonly series: PodSeries | undefined;
}

/**
 * Which pods there are. As long as the API server's list is current that is the list, and a report tells what it counted of
 * them: a pod the list does not have is not there, whoever reports it. Without the list the reports stand alone.
 */
export class Pods {
  readonly #reports: ReportedPods;
  readonly #list: PodList | undefined;

  constructor(reports: ReportedPods, list?: PodList) {
    this.#reports = reports;
    this.#list = list;
  }

  /** Whether the API server's list decides. */
  get isListed(): boolean {
    return this.#list?.isCurrent === true;
  }

  get(namespace: string, name: string, nowMs: number): KnownPod | undefined {
    const listed = this.#list?.get(namespace, name);
    if (this.isListed) return listed && this.#withReport(listed, nowMs);
    const series = newest(this.#reports.reported(namespace, name), nowMs);
    return series && knownBy(series, listed);
  }

  /** In no order. */
  inNamespace(namespace: string, nowMs: number): KnownPod[] {
    if (this.#list?.isCurrent === true) {
      return [...this.#list.inNamespace(namespace)].map((listed) => this.#withReport(listed, nowMs));
    }
    return [...this.#reports.reportedNames(namespace)].flatMap((name) => this.get(namespace, name, nowMs) ?? []);
  }

  /** Of every namespace, in no order. */
  all(nowMs: number): KnownPod[] {
    if (this.#list?.isCurrent === true) return [...this.#list.all()].map((listed) => this.#withReport(listed, nowMs));
    return [...this.#reports.reportedNamespaces()].flatMap((namespace) => this.inNamespace(namespace, nowMs));
  }

  /** Those that the agent of a node reports. */
  onNode(name: string, nowMs: number): KnownPod[] {
    const found: KnownPod[] = [];
    for (const node of this.#reports.nodes()) {
      if (node.node !== name) continue;
      for (const { meta } of node.pods.values()) {
        const pod = this.get(meta.namespace, meta.name, nowMs);
        if (pod?.series?.node === node && pod.uid === meta.uid) found.push(pod);
      }
    }
    return found;
  }

  /** Names of the nodes whose agents report. */
  nodes(): string[] {
    return this.#reports.nodes().map(({ node }) => node);
  }

  /** Networks of a namespace that a pod is known to be on. */
  networks(namespace: string): string[] {
    return [...this.#reported()].flatMap(({ interfaces }) =>
      [...interfaces.values()].flatMap(({ meta }) => (meta.nadNamespace === namespace ? [meta.network] : [])),
    );
  }

  /** Those on a network, of every namespace: as their agents say, and as their annotations do where no agent reports. */
  onNetwork(namespace: string, name: string, nowMs: number): KnownPod[] {
    const found = new Map<string, KnownPod>();
    const add = (pod: KnownPod | undefined): void => {
      if (pod !== undefined) found.set(pod.uid, pod);
    };
    if (this.#list?.isCurrent === true) {
      const key = `${namespace}/${name}`;
      for (const listed of this.#list.all()) {
        if (listed.networks.includes(key)) add(this.#withReport(listed, nowMs));
      }
    }
    for (const { meta, interfaces } of this.#reported()) {
      const isOn = [...interfaces.values()].some(
        (one) => one.meta.network === name && one.meta.nadNamespace === namespace,
      );
      if (isOn) add(this.get(meta.namespace, meta.name, nowMs));
    }
    return [...found.values()];
  }

  /** What is to be said of a reported pod; undefined where it is not the one to show of those with its name, or does not exist. */
  shown(pod: PodSeries, nowMs: number): PodMeta | undefined {
    const { namespace, name, uid } = pod.meta;
    const listed = this.#list?.get(namespace, name);
    if (this.isListed && listed?.uid !== uid) return undefined;
    const reported = this.#reports.reported(namespace, name);
    const rivals = this.isListed ? reported.filter(({ meta }) => meta.uid === uid) : reported;
    return newest(rivals, nowMs) === pod ? pod.describedBy(listed) : undefined;
  }

  *#reported(): Generator<PodSeries> {
    for (const node of this.#reports.nodes()) yield* node.pods.values();
  }

  #withReport(listed: ApiPod, nowMs: number): KnownPod {
    const reported = this.#reports.reported(listed.namespace, listed.name);
    const own = reported.length === 1 && reported[0]?.meta.uid === listed.uid;
    const series = own
      ? reported[0]
      : newest(
          reported.filter(({ meta }) => meta.uid === listed.uid),
          nowMs,
        );
    if (series !== undefined) return knownBy(series, listed);
    const { namespace, name, uid, labels, workload } = listed;
    return { namespace, name, uid, labels, workload, series: undefined };
  }
}

function knownBy(series: PodSeries, listed: ApiPod | undefined): KnownPod {
  const { namespace, name, uid, labels, workload } = series.describedBy(listed);
  return { namespace, name, uid, labels, workload, series };
}

/** The pod to show of those with one name. */
function newest(pods: readonly PodSeries[], nowMs: number): PodSeries | undefined {
  let shown = pods[0];
  for (let i = 1; i < pods.length; i++) {
    const pod = pods[i];
    if (pod !== undefined && shown !== undefined && replacesPod(pod, shown, nowMs)) shown = pod;
  }
  return shown;
}
