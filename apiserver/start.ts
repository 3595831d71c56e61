import { isIPv6, type AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { podLabel } from '../metrics/labels.js';
import type { Clock } from '../runtime/clock.js';
import { listenProblem } from '../runtime/listen-problem.js';
import type { Logger } from '../runtime/logger.js';
import { sleep, type Sleep } from '../runtime/sleep.js';
import { StartError } from '../runtime/start-error.js';
import type { App } from './api/app-types.js';
import { createApp, type AppOptions, type Created } from './app.js';
import { watchEventLoop } from './event-loop.js';
import type { ApiserverOptions } from './options.js';
import { isPublishing } from './publish/options.js';
import type { PublisherLease } from './publish/progress.js';
import type { PublishingDeps } from './publish/start-publishing.js';
import type { Figures } from './store/figure.js';
import type { Pods } from './store/pods.js';
import type { Store } from './store/store.js';
import { fingerprint } from './tls/key-pair.js';
import { createTlsMetrics } from './tls/metrics.js';
import { writeCaFile } from './tls/write-ca-file.js';
import { startServingCertificate, type ServingCertificateOptions } from './tls/serving.js';
import { followCertificate, type ServingCertificate } from './tls/serving-certificate.js';

export interface Apiserver {
  /** Such as https://127.0.0.1:6443. */
  readonly url: string;
  /** What a client has to trust, PEM. */
  readonly ca: string;
  readonly store: Store;
  readonly pods: Pods;
  readonly figures: Figures;
  close(): Promise<void>;
}

export interface ApiserverDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** Of the process: tells a pod where the Kubernetes API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sleep?: Sleep;
  /** Standard output; nowhere, where nothing is said. */
  readonly writeOut?: (text: string) => void;
}

const EXPIRE_EVERY_MS = 30_000;

/**
 * Starts serving.
 * @throws {StartError} when a file cannot be read, the port is taken, or there is no Kubernetes API to be asked
 */
export async function startApiserver(options: ApiserverOptions, deps: ApiserverDeps): Promise<Apiserver> {
  const { clock, log, version } = deps;
  const registry = new Registry();
  const surroundings = options.standalone
    ? await standAlone(options, { ...deps, registry })
    : await inCluster(options, { ...deps, registry });
  const { certificate, checks } = surroundings;
  const shutdown = { isUnderWay: false };
  const created = createApp({
    ...{ clock, log, version, registry },
    ...surroundings,
    tls: certificate.current(),
    windowMs: options.window,
    historyMs: options.history,
    podLabels: options.podLabels.map(podLabel),
    compat: options.compat,
    suspectLatencyMs: options.suspectLatency,
    maxSeries: options.maxSeries,
    maxConnectionsPerAddress: options.maxConnectionsPerAddress,
    apiGroups: options.apiGroups,
    allowUnboundAgents: options.allowUnboundAgents,
    checks: [...checks, { name: 'shutdown', isMet: () => !shutdown.isUnderWay }],
  });
  const { app, connections, store, pods, figures } = created;
  followCertificate(app.server, certificate);
  surroundings.onServing?.(created);
  try {
    await listen(app, options);
    // Not before there is somebody to be trusted: a port that is taken may be that of the server whose file it is.
    if (options.writeCaFile !== undefined) await writeCaFile(options.writeCaFile, certificate.caBundle());
  } catch (error) {
    await Promise.all([app.close(), surroundings.close()]);
    throw error;
  }
  const publishing = await publish(options, { ...deps, registry, store, lease: surroundings.publisherLease });
  const eventLoop = watchEventLoop(registry);
  const expiry = setInterval(() => {
    const affected = store.expire(clock.monotonicMs(), (pod) => pods.isInList(pod));
    for (const node of affected) created.exposition.invalidate(node);
    created.seriesLimit?.expire(clock.monotonicMs());
  }, EXPIRE_EVERY_MS);
  expiry.unref();
  const url = urlOf(app.server.address() as AddressInfo);
  log.info({ url, fingerprint: fingerprint(certificate.current().cert) }, 'serving');
  return {
    url,
    get ca() {
      return certificate.caBundle();
    },
    ...{ store, pods, figures },
    close: async () => {
      shutdown.isUnderWay = true;
      // Until everybody who looks at readiness has seen it, requests go on coming: over new connections, which may lead elsewhere.
      connections.leave();
      const left = surroundings.leave?.();
      if (!options.standalone) await (deps.sleep ?? sleep)(options.shutdownDelay, new AbortController().signal);
      clearInterval(expiry);
      await left;
      eventLoop.close();
      await Promise.all([publishing?.close(), app.close()]);
      await surroundings.close();
    },
  };
}

