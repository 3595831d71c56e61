/** What raised it: IP has to receive as many bytes again, in at least the same time, with nothing missing. */
interface Doubt {
  readonly missingBytes: number;
  readonly ms: number;
  soundMs: number;
  soundBytes: number;
}

/** A doubt lasts at least so long. */
const LEAST_MS = 300_000;

/** Which of several interfaces may not count all that is received: doubted on evidence, believed on as much of the contrary. */
export class ReceiveDoubts {
  readonly #doubts = new Map<string, Doubt>();
  /** Doubted and then believed again. */
  readonly #rehabilitated = new Set<string>();

  has(key: string): boolean {
    return this.#doubts.has(key);
  }

  raise(key: string, { missingBytes, ms }: Pick<Doubt, 'missingBytes' | 'ms'>): void {
    const before = this.#doubts.get(key);
    const most = this.#rehabilitated.has(key) ? Infinity : Math.max(missingBytes, before?.missingBytes ?? 0);
    this.#doubts.set(key, { missingBytes: most, ms: Math.max(ms, before?.ms ?? 0), soundMs: 0, soundBytes: 0 });
  }

  /** Nothing was missing of what IP received in some time. */
  appease({ ms, bytes }: { readonly ms: number; readonly bytes: number }): void {
    for (const [key, known] of this.#doubts) {
      known.soundMs += ms;
      known.soundBytes += Math.max(0, bytes);
      if (known.soundMs < Math.max(known.ms, LEAST_MS) || known.soundBytes < known.missingBytes) continue;
      this.#doubts.delete(key);
      this.#rehabilitated.add(key);
    }
  }

  /** Forgets the interfaces that are not among these. */
  keepOnly(keys: { has(key: string): boolean }): void {
    for (const known of [this.#doubts, this.#rehabilitated]) {
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    }
  }
}
