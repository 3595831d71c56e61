import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
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
import { createSelfSignedCertificate, fingerprint, type KeyPair } from './tls.js';

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
  const tls = await loadKeyPair(options, clock);
  const { app, store, pods, figures } = createApp({
    ...{ clock, log, version, tls },
    registry: new Registry(),
    windowMs: options.window,
    historyMs: options.history,
    podLabels: options.podLabels.map(podLabel),
    clusterMetricsNamespaces: ['default'],
  });
  try {
    await app.listen({ host: options.bindAddress, port: options.securePort });
  } catch (error) {
    await app.close();
    throw new StartError(`cannot serve on ${options.bindAddress}:${options.securePort}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const expiry = setInterval(() => store.expire(clock.monotonicMs()), EXPIRE_EVERY_MS);
  expiry.unref();
  const url = urlOf(app.server.address() as AddressInfo);
  log.info({ url, fingerprint: fingerprint(tls.cert) }, 'serving');
  return {
    url,
    ca: tls.cert,
    ...{ store, pods, figures },
    close: async () => {
      clearInterval(expiry);
      await app.close();
    },
  };
}

async function loadKeyPair(
  { tlsCertFile, tlsPrivateKeyFile, bindAddress }: ApiserverOptions,
  clock: Clock,
): Promise<KeyPair> {
  if (tlsCertFile === undefined || tlsPrivateKeyFile === undefined) {
    return createSelfSignedCertificate([...new Set(['localhost', '127.0.0.1', '::1', bindAddress])], clock.wallMs());
  }
  const [cert, key] = await Promise.all([
    readOrFail('--tls-cert-file', tlsCertFile),
    readOrFail('--tls-private-key-file', tlsPrivateKeyFile),
  ]);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new StartError(`--tls-cert-file ${tlsCertFile}: not usable with its key: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  return { cert, key };
}

async function readOrFail(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new StartError(`${flag}: ${errorMessage(error)}`, { cause: error });
  }
}

function urlOf({ address, port }: AddressInfo): string {
  return `https://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