/** What the server has around it: with or without Kubernetes. */
interface Surroundings extends Pick<
  AppOptions,
  'cluster' | 'auth' | 'exposer' | 'checks' | 'clusterMetricsNamespaces'
> {
  readonly certificate: ServingCertificate;
  /** Of the replica that publishes. */
  readonly publisherLease?: PublisherLease;
  /** To be called when there is a server that answers from what is followed. */
  onServing?(created: Created): void;
  /** At the beginning of the end: what another replica can take over at once. */
  leave?(): Promise<void>;
  close(): Promise<void>;
}

/** Loaded when it is asked for: the client of AWS is large. */
async function publish(
  options: ApiserverOptions,
  {
    store,
    writeOut = () => undefined,
    ...deps
  }: ApiserverDeps & Pick<PublishingDeps, 'registry' | 'lease'> & { readonly store: Store },
): Promise<{ close(): Promise<void> } | undefined> {
  if (!isPublishing(options)) return undefined;
  const { startPublishing } = await import('./publish/start-publishing.js');
  return startPublishing(options, { ...deps, figures: store.ipam, writeOut });
}

/** Where its pods are. */
const STANDALONE_NAMESPACE = 'default';

async function standAlone(
  options: ApiserverOptions,
  { clock, log, registry }: ApiserverDeps & { readonly registry: Registry },
): Promise<Surroundings> {
  const metrics = createTlsMetrics(registry);
  const certificate = await startServingCertificate(certificateOptions(options), { clock, log, metrics });
  return {
    certificate,
    checks: [],
    clusterMetricsNamespaces: namespacesOr(options, STANDALONE_NAMESPACE),
    close: () => certificate.close(),
  };
}

/** Loaded when it is needed: standalone has no use for the memory. */
async function inCluster(
  options: ApiserverOptions,
  deps: ApiserverDeps & { readonly registry: Registry },
): Promise<Surroundings> {
  const { startKubernetes } = await import('./kubernetes.js');
  const side = await startKubernetes(options, deps);
  return { ...side, clusterMetricsNamespaces: namespacesOr(options, options.service.namespace) };
}

function namespacesOr({ clusterMetricsNamespaces }: ApiserverOptions, own: string): readonly string[] {
  return clusterMetricsNamespaces.length > 0 ? clusterMetricsNamespaces : [own];
}

/** @throws {StartError} */
async function listen(app: App, { standalone, bindAddress, securePort: port }: ApiserverOptions): Promise<void> {
  // The unspecified address takes IPv4 as well; a machine without IPv6 has only the other one.
  const hosts = bindAddress !== undefined ? [bindAddress] : standalone ? ['127.0.0.1'] : ['::', '0.0.0.0'];
  const errors: string[] = [];
  for (const host of hosts) {
    try {
      await app.listen({ host, port });
      return;
    } catch (error) {
      errors.push(
        listenProblem(
          { host, port },
          error,
          `--secure-port 0 takes a free one${standalone ? ' (npm start -- --secure-port 0)' : ''}`,
        ),
      );
      if (!isWithoutAddress(error)) break;
    }
  }
  throw new StartError(errors.at(-1) ?? 'no address to serve on');
}

function isWithoutAddress(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(String(error.code));
}

function certificateOptions(options: ApiserverOptions): ServingCertificateOptions {
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, bindAddress } = options;
  if (certFile !== undefined && keyFile !== undefined) return { kind: 'files', certFile, keyFile };
  const own = bindAddress === undefined ? [] : [bindAddress];
  return { kind: 'self_made', hosts: [...new Set(['localhost', '127.0.0.1', '::1', ...own])] };
}

function urlOf({ address, port }: AddressInfo): string {
  return `https://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
