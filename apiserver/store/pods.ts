import type { ApiPod, PodList, PodNodes } from '../pods/pod-list.js';
import type { ShownPods } from './devices-view.js';
import type { NodeSeries } from './node-series.js';
import { replacesPod, type PodSeries } from './pod-series.js';
import { parseNetwork } from './networks.js';
import type { PodMeta } from './report.js';

/** What is held of the reports. */
export interface ReportedPods {
  /** The pods of a name, in the order in which they became known; more than one while a pod moves. */
  reported(namespace: string, name: string): readonly PodSeries[];
  /** The same of every name in a namespace. */
  reportedIn(namespace: string): Iterable<readonly PodSeries[]>;
  reportedNamespaces(): Iterable<string>;
  /** In the order of their names. */
  nodes(): readonly NodeSeries[];
  /** One for each role of its agents. */
  nodesNamed(name: string): readonly NodeSeries[];
}

/** A pod that exists. */
export interface KnownPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly workload: { readonly kind: string; readonly name: string } | undefined;
  /** Networks of its annotation, as written; none where the API server's list is not at hand. */
  readonly networks: readonly string[];
  readonly isTerminating: boolean;
  /** What its agent says of it; undefined where none does. */
  readonly series: PodSeries | undefined;
}

/**
 * Which pods there are. As long as the API server's list is current that is the list, and a report tells what it counted of
 * them: a pod the list does not have is not there, whoever reports it. A list that is no longer current tells no more who is
 * gone, but still who may be there: then the reports stand alone, and what only the list has is a pod that nobody reports.
 */
export class Pods {
  readonly #reports: ReportedPods;
  readonly #list: PodList | undefined;
  readonly #nodes: PodNodes | undefined;

  constructor(reports: ReportedPods, list?: PodList, nodes?: PodNodes) {
    this.#reports = reports;
    this.#list = list;
    this.#nodes = nodes;
  }

  /** Whether the API server's list decides. */
  get isListed(): boolean {
    return this.#list?.isCurrent === true;
  }

  /** Whether it can be told of a sum that it is whole: in a cluster not before the list has been. */
  get isKnown(): boolean {
    return this.#list === undefined || this.#list.isSynced;
  }

