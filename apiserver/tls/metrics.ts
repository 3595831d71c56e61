import { X509Certificate } from 'node:crypto';
import { Counter, Gauge, type Registry } from 'prom-client';
import { validityOf } from './key-pair.js';

/** What became of one object that the certificate authority is written to. */
export type PublicationResult = 'updated' | 'unchanged' | 'absent' | 'foreign' | 'failed';

/** What the programs' own metrics say of certificates. */
export interface TlsMetrics {
  readonly loads: Counter<'result'>;
  readonly publications: Counter<'object' | 'result'>;
  /** The certificate that is served from now on. */
  serving(cert: string): void;
}

export function createTlsMetrics(registry: Registry): TlsMetrics {
  const registers = [registry];
  const expiry = new Gauge({
    name: 'podnet_apiserver_certificate_expiration_timestamp_seconds',
    help: 'When the certificate that is served runs out, seconds since 1970.',
    registers,
  });
  return {
    loads: new Counter({
      name: 'podnet_apiserver_certificate_loads_total',
      help: 'Certificates looked at for serving, by result: used, refused (files that do not fit) or failed (no authority to be had).',
      labelNames: ['result'],
      registers,
    }),
    publications: new Counter({
      name: 'podnet_apiserver_ca_publications_total',
      help: 'Looks at objects that hold our certificate authority, by result: updated, unchanged, absent, foreign (not ours) or failed.',
      labelNames: ['object', 'result'],
      registers,
    }),
    serving: (cert) => expiry.set(validityOf(new X509Certificate(cert)).untilMs / 1_000),
  };
}
