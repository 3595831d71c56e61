import type { Lease } from '../../runtime/kube/lease.js';
import { BEFORE_ALL, isAfter, later, parsePosition, positionOf, renderPosition, type Position } from './position.js';
import { DATUM_NAMES } from './sampler.js';
import type { Datum, SendFailure } from './sink.js';

/** Of all replicas one publishes; annotations of the Lease tell the others how far it is. */
export type PublisherLease = Pick<Lease, 'isHolder' | 'heldForMs' | 'term' | 'annotations' | 'annotate' | 'onChange'>;

/** Of whoever has no Kubernetes: progress is kept in memory alone. */
export const ALONE: PublisherLease = {
  ...{ isHolder: true, heldForMs: Infinity, term: 1, annotations: {} },
  annotate: () => Promise.resolve(true),
  onChange: () => undefined,
};

const PUBLISHED = 'podnet.dev/cloudwatch-published';
const SENDING = 'podnet.dev/cloudwatch-sending';

type Annotations = Readonly<Record<string, string>>;

export type Outcome = 'taken' | SendFailure;

/**
 * How far publishing has come, here and as annotations of the Lease.
 *
 * What holds at any time, whoever stops where: nothing at or before `published` is sent any more, by anybody; what is beyond it and at or
 * before `sending` may have been taken; what is beyond both was not. It holds because
 * - nothing is sent that is not at or before a `sending` which this replica has written while it holds the Lease, in the same term in
 *   which it read the annotations, and the Lease is held until the request is over or given up;
 * - `published` moves to what CloudWatch took, and never back; `sending` goes back only after an answer says that nothing was taken.
 * So whoever takes over goes on behind `published`, and what it sends up to `sending` is what may be there twice. One write serves the
 * answer to one request and the intention of the next: a push costs one more write than it has requests, and a refusal one.
 */
export class Progress {
  readonly #lease: PublisherLease;
  #published = BEFORE_ALL;
  /** Up to there values may have been taken although no answer says so. */
  #inDoubt = BEFORE_ALL;
  #term = 0;
  /** What the annotations say; undefined where that is not known. */
  #written: string | undefined;

  constructor(lease: PublisherLease) {
    this.#lease = lease;
  }

  get published(): Position {
    return this.#published;
  }

  /** Whether values of that time or of later were taken, or may have been. */
  isReached(timestampMs: number): boolean {
    return later(this.#published, this.#inDoubt).timestampMs >= timestampMs;
  }

  /**
   * Takes over what others wrote.
   * @param newestMs of the newest value that there is
   * @returns false where an annotation cannot be read: what is known here stays
   */
  learn(newestMs: number): boolean {
    const { isHolder, term, annotations } = this.#lease;
    if (isHolder && term === this.#term) return true;
    this.#term = isHolder ? term : 0;
    const published = parsePosition(annotations[PUBLISHED] ?? '');
    const sending = parsePosition(annotations[SENDING] ?? '');
    this.#published = later(this.#published, published ?? BEFORE_ALL);
    if (annotations[SENDING] !== undefined && sending !== undefined) this.#inDoubt = sending;
    const isForgotten = isHolder && annotations[PUBLISHED] === undefined && this.#published !== BEFORE_ALL;
    // Somebody deleted the Lease: another replica may have sent meanwhile whatever there is.
    if (isForgotten) this.#inDoubt = { timestampMs: newestMs, index: DATUM_NAMES.length - 1 };
    this.#written = textOf(annotations);
    return published !== undefined && sending !== undefined;
  }

  /** Writes that these values are sent next. @returns whether they may be */
  async intend(batch: readonly Datum[]): Promise<boolean> {
    return this.#write(this.#render(later(endOf(batch), this.#inDoubt)));
  }

  /** Writes that nothing is under way, if that is not what is written. @returns whether it is written */
  async note(): Promise<boolean> {
    const annotations = this.#render(this.#inDoubt);
    return textOf(annotations) === this.#written || this.#write(annotations);
  }

  /** What became of values that were sent. @returns how many of them CloudWatch may now have twice */
  settle(batch: readonly Datum[], outcome: Outcome): number {
    const mayBeTaken = outcome === 'taken' || outcome === 'lost';
    const again = mayBeTaken ? batch.filter((datum) => !isAfter(positionOf(datum), this.#inDoubt)).length : 0;
    if (outcome === 'taken') this.#published = later(this.#published, endOf(batch));
    if (outcome === 'lost') this.#inDoubt = later(this.#inDoubt, endOf(batch));
    return again;
  }

  #render(sendingTo: Position): Annotations {
    return {
      [PUBLISHED]: renderPosition(this.#published),
      [SENDING]: isAfter(sendingTo, this.#published) ? renderPosition(sendingTo) : '',
    };
  }

  async #write(annotations: Annotations): Promise<boolean> {
    if (!this.#lease.isHolder || this.#lease.term !== this.#term) return false;
    const isWritten = await this.#lease.annotate(annotations);
    this.#written = isWritten ? textOf(annotations) : undefined;
    return isWritten;
  }
}

function textOf(annotations: Annotations): string {
  return `${annotations[PUBLISHED] ?? ''} ${annotations[SENDING] ?? ''}`;
}

function endOf(batch: readonly Datum[]): Position {
  const last = batch.at(-1);
  return last === undefined ? BEFORE_ALL : positionOf(last);
}
