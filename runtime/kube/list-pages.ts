import { KubeError, type KubeApi } from './api.js';
import { isRecord, metadataOf, versionOf } from './objects.js';

/** A list that has been read to its end. */
export interface WholeList {
  readonly resourceVersion: string;
}

export interface ListPagesOptions {
  readonly api: KubeApi;
  /** With its query, without `limit` and `continue`. */
  readonly path: string;
  readonly accept: string;
  readonly signal: AbortSignal;
  readonly onPage: (items: readonly unknown[]) => void;
  /** Called when a list that changed too much meanwhile begins anew: what came so far is void. */
  readonly onRestart: () => void;
}

/** As kubectl and client-go ask for. */
const PAGE_SIZE = 500;
/** A million objects: more than etcd holds. */
const MAX_PAGES = 2_000;
/** For one page. */
const TIMEOUT_MS = 30_000;

/**
 * Lists in pages, all of one version. Without `resourceVersion`: never older than what was acknowledged before. When a later page
 * has expired, the list begins anew, once.
 * @throws {KubeError}
 */
export async function listPages(options: ListPagesOptions): Promise<WholeList> {
  try {
    return await listOnce(options);
  } catch (error) {
    if (!isExpired(error) || options.signal.aborted) throw error;
    options.onRestart();
    return listOnce(options);
  }
}

/** Whether the API no longer has the version or the page that was asked for. */
export function isExpired(error: unknown): error is KubeError {
  return error instanceof KubeError && error.statusCode === 410;
}

async function listOnce({ api, path, accept, signal, onPage }: ListPagesOptions): Promise<WholeList> {
  let token = '';
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = { limit: String(PAGE_SIZE), ...(token !== '' && { continue: token }) };
    const request = { method: 'GET', path: withQuery(path, query), accept, signal, timeoutMs: TIMEOUT_MS } as const;
    const list = await api.request(request);
    const resourceVersion = versionOf(list);
    // a list without objects may be written with "items": null
    const items = isRecord(list) ? (list['items'] ?? []) : undefined;
    if (resourceVersion === undefined || !Array.isArray(items)) {
      throw new KubeError(`GET ${path}: the answer is not a list`, undefined, '');
    }
    onPage(items);
    const next = metadataOf(list)['continue'];
    if (typeof next !== 'string' || next === '') return { resourceVersion };
    token = next;
  }
  throw new KubeError(`GET ${path}: the list has more than ${MAX_PAGES} pages`, undefined, '');
}

/** A path with more in its query. */
export function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  return `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams(query).toString()}`;
}
