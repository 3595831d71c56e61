import type { Server } from 'node:tls';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/logger.js';
import { fingerprint, type KeyPair } from './key-pair.js';
import type { TlsMetrics } from './metrics.js';

/** What is served with, whoever made it. */
export interface ServingCertificate {
  current(): KeyPair;
  /** What a client has to trust, PEM. */
  caBundle(): string;
  /** Whether clients can trust it; not, while a temporary one stands in. */
  isReady(): boolean;
  /** Of the certificate or the bundle. The listener must not throw. */
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

export interface CertificateDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: TlsMetrics;
}

export interface CertificateState {
  readonly pair: KeyPair;
  readonly caBundle: string;
  readonly isReady: boolean;
}

/** The certificate of the moment, and who wants to know of the next. */
export class CurrentCertificate {
  readonly #deps: Pick<CertificateDeps, 'log' | 'metrics'>;
  readonly #listeners = new Set<() => void>();
  #state: CertificateState;

  constructor(state: CertificateState, deps: Pick<CertificateDeps, 'log' | 'metrics'>) {
    this.#state = state;
    this.#deps = deps;
    deps.metrics.serving(state.pair.cert);
  }

  get state(): CertificateState {
    return this.#state;
  }

  /** Nothing happens where it is what it was. */
  replace(state: CertificateState): void {
    const { pair, caBundle, isReady } = this.#state;
    const isSamePair = pair.cert === state.pair.cert && pair.key === state.pair.key;
    if (isSamePair && caBundle === state.caBundle && isReady === state.isReady) return;
    this.#state = state;
    if (!isSamePair) {
      this.#deps.metrics.loads.inc({ result: 'used' });
      this.#deps.metrics.serving(state.pair.cert);
      this.#deps.log.info({ fingerprint: fingerprint(state.pair.cert) }, 'another certificate is served');
    }
    for (const listener of this.#listeners) listener();
  }

  /** As the rest of the program sees it. */
  serve(close: () => Promise<void>): ServingCertificate {
    return {
      current: () => this.#state.pair,
      caBundle: () => this.#state.caBundle,
      isReady: () => this.#state.isReady,
      onChange: (listener) => void this.#listeners.add(listener),
      close,
    };
  }
}

/**
 * Options of a TLS server. A client certificate is asked for and not judged: whose authority counts depends on what is asked, and
 * whoever has none may have a token.
 */
export function tlsServerOptions({ cert, key }: KeyPair) {
  return { cert, key, minVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: false } as const;
}

/** New connections of a server get the newest certificate; open ones go on. */
export function followCertificate(server: Pick<Server, 'setSecureContext'>, certificate: ServingCertificate): void {
  certificate.onChange(() => server.setSecureContext(tlsServerOptions(certificate.current())));
}
