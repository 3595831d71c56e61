import { finished, pipeline, Readable } from 'node:stream';
import { constants } from 'node:http2';
import { setImmediate } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type { Registry } from 'prom-client';
import { acceptsGzip, negotiateFormat } from '../../metrics/negotiate.js';
import { CONTENT_TYPE, EPILOGUE } from '../../metrics/render.js';
import { renderSelfMetrics } from '../../metrics/self-metrics.js';
import type { Clock } from '../../runtime/clock.js';
import type { App, Reply, Request } from '../api/app-types.js';
import { ApiError, status } from '../api/errors.js';
import { routeSchema } from '../api/route-schema.js';
import type { User } from '../auth/user.js';
import type { Exposer } from './exposer.js';
import type { Exposition } from './exposition.js';
import { createScrapeMetrics, type ScrapeResult } from './scrape-metrics.js';
import { parseScrapeQuery, SCRAPE_PARAMETERS } from './scrape-query.js';
import { SCRAPE_LIMITS, Scrapes, type ScrapeLimits } from './scrapes.js';

export interface ExpositionDeps {
  readonly exposition: Exposition;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Of several replicas; without it this one always shows the series. */
  readonly exposer?: Exposer | undefined;
  readonly limits?: ScrapeLimits;
}

const METRICS_SCHEMA = routeSchema({
  operationId: 'getMetrics',
  summary: 'Every metric family of every node, in the text format of Prometheus or in OpenMetrics.',
  query: SCRAPE_PARAMETERS,
  answer: 'Samples.',
});

/** Beyond the time of a scrape, which begins later and ends by itself: what is sent counts as work until it is taken. */
const HANDLER_SPARE_MS = 60_000;
const TEXT_CHUNK_BYTES = 262_144;
const RETRY_AFTER_SECONDS = 1;

/** GET /metrics: every family of every node with its labels joined, and the server's own. */
export function expositionRoutes(
  app: App,
  { exposition, registry, clock, exposer, limits = SCRAPE_LIMITS }: ExpositionDeps,
): void {
  const scrapes = new Scrapes((nowMs, namespace) => exposition.look(nowMs, namespace), clock, limits);
  const metrics = createScrapeMetrics(registry, scrapes);
  const handlerTimeout = limits.longestMs + HANDLER_SPARE_MS;
  app.get('/metrics', { schema: METRICS_SCHEMA, handlerTimeout }, async (request, reply) => {
    const { filter: asked, isExposerOnly, isOwnOnly, withOwn } = parseScrapeQuery(request.query);
    const format = negotiateFormat(request.headers.accept);
    void reply.header('vary', 'Accept, Accept-Encoding');
    const isShownElsewhere = (): boolean => isExposerOnly && exposer?.isExposing(clock.monotonicMs()) === false;
    if (isOwnOnly || isShownElsewhere()) {
      const own = isOwnOnly ? await renderSelfMetrics(registry, format) : '';
      return reply.type(CONTENT_TYPE[format]).send(own + EPILOGUE[format]);
    }
    const isZipped = acceptsGzip(request.headers['accept-encoding']?.toString());
    if (!isZipped && request.raw.httpVersion === '1.0') {
      // It ends a body of no known length by the end of the connection: one that is broken off would look whole.
      throw new ApiError('BadRequest', 'over HTTP/1.0 there is /metrics as gzip alone: ask by HTTP/1.1 or HTTP/2');
    }
    const result = (of: ScrapeResult): void => metrics.results.inc({ result: of });
    let ending: ScrapeResult | undefined;
    const scrape = scrapes.begin(clientOf(request), asked.namespace, (why) => {
      ending = why;
      breakOff(request, reply);
    });
    if (scrape === undefined) {
      result('refused');
      const answer = status('TooManyRequests', `${scrapes.count} scrapes are under way, please try again later.`);
      return reply.code(answer.code).header('retry-after', RETRY_AFTER_SECONDS).send(answer);
    }
    finished(reply.raw, (error) => {
      scrape.end();
      result(ending ?? (isWhole(request, reply, error) ? 'complete' : 'broken_off'));
    });
    const nodes = await scrape.lines;
    await setImmediate(); // of those that share a moment each one begins in a turn of its own
    // Frozen meanwhile, the process may have lost the Lease.
    if (isShownElsewhere()) return reply.type(CONTENT_TYPE[format]).send(EPILOGUE[format]);
    const filter = isExposerOnly && exposer !== undefined ? { ...asked, exposer } : asked;
    const cluster = await exposition.cluster(format, scrape.atMs, filter, nodes);
    const own = withOwn ? await renderSelfMetrics(registry, format) : '';
    const seen = { nodes, cluster };
    const zipped = inTurns(exposition.gzip(format, scrape.atMs, filter, own, seen), () => scrape.release());
    const sent = metrics.bytes.labels({ encoding: isZipped ? 'gzip' : 'identity' });
    const answer = counted(isZipped ? zipped : inflated(zipped), (bytes) => sent.inc(bytes));
    if (isZipped) void reply.header('content-encoding', 'gzip');
    return reply.type(CONTENT_TYPE[format]).send(Readable.from(answer, { objectMode: false }));
  });
}

/** Without authentication everybody is the same. */
function clientOf({ user }: { readonly user?: User }): string {
  return user?.name ?? '';
}

/**
 * Whether the answer went out to its end. Over HTTP/2 Node finishes each one whose stream closes, and there is no error: what the stream says of its end tells.
 * @param error of stream.finished(), which gives null, too, for none
 */
function isWhole({ raw }: Request, reply: Reply, error: Error | null | undefined): boolean {
  if (raw.httpVersionMajor < 2) return error === undefined || error === null;
  const { aborted, rstCode } = reply.raw.stream;
  return !aborted && rstCode === constants.NGHTTP2_NO_ERROR;
}

/** So that nobody takes the part that he has for the whole. */
function breakOff({ raw }: Request, reply: Reply): void {
  if (raw.httpVersionMajor >= 2) reply.raw.stream.close(constants.NGHTTP2_CANCEL);
  else raw.socket.destroy();
}

/** However fast a client takes it: whoever asks something else has a turn between two chunks. */
async function* inTurns(chunks: Iterable<Uint8Array>, onEnd: () => void): AsyncGenerator<Uint8Array> {
  try {
    for (const chunk of chunks) {
      yield chunk;
      await setImmediate();
    }
  } finally {
    onEnd();
  }
}

/** In zlib's threads. Those who take the text as it is are people; Prometheus asks for gzip. */
async function* inflated(zipped: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const text = createGunzip({ chunkSize: TEXT_CHUNK_BYTES });
  pipeline(Readable.from(zipped, { objectMode: false }), text, () => undefined); // what fails is told by the stream that is read
  for await (const chunk of text) yield chunk as Uint8Array;
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}
