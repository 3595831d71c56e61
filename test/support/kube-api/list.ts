import type { Location } from './location.js';
import type { Objects, StoredObject } from './objects.js';
import { createChooser, createWriter } from './query.js';
import { badRequest, expiredContinue } from './status.js';

/** The rest of a list that was begun, as it was then. */
interface Snapshot {
  readonly version: number;
  readonly items: readonly StoredObject[];
}

/** Lists in pages: later pages show what was there when the first was read. */
export class Lists {
  readonly #objects: Objects;
  readonly #snapshots = new Map<string, Snapshot>();
  #next = 0;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  read(location: Location, query: URLSearchParams, accept: string): object {
    const token = query.get('continue') ?? '';
    const limit = Number(query.get('limit') ?? 0);
    if (token !== '' && (query.get('resourceVersion') ?? '') !== '') {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    const { version, items } = token === '' ? this.#begin(location, query) : this.#resume(token);
    const page = limit > 0 ? items.slice(0, limit) : items;
    const rest = items.slice(page.length);
    return createWriter(location, accept).list(page, {
      resourceVersion: String(version),
      ...(rest.length > 0 && {
        continue: this.#keep({ version, items: rest }),
        remainingItemCount: rest.length,
      }),
    });
  }

  /** Makes every `continue` token too old. */
  expire(): void {
    this.#snapshots.clear();
  }

  #begin(location: Location, query: URLSearchParams): Snapshot {
    return { version: this.#objects.version, items: this.#objects.list(location).filter(createChooser(query)) };
  }

  #resume(token: string): Snapshot {
    const found = this.#snapshots.get(token);
    if (found === undefined) throw expiredContinue();
    return found;
  }

  #keep(snapshot: Snapshot): string {
    const token = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', start: this.#next++ })).toString('base64');
    this.#snapshots.set(token, snapshot);
    return token;
  }
}
