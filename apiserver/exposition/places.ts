/** Who wants to be shown. */
export interface Candidate {
  readonly createdMs: number;
  readonly uid: string;
  /** Series that it would have. */
  series: number;
}

/**
 * Who is shown of those that want to be: the oldest, as long as all before them fit as well. That depends on who is there alone, and on no
 * order in which they came: so replicas agree, a restart changes nothing, and who comes after another pushes it out only where it was created before.
 */
export class Places<T extends Candidate> {
  readonly #max: number;
  /** In their order. */
  readonly #candidates: T[] = [];
  #series = 0;
  #isDue = false;
  /** The first that does not fit; undefined where all do. */
  #firstBeyond: T | undefined;

  /** @param max series of all that are shown */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#candidates.length;
  }

  add(candidate: T): void {
    this.#candidates.splice(this.#placeOf(candidate), 0, candidate);
    this.#changeSeries(candidate.series);
  }

  remove(candidate: T): void {
    const place = this.#candidates.indexOf(candidate, this.#placeOf(candidate));
    if (place < 0) return;
    this.#candidates.splice(place, 1);
    this.#changeSeries(-candidate.series);
  }

  /** To be called when one would have other series than it had. */
  resize(candidate: T, series: number): void {
    if (series === candidate.series) return;
    this.#changeSeries(series - candidate.series);
    candidate.series = series;
  }

  isBeyond(candidate: T): boolean {
    if (this.#isDue) this.#measure();
    return this.#firstBeyond !== undefined && compare(candidate, this.#firstBeyond) >= 0;
  }

  #changeSeries(by: number): void {
    this.#series += by;
    this.#isDue = true;
  }

  #measure(): void {
    this.#isDue = false;
    this.#firstBeyond = undefined;
    if (this.#series <= this.#max) return;
    let series = 0;
    this.#firstBeyond = this.#candidates.find((one) => (series += one.series) > this.#max);
  }

  /** Of the first that does not go before it. */
  #placeOf(candidate: T): number {
    let [from, to] = [0, this.#candidates.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = this.#candidates[middle];
      if (other !== undefined && compare(other, candidate) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function compare(a: Candidate, b: Candidate): number {
  if (a.createdMs !== b.createdMs) return a.createdMs - b.createdMs;
  if (a.uid === b.uid) return 0;
  return a.uid < b.uid ? -1 : 1;
}
