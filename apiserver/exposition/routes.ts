import { pipeline, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type { Registry } from 'prom-client';
import { acceptsGzip, negotiateFormat } from '../../metrics/negotiate.js';
import { CONTENT_TYPE, EPILOGUE } from '../../metrics/render.js';
import { renderSelfMetrics } from '../../metrics/self-metrics.js';
import type { Clock } from '../../runtime/clock.js';
import { queryValue, type App } from '../api/app-types.js';
import { routeSchema } from '../api/route-schema.js';
import type { Exposer } from './exposer.js';
import type { Exposition, ExpositionFilter } from './exposition.js';

export interface ExpositionDeps {
  readonly exposition: Exposition;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Undefined where this is the only replica. */
  readonly exposer?: Exposer;
}

const METRICS_SCHEMA = routeSchema({
  operationId: 'getMetrics',
  summary: 'Every metric family of every node, in the text format of Prometheus or in OpenMetrics.',
  query: {
    node: 'Of this node alone.',
    namespace: 'Of this namespace alone.',
    family: 'Of this family alone.',
    exposer: '`only`: nothing, unless this replica exposes.',
  },
  answer: 'Samples.',
});

/** The answer is a stream, which counts as work until it is taken: its bound is that some of it is taken all the time. */
const SCRAPE_MAX_MS = 3_600_000;
const TEXT_CHUNK_BYTES = 65_536;

/** GET /metrics: every family of every node with its labels joined, and the server's own. */
export function expositionRoutes(app: App, { exposition, registry, clock, exposer }: ExpositionDeps): void {
  app.get('/metrics', { schema: METRICS_SCHEMA, handlerTimeout: SCRAPE_MAX_MS }, async (request, reply) => {
    const format = negotiateFormat(request.headers.accept);
    const asked = filterOf(request.query);
    const isOfExposer = queryValue(request.query, 'exposer') === 'only';
    if (isOfExposer && exposer?.isExposing(clock.monotonicMs()) === false) {
      return reply.type(CONTENT_TYPE[format]).send(EPILOGUE[format]);
    }
    const filter = isOfExposer && exposer !== undefined ? { ...asked, exposer } : asked;
    const isFiltered = isOfExposer || Object.keys(filter).length > 0;
    const own = isFiltered ? '' : await renderSelfMetrics(registry, format);
    const nowMs = clock.monotonicMs();
    if (filter.namespace === undefined) await exposition.freshen(nowMs);
    const zipped = Readable.from(inTurns(exposition.gzip(format, nowMs, filter, own)), { objectMode: false });
    void reply.type(CONTENT_TYPE[format]).header('vary', 'Accept, Accept-Encoding');
    if (acceptsGzip(request.headers['accept-encoding']?.toString())) {
      return reply.header('content-encoding', 'gzip').send(zipped);
    }
    // In zlib's threads. Those who take the text as it is are people; Prometheus asks for gzip.
    const text = createGunzip({ chunkSize: TEXT_CHUNK_BYTES });
    pipeline(zipped, text, () => undefined); // what fails is told by the stream that is sent
    return reply.send(text);
  });
}

function filterOf(query: unknown): ExpositionFilter {
  const [node, namespace, family] = ['node', 'namespace', 'family'].map((name) => queryValue(query, name));
  return {
    ...(node !== undefined && { node }),
    ...(namespace !== undefined && { namespace }),
    ...(family !== undefined && { family }),
  };
}

/** However fast a client takes it: whoever asks something else has a turn between two chunks. */
async function* inTurns(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    yield chunk;
    await setImmediate();
  }
}
