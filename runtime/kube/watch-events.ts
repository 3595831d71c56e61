import { KubeError, type KubeApi } from './api.js';
import { statusOf } from './errors.js';
import { withQuery } from './list-pages.js';
import { isRecord, metadataOf } from './objects.js';

/** One event of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
  /** Of a streamed list: all objects that there were at the beginning have come. */
  readonly isEndOfList: boolean;
}

export interface WatchEventsOptions {
  readonly api: KubeApi;
  readonly path: string;
  readonly accept: string;
  readonly signal: AbortSignal;
  /** Watch from here; undefined: a list first, streamed as events. */
  readonly resourceVersion: string | undefined;
  /** After which the server is to end the watch. */
  readonly timeoutMs: number;
  /** Longest silence. */
  readonly idleTimeoutMs: number;
  readonly onOpen: () => void;
}

const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'] as const;

/**
 * Watches until the server ends it.
 * @throws {KubeError} also for an ERROR event, with its status
 */
export async function* watchEvents(options: WatchEventsOptions): AsyncGenerator<WatchEvent, void> {
  const { api, path, accept, signal, resourceVersion, timeoutMs, idleTimeoutMs, onOpen } = options;
  const query = {
    watch: '1',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(Math.ceil(timeoutMs / 1_000)),
    ...(resourceVersion === undefined
      ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
      : { resourceVersion }),
  };
  const request = {
    method: 'GET',
    path: withQuery(path, query),
    accept,
    signal,
    timeoutMs: idleTimeoutMs,
    onOpen,
  } as const;
  for await (const event of api.watch(request)) {
    const type = isRecord(event) ? event['type'] : undefined;
    const object = isRecord(event) ? event['object'] : undefined;
    if (type === 'ERROR') throw errorOf(object, path);
    const known = TYPES.find((one) => one === type);
    if (known === undefined) {
      const cause = new SyntaxError('not an event');
      throw new KubeError(`GET ${path}: the answer is not a watch`, undefined, '', { cause });
    }
    yield { type: known, object, isEndOfList: known === 'BOOKMARK' && isEndOfList(object) };
  }
}

function isEndOfList(object: unknown): boolean {
  const { annotations } = metadataOf(object);
  return isRecord(annotations) && annotations['k8s.io/initial-events-end'] === 'true';
}

function errorOf(object: unknown, path: string): KubeError {
  const { message, reason, code } = statusOf(object);
  return new KubeError(`GET ${path}: the watch says ${code} ${reason}: ${message}`, code, reason);
}
