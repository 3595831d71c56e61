import type { ServerResponse } from 'node:http';
import { qualifiedResource, type Location } from './location.js';
import type { Change, Objects } from './objects.js';
import { createChooser, createWriter, type Chooser, type Writer } from './query.js';
import { expiredVersion, invalid, StatusError } from './status.js';

interface Watch {
  readonly response: ServerResponse;
  readonly writer: Writer;
  readonly wantsBookmarks: boolean;
  readonly from: number;
}

const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };

/** The open watches. */
export class Watches {
  readonly #objects: Objects;
  readonly #open = new Set<Watch>();
  /** Whether `sendInitialEvents` is known; older servers refuse it. */
  canStreamLists = true;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  get count(): number {
    return this.#open.size;
  }

  start(location: Location, query: URLSearchParams, accept: string, response: ServerResponse): void {
    const chooses = createChooser(query);
    const isStreamed = query.get('sendInitialEvents') === 'true';
    this.#checkStreamed(location, query, isStreamed);
    const asked = query.get('resourceVersion') ?? '';
    const isFromNow = isStreamed || asked === '' || asked === '0';
    const from = isFromNow ? this.#objects.version : Number(asked);
    const wantsBookmarks = query.get('allowWatchBookmarks') === 'true';
    const watch = { response, writer: createWriter(location, accept), wantsBookmarks, from };
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
    if (from < this.#objects.oldest) {
      this.#end(watch, expiredVersion(from, this.#objects.oldest));
      return;
    }
    if (isFromNow) this.#sendInitial(watch, location, chooses);
    if (isStreamed) this.#bookmark(watch, INITIAL_EVENTS_END);
    this.#follow(watch, location, chooses);
    const seconds = Number(query.get('timeoutSeconds') ?? 0);
    if (seconds > 0) setTimeout(() => response.end(), seconds * 1_000).unref();
  }

  /** Every connection breaks. */
  drop(): void {
    for (const { response } of this.#open) response.destroy();
  }

  /** Every watch ends as it does when a server has had it open for long enough. */
  finish(): void {
    for (const { response } of this.#open) response.end();
  }

  sendBookmarks(): void {
    for (const watch of this.#open) this.#bookmark(watch);
  }

  /** Every watch is told that its version is too old. */
  expire(): void {
    for (const watch of [...this.#open]) this.#end(watch, expiredVersion(watch.from, this.#objects.oldest));
  }

  /** Bytes as they are, to every watch. */
  sendRaw(text: string): void {
    for (const { response } of this.#open) response.write(text);
  }

  #checkStreamed(location: Location, query: URLSearchParams, isStreamed: boolean): void {
    if (!isStreamed) return;
    if (!this.canStreamLists) {
      throw invalid(
        location,
        'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
      );
    }
    if (query.get('resourceVersionMatch') !== 'NotOlderThan') {
      const cause = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
      throw new StatusError(
        422,
        'Invalid',
        `${qualifiedResource(location)}: resourceVersionMatch: Forbidden: ${cause}`,
      );
    }
  }

  #sendInitial({ response, writer }: Watch, location: Location, chooses: Chooser): void {
    for (const object of this.#objects.list(location).filter(chooses)) {
      writeEvent(response, 'ADDED', writer.object(object));
    }
  }

  #follow(watch: Watch, location: Location, chooses: Chooser): void {
    const tell = (change: Change): void => {
      if (isOf(location, change)) writeChange(watch, change, chooses);
    };
    this.#objects.changesSince(watch.from).forEach(tell);
    const unsubscribe = this.#objects.subscribe(tell);
    this.#open.add(watch);
    watch.response.on('close', () => {
      unsubscribe();
      this.#open.delete(watch);
    });
  }

  #bookmark({ response, writer, wantsBookmarks }: Watch, annotations?: object): void {
    if (wantsBookmarks) writeEvent(response, 'BOOKMARK', writer.bookmark(this.#objects.version, annotations));
  }

  #end({ response }: Watch, error: StatusError): void {
    writeEvent(response, 'ERROR', error.body);
    response.end();
  }
}

function isOf(watched: Location, { location }: Change): boolean {
  return (
    location.root === watched.root &&
    location.resource === watched.resource &&
    (watched.namespace === undefined || location.namespace === watched.namespace)
  );
}

/** An object that leaves the selection is deleted to a watch, with the version at which it left. */
function writeChange({ response, writer }: Watch, { version, before, after }: Change, chooses: Chooser): void {
  const wasIn = before !== undefined && chooses(before);
  if (after !== undefined && chooses(after)) {
    writeEvent(response, wasIn ? 'MODIFIED' : 'ADDED', writer.object(after));
  } else if (wasIn) {
    const metadata = { ...before.metadata, resourceVersion: String(version) };
    writeEvent(response, 'DELETED', writer.object({ ...before, metadata }));
  }
}

/** What ended is open until its connection is. */
function writeEvent(response: ServerResponse, type: string, object: object): void {
  if (!response.writableEnded) response.write(`${JSON.stringify({ type, object })}\n`);
}
