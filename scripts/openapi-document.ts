import process from 'node:process';
import { Registry } from 'prom-client';
import { API_GROUP_NAMES } from '../apiserver/api/api-surface.js';
import { createApp } from '../apiserver/app.js';
import { createSelfSignedCertificate } from '../apiserver/tls/self-made.js';
import { systemClock } from '../runtime/clock.js';
import { createLogger } from '../runtime/logger.js';
import { VERSION } from '../runtime/version.js';

interface Document {
  readonly paths: Readonly<Record<string, object>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** What a server answers on /openapi/v3 and below, with every group enabled, in one document. */
export async function openApiDocument(): Promise<object> {
  const { app } = createApp({
    clock: systemClock,
    log: createLogger('generate', { level: 'error', format: 'text', write: (line) => process.stderr.write(line) }),
    registry: new Registry(),
    version: VERSION,
    tls: await createSelfSignedCertificate(['localhost'], systemClock.wallMs()),
    windowMs: 60_000,
    historyMs: 300_000,
    podLabels: [],
    suspectLatencyMs: 5,
    clusterMetricsNamespaces: [],
    apiGroups: API_GROUP_NAMES,
    allowUnboundAgents: false,
    checks: [],
  });
  const get = async (url: string): Promise<unknown> => {
    const { statusCode, body } = await app.inject({ method: 'GET', url });
    if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${body}`);
    return JSON.parse(body) as unknown;
  };
  const root = (await get('/openapi/v3')) as { paths: Record<string, { serverRelativeURL: string }> };
  const documents: Document[] = [];
  for (const { serverRelativeURL } of Object.values(root.paths))
    documents.push((await get(serverRelativeURL)) as Document);
  await app.close();
  const merged = (part: (document: Document) => Readonly<Record<string, object>>) =>
    Object.fromEntries(
      documents.flatMap((document) => Object.entries(part(document))).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  return {
    ...documents[0],
    paths: merged(({ paths }) => paths),
    components: { schemas: merged(({ components }) => components.schemas) },
  };
}
