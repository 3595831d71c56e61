import { Registry } from 'prom-client';
import { fingerprint, type KeyPair } from '../../apiserver/tls/key-pair.js';
import { createTlsMetrics } from '../../apiserver/tls/metrics.js';
import { startCaPublisher } from '../../apiserver/tls/publish-ca.js';
import { startServingCertificate } from '../../apiserver/tls/serving.js';
import type { ServingCertificate } from '../../apiserver/tls/serving-certificate.js';
import { createLogger } from '../../runtime/logger.js';
import { createManualClock, type ManualClock } from './clock.js';
import { CA_CONFIG_MAP, CA_SECRET, putEmptyAuthority } from './empty-authority.js';
import { createKubeApi, type KubeApiServer } from './kube-api.js';
import { connectKubeClient } from './kube-client.js';
import { eventually } from './programs.js';
import { serveWith, type TlsServer } from './tls.js';

export const SERVICE = { namespace: 'podnet-system', name: 'podnet-apiserver' };
export const MINUTE_MS = 60_000;
/** Of what a test has started, the last first. */
export const cleanUp: (() => Promise<void> | void)[] = [];

export async function endAll(): Promise<void> {
  for (const end of cleanUp.splice(0)) await end();
}

/** A replica, as far as it has a certificate and serves it. */
export interface Replica {
  readonly certificate: ServingCertificate;
  readonly server: TlsServer;
  readonly logged: string[];
}

export async function startApi(): Promise<KubeApiServer> {
  const api = await createKubeApi();
  cleanUp.push(() => api.close());
  putEmptyAuthority(api);
  return api;
}

/** A clock that is somewhat behind the machine's, so that what is made by it is valid by both. */
export const clockOfNow = (behindMs = MINUTE_MS): ManualClock => createManualClock(1_000_000, Date.now() - behindMs);

export async function startReplica(
  api: KubeApiServer,
  clock = clockOfNow(),
  client = connectKubeClient(api),
): Promise<Replica> {
  const logged: string[] = [];
  const connected = await client;
  const certificate = await startServingCertificate(
    {
      kind: 'shared_ca',
      service: SERVICE,
      addresses: ['10.0.0.7'],
      api: connected,
      random: Math.random,
      checkEveryMs: 20,
    },
    {
      clock,
      log: createLogger('test', { level: 'debug', format: 'text', write: (line) => logged.push(line) }),
      metrics: createTlsMetrics(new Registry()),
    },
  );
  const server = await serveWith(certificate);
  cleanUp.unshift(async () => {
    await certificate.close();
    await server.close();
    connected.close();
  });
  return { certificate, server, logged };
}

/** What the Secret holds, by entry. */
export function secretData(api: KubeApiServer): Readonly<Record<string, string>> {
  const data = (api.objects.get(CA_SECRET)?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]));
}

export function putSecret(api: KubeApiServer, { cert, key }: KeyPair, extra: object = {}): void {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  api.put(CA_SECRET, {
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': encode(cert), 'tls.key': encode(key) },
    ...extra,
  });
}

export const fingerprintsIn = (bundle: string): string[] =>
  (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map(fingerprint);

/** The replica that publishes; resolves when the ConfigMap is filled. */
export async function publish(api: KubeApiServer, { certificate }: Replica): Promise<void> {
  const client = await connectKubeClient(api);
  const publisher = startCaPublisher(
    { service: SERVICE, apiServices: [] },
    {
      api: client,
      log: createLogger('test', { level: 'error', format: 'text', write: () => undefined }),
      metrics: createTlsMetrics(new Registry()),
      lease: { isHolder: true, onChange: () => undefined },
      certificate,
    },
  );
  cleanUp.unshift(async () => {
    await publisher.close();
    client.close();
  });
  await eventually(() => 'data' in (api.objects.get(CA_CONFIG_MAP) ?? {}), Boolean);
}
