import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Lists } from './list.js';
import { parseLocation, type Location } from './location.js';
import { isRecord, mergePatch } from './merge-patch.js';
import type { KubeObject, Objects, StoredObject } from './objects.js';
import { createWriter } from './query.js';
import { badRequest, pathNotFound, StatusError } from './status.js';
import type { Watches } from './watch.js';

const MAX_BODY_BYTES = 16 * 1024 * 1024;

export interface KubeApiRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined where there was none. */
  readonly body: unknown;
}

export interface Served {
  readonly objects: Objects;
  readonly lists: Lists;
  readonly watches: Watches;
}

/** Answers what is asked about objects. */
export function serveObjects(request: KubeApiRequest, url: URL, response: ServerResponse, served: Served): void {
  const { method, headers, body } = request;
  const location = locationOf(url.pathname);
  const accept = headers.accept ?? '';
  if (location.name === undefined && method === 'GET') {
    serveCollection(location, url.searchParams, accept, { response, served });
  } else if (method === 'POST') {
    answer(response, 201, served.objects.create(location, asObject(body)));
  } else if (location.name === undefined || (location.subresource ?? 'status') !== 'status') {
    throw pathNotFound();
  } else if (method === 'DELETE') {
    served.objects.remove(location);
    answer(response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
  } else {
    answer(response, 200, createWriter(location, accept).object(write(request, location, served.objects)));
  }
}

function serveCollection(
  location: Location,
  query: URLSearchParams,
  accept: string,
  { response, served }: { response: ServerResponse; served: Served },
): void {
  const isWatch = ['1', 'true'].includes(query.get('watch') ?? '');
  if (isWatch) served.watches.start(location, query, accept, response);
  else answer(response, 200, served.lists.read(location, query, accept));
}

function write({ method, headers, body }: KubeApiRequest, location: Location, objects: Objects): StoredObject {
  if (method === 'GET') return objects.get(location);
  if (method === 'PUT') return objects.update(location, asObject(body));
  if (method !== 'PATCH') throw pathNotFound();
  if (headers['content-type'] !== 'application/merge-patch+json') {
    throw new StatusError(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format');
  }
  return objects.update(location, asObject(mergePatch(objects.get(location), body)));
}

export function locationOf(path: string): Location {
  const location = parseLocation(path);
  if (location === undefined) throw pathNotFound();
  return location;
}

export function asObject(body: unknown): KubeObject {
  if (!isRecord(body)) throw badRequest('the object provided is unrecognized');
  const { metadata, ...rest } = body;
  return { ...rest, ...(isRecord(metadata) && { metadata }) };
}

/** Text goes out as it is, anything else as JSON. */
export function answer(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-cache, private', ...headers });
  response.end(text);
}

export async function readBody(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw badRequest('the body is too large');
    chunks.push(chunk);
  }
  return length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown);
}
