import { isIPv6, type AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { podLabel } from '../metrics/labels.js';
import type { Clock } from '../runtime/clock.js';
import { errorMessage, type Logger } from '../runtime/logger.js';
import { StartError } from '../runtime/start-error.js';
import { createApp } from './app.js';
import type { ApiserverOptions } from './options.js';
import type { Figures } from './store/figure.js';
import type { Pods } from './store/pods.js';
import type { Store } from './store/store.js';
import { fingerprint } from './tls/key-pair.js';
import { createTlsMetrics } from './tls/metrics.js';
import { startServingCertificate, type ServingCertificateOptions } from './tls/serving.js';
import { followCertificate } from './tls/serving-certificate.js';

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
}

const EXPIRE_EVERY_MS = 30_000;

/**
 * Starts serving.
 * @throws {StartError} when a file cannot be read or the port is taken
 */
export async function startApiserver(
  options: ApiserverOptions,
  { clock, log, version }: ApiserverDeps,
): Promise<Apiserver> {
  const registry = new Registry();
  const metrics = createTlsMetrics(registry);
  const certificate = await startServingCertificate(certificateOptions(options), { clock, log, metrics });
  const { app, store, pods, figures } = createApp({
    ...{ clock, log, version, registry },
    tls: certificate.current(),
    windowMs: options.window,
    historyMs: options.history,
    podLabels: options.podLabels.map(podLabel),
    clusterMetricsNamespaces: ['default'],
  });
  followCertificate(app.server, certificate);
  try {
    await app.listen({ host: options.bindAddress, port: options.securePort });
  } catch (error) {
    await Promise.all([app.close(), certificate.close()]);
    throw new StartError(`cannot serve on ${options.bindAddress}:${options.securePort}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const expiry = setInterval(() => store.expire(clock.monotonicMs()), EXPIRE_EVERY_MS);
  expiry.unref();
  const url = urlOf(app.server.address() as AddressInfo);
  log.info({ url, fingerprint: fingerprint(certificate.current().cert) }, 'serving');
  return {
    url,
    ca: certificate.caBundle(),
    ...{ store, pods, figures },
    close: async () => {
      clearInterval(expiry);
      await Promise.all([app.close(), certificate.close()]);
    },
  };
}

function certificateOptions(options: ApiserverOptions): ServingCertificateOptions {
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, bindAddress } = options;
  if (certFile !== undefined && keyFile !== undefined) return { kind: 'files', certFile, keyFile };
  return { kind: 'self_made', hosts: ['localhost', '127.0.0.1', '::1', bindAddress] };
}

function urlOf({ address, port }: AddressInfo): string {
  return `https://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
