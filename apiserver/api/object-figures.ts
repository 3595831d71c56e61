import type { Clock } from '../../runtime/clock.js';
import {
  ABSENCES,
  RunningSum,
  type Figure,
  type FigureQuery,
  type Figures,
  type Measure,
  type Sum,
} from '../store/figure.js';
import type { KnownPod, Pods } from '../store/pods.js';
import { DESCRIBED, type DescribedKind } from './described-objects.js';
import { ApiError } from './errors.js';
import { labelOf, onlyOf, type DescribedObject, type Members, type PodsAmong } from './members.js';
import type { Selector } from './selectors.js';
import { Turns } from './turns.js';

export interface ObjectFiguresDeps {
  readonly pods: Pods;
  readonly figures: Figures;
  readonly members: Members;
  readonly clock: Clock;
}

/** Of an object: its figure, or in words why it has none. */
export type Outcome = Measure | { readonly ok: false; readonly why: string };

/** Of an object of a list. */
export interface NamedMeasure {
  readonly name: string;
  readonly measure: Measure;
}

/** Figures of pods and of everything that pods add up to. */
export class ObjectFigures {
  readonly #deps: ObjectFiguresDeps;

  constructor(deps: ObjectFiguresDeps) {
    this.#deps = deps;
  }

  async of(object: DescribedObject, query: FigureQuery, turns = new Turns(this.#deps.clock)): Promise<Outcome> {
    const { pods, figures, members, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    if (object.kind === DESCRIBED.pods) {
      const pod = pods.get(object.namespace ?? '', object.name, nowMs);
      return pod === undefined ? { ok: false, why: '' } : inWords(figures.ofPod(pod, query, nowMs));
    }
    checkKnown(pods);
    try {
      return whole(await sumOf(members.of(object, nowMs), onlyOf(object, query), { figures, nowMs, turns }));
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'NotFound') return { ok: false, why: error.message };
      throw error;
    }
  }

  /** Every object of a kind that has a figure, by name. What has none is left out: it is never 0 for want of samples. */
  async list(
    { kind, namespace }: { readonly kind: DescribedKind; readonly namespace: string | undefined },
    selector: Selector,
    query: FigureQuery,
  ): Promise<NamedMeasure[]> {
    const { clock, members } = this.#deps;
    if (kind === DESCRIBED.pods) return this.#listPods(namespace ?? '', selector, query);
    const names = await members.names(kind, namespace, selector);
    if (kind === DESCRIBED.networks) return this.#listNetworks(namespace ?? '', names, query);
    const found: NamedMeasure[] = [];
    const turns = new Turns(clock);
    for (const name of names) {
      const measure = await this.of({ kind, namespace, name }, query, turns);
      if (measure.ok) found.push({ name, measure });
      if (turns.isOver) await turns.next();
    }
    return found;
  }

  async #listPods(namespace: string, selector: Selector, query: FigureQuery): Promise<NamedMeasure[]> {
    const { pods, figures, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const found: NamedMeasure[] = [];
    const isChosen = chooser(selector);
    await new Turns(clock).each(pods.inNamespace(namespace, nowMs), (pod) => {
      if (!isChosen(pod.labels)) return;
      const measure = figures.ofPod(pod, query, nowMs);
      if (measure.ok) found.push({ name: pod.name, measure });
    });
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Looks at every pod once, however many networks there are: it may be on any of them. */
  async #listNetworks(namespace: string, names: readonly string[], query: FigureQuery): Promise<NamedMeasure[]> {
    const { pods, figures, clock } = this.#deps;
    checkKnown(pods);
    const nowMs = clock.monotonicMs();
    const networks = new Map(
      names.map((name) => {
        const own = onlyOf({ kind: DESCRIBED.networks, namespace, name }, query);
        return [name, { own, sum: new RunningSum() }] as const;
      }),
    );
    await new Turns(clock).each(pods.all(nowMs), (pod) => {
      for (const name of new Set(pods.networksOf(pod, namespace))) {
        const network = networks.get(name);
        if (network !== undefined) figures.addTo(network.sum, pod, network.own, nowMs);
      }
    });
    return [...networks].flatMap(([name, { sum }]) => {
      const { measure } = sum.sum;
      return measure === undefined ? [] : [{ name, measure }];
    });
  }
}

interface Summing {
  readonly figures: Figures;
  /** At which every pod is judged, whenever its turn comes. */
  readonly nowMs: number;
  readonly turns: Turns;
}

/** What pods add up to. One that goes while others are looked at is no member, as one that comes. */
export async function sumOf(
  { among, isOne }: PodsAmong,
  query: FigureQuery,
  { figures, nowMs, turns }: Summing,
): Promise<Sum> {
  const running = new RunningSum();
  await turns.each(among, (pod) => {
    if (isOne(pod)) figures.addTo(running, pod, query, nowMs);
  });
  return running.sum;
}

/** Whether a selector chooses a pod by its labels; those of a workload's pods are one object where the API server lists them. */
function chooser({ requirements, matches }: Selector): (labels: KnownPod['labels']) => boolean {
  if (requirements.length === 0) return () => true;
  let last: KnownPod['labels'] | undefined;
  let isLastChosen = false;
  return (labels) => {
    if (labels !== last) {
      last = labels;
      isLastChosen = matches(labelOf(labels));
    }
    return isLastChosen;
  };
}

/** Before the list of pods has once been whole nobody can tell whether a sum is. */
export function checkKnown({ isKnown }: Pods): void {
  if (isKnown) return;
  throw new ApiError('ServiceUnavailable', 'the pods of the cluster are not known yet: no sum can be told to be whole');
}

/** A sum, or why it is not whole. */
export function whole({ measure, expected, present }: Sum): Outcome {
  if (measure !== undefined) return measure;
  const why = expected === 0 ? ABSENCES.no_members : `${present} of ${expected} pods have samples`;
  return { ok: false, why };
}

function inWords(figure: Figure): Outcome {
  return figure.ok ? figure : { ok: false, why: ABSENCES[figure.reason] };
}