  get(namespace: string, name: string, nowMs: number, isListed = this.isListed): KnownPod | undefined {
    const listed = this.#list?.get(namespace, name);
    if (isListed) return listed && this.#withReport(listed, nowMs);
    const series = newest(this.#reports.reported(namespace, name), nowMs);
    return series === undefined ? listed && unreported(listed) : knownBy(series, listed);
  }

  /**
   * Those of a namespace, in no order. Whoever goes through them may leave others their turn: each is looked up when it is reached, by a
   * name that comes once. So what goes meanwhile is left out, and what is put in its place counts instead of it, never beside it.
   */
  *inNamespace(namespace: string, nowMs: number): Generator<KnownPod> {
    const { isListed } = this; // once: it is asked of the clock
    for (const name of this.#namesIn(namespace, isListed)) {
      const pod = this.get(namespace, name, nowMs, isListed);
      if (pod !== undefined) yield pod;
    }
  }

  /** Of every namespace, likewise. */
  *all(nowMs: number): Generator<KnownPod> {
    for (const namespace of this.namespaces()) yield* this.inNamespace(namespace, nowMs);
  }

  /** Namespaces that have a pod, or had one that is still reported. */
  namespaces(): string[] {
    const found = new Set(this.isListed ? [] : this.#reports.reportedNamespaces());
    for (const namespace of this.#list?.namespaces() ?? []) found.add(namespace);
    return [...found];
  }

  /**
   * Those of a node, likewise: what its agent reports, what had to be left out of the report, and what has taken a reported name and is
   * reported by nobody yet. A pod that no agent ever reported is on a node that nobody here knows.
   */
  *onNode(name: string, nowMs: number): Generator<KnownPod> {
    const seen = new Set<string>();
    for (const node of this.#reports.nodesNamed(name)) {
      for (const named of namesOn(node)) {
        const isLeftOut = named.isLeftOut && !this.isListed;
        const pod = this.get(named.namespace, named.name, nowMs) ?? (isLeftOut ? nameless(named) : undefined);
        if (pod === undefined || (pod.series !== undefined && pod.series.node !== node)) continue;
        const key = `${pod.namespace}/${pod.name}`;
        if (!seen.has(key)) yield pod;
        seen.add(key);
      }
    }
  }

  /** Names of the nodes whose agents report. */
  nodes(): string[] {
    return [...new Set(this.#reports.nodes().map(({ node }) => node))];
  }

  /** Networks of a namespace that a pod is on: of any as its agents say, of its own as its annotation does. */
  networksOf({ namespace, name }: KnownPod, nadNamespace: string): string[] {
    const found: string[] = [];
    for (const { interfaces } of this.#reports.reported(namespace, name)) {
      for (const { meta } of interfaces.values()) if (meta.nadNamespace === nadNamespace) found.push(meta.network);
    }
    // Annotations are what the owners of pods write: those of another namespace must not make this one's total absent.
    if (namespace !== nadNamespace) return found;
    for (const text of this.#list?.get(namespace, name)?.networks ?? []) {
      const one = parseNetwork(text);
      if (one.nadNamespace === '' || one.nadNamespace === nadNamespace) found.push(one.network);
    }
    return found;
  }

  /** Whether the API server has this very pod in its list, current or not. */
  isInList({ meta }: PodSeries): boolean {
    return this.#list?.get(meta.namespace, meta.name)?.uid === meta.uid;
  }

  /** What is to be said of a reported pod; undefined where it is not the one to show of those with its name, or does not exist. */
  shown(pod: PodSeries, nowMs: number): PodMeta | undefined {
    const { namespace, name, uid } = pod.meta;
    const listed = this.#list?.get(namespace, name);
    if (this.isListed && listed?.uid !== uid) return undefined;
    const reported = this.#reports.reported(namespace, name);
    const one = this.isListed && listed !== undefined ? this.#reportOf(listed, nowMs) : newest(reported, nowMs);
    return one === pod ? pod.describedBy(listed) : undefined;
  }

  /** What is to be shown at a time. */
  shownAt(nowMs: number): ShownPods {
    return { shown: (pod) => this.shown(pod, nowMs), isListed: this.isListed };
  }

  /** As of now, each once. */
  #namesIn(namespace: string, isListed: boolean): string[] {
    const names: string[] = [];
    for (const { name } of this.#list?.inNamespace(namespace) ?? []) names.push(name);
    if (isListed) return names;
    for (const [pod] of this.#reports.reportedIn(namespace)) {
      if (pod !== undefined && this.#list?.get(namespace, pod.meta.name) === undefined) names.push(pod.meta.name);
    }
    return names;
  }

  #withReport(listed: ApiPod, nowMs: number): KnownPod {
    const series = this.#reportOf(listed, nowMs);
    return series === undefined ? unreported(listed) : knownBy(series, listed);
  }

  /** What is reported of this very pod. Where two nodes report it, the API server says on which it is. */
  #reportOf(listed: ApiPod, nowMs: number): PodSeries | undefined {
    const reported = this.#reports.reported(listed.namespace, listed.name);
    if (reported.length === 1) return reported[0]?.meta.uid === listed.uid ? reported[0] : undefined;
    const rivals = reported.filter(({ meta }) => meta.uid === listed.uid);
    const node = rivals.length > 1 ? this.#nodes?.nodeOf(listed) : undefined;
    return node === undefined ? newest(rivals, nowMs) : rivals.find((pod) => pod.node.node === node);
  }
}

const NO_NETWORKS: readonly string[] = [];

function knownBy(series: PodSeries, listed: ApiPod | undefined): KnownPod {
  const { namespace, name, uid, labels, workload } = series.meta;
  if (listed?.uid !== uid) {
    return { namespace, name, uid, labels, workload, networks: NO_NETWORKS, isTerminating: false, series };
  }
  // As PodSeries.describedBy has it: what the API server says wins.
  const { networks, isTerminating } = listed;
  return { namespace, name, uid, labels: listed.labels, workload: listed.workload, networks, isTerminating, series };
}

function unreported({ namespace, name, uid, labels, workload, networks, isTerminating }: ApiPod): KnownPod {
  return { namespace, name, uid, labels, workload, networks, isTerminating, series: undefined };
}

interface NamedPod {
  readonly namespace: string;
  readonly name: string;
  readonly isLeftOut: boolean;
}

/** Pods of a report as of now, and those that had to be left out of it. */
function namesOn({ pods, leftOut }: NodeSeries): NamedPod[] {
  const names: NamedPod[] = [];
  for (const { meta } of pods.values()) names.push({ namespace: meta.namespace, name: meta.name, isLeftOut: false });
  for (const key of leftOut) {
    const [namespace = '', name] = key.split('/');
    if (name !== undefined) names.push({ namespace, name, isLeftOut: true }); // else a uid: its name stands beside it
  }
  return names;
}

/** A pod of which no more is known than that it is there. */
function nameless({ namespace, name }: NamedPod): KnownPod {
  return {
    ...{ namespace, name, uid: '', labels: {}, workload: undefined },
    ...{ networks: [], isTerminating: false, series: undefined },
  };
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
