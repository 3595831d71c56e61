import { labelPairs, renderLabels } from '../../metrics/render.js';

/** How long a total of which no pod is left is shown, and then forgotten: should such a pod come again, it begins anew. */
const KEPT_MS = 3_600_000;

/** What some pods of a workload counted together. */
export class WorkloadTotal {
  /** Of each column; NaN where it was never read. */
  readonly values: Float64Array;
  /** That it is of now. */
  pods = 0;
  #freshUntilMs = -Infinity;
  #emptySinceMs = Infinity;

  constructor(
    /** As they are printed. */
    readonly labels: string,
    columns: number,
  ) {
    this.values = new Float64Array(columns).fill(NaN);
  }

  /** @param grown NaN where nothing was ever read */
  add(column: number, grown: number): void {
    if (Number.isNaN(grown)) return;
    const value = this.values[column] ?? NaN;
    this.values[column] = (Number.isNaN(value) ? 0 : value) + grown;
  }

  /** Until when what was added says something of the present. */
  freshUntil(untilMs: number): void {
    this.#freshUntilMs = Math.max(this.#freshUntilMs, untilMs);
  }

  release(nowMs: number): void {
    this.pods--;
    if (this.pods === 0) this.#emptySinceMs = nowMs;
  }

  /** That of pods which are all silent is not known; that of pods which have all ended does not grow any more. */
  isKnown(nowMs: number): boolean {
    return this.pods === 0 || nowMs <= this.#freshUntilMs;
  }

  isOver(nowMs: number): boolean {
    return this.pods === 0 && nowMs - this.#emptySinceMs > KEPT_MS;
  }
}

/** Totals by their labels, of which the first is the namespace; of so many in a namespace that they can be held. */
export class WorkloadTotals {
  readonly #names: readonly string[];
  readonly #columns: number;
  readonly #room: number;
  readonly #namespaces = new Map<string, Map<string, WorkloadTotal>>();

  /** @param room of a namespace, for each list of labels that {@link of} can choose among but the last */
  constructor({
    names,
    columns,
    room,
  }: {
    readonly names: readonly string[];
    readonly columns: number;
    readonly room: number;
  }) {
    this.#names = names;
    this.#columns = columns;
    this.#room = room;
  }

  /** That of the first labels for which there is room, so that what is added is added somewhere. */
  of(namespace: string, ...choices: readonly (readonly string[])[]): WorkloadTotal {
    const totals = this.#ofNamespace(namespace);
    const last = choices.length - 1;
    for (const [i, values] of choices.entries()) {
      const labels = renderLabels(labelPairs(this.#names, [namespace, ...values]));
      const known = totals.get(labels);
      if (known !== undefined) return known;
      if (i < last && totals.size >= (i + 1) * this.#room) continue;
      const total = new WorkloadTotal(labels, this.#columns);
      totals.set(labels, total);
      return total;
    }
    throw new RangeError('a total without labels');
  }

  /** Those that say something, in the order in which they began. */
  *known(nowMs: number): Generator<WorkloadTotal> {
    for (const totals of this.#namespaces.values()) {
      for (const total of totals.values()) if (total.isKnown(nowMs)) yield total;
    }
  }

  /** Begins anew, with the same totals. */
  rebase(): void {
    for (const totals of this.#namespaces.values()) {
      for (const { values } of totals.values()) for (const [i, value] of values.entries()) values[i] = value * 0;
    }
  }

  expire(nowMs: number): void {
    for (const [namespace, totals] of this.#namespaces) {
      for (const [labels, total] of totals) if (total.isOver(nowMs)) totals.delete(labels);
      if (totals.size === 0) this.#namespaces.delete(namespace);
    }
  }

  #ofNamespace(namespace: string): Map<string, WorkloadTotal> {
    const known = this.#namespaces.get(namespace);
    if (known !== undefined) return known;
    const totals = new Map<string, WorkloadTotal>();
    this.#namespaces.set(namespace, totals);
    return totals;
  }
}
