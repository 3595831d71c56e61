import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { KubeError, type KubeApi } from '../../runtime/kube/api.js';
import { errorMessage, type Logger } from '../../runtime/logger.js';
import { Repeating } from '../../runtime/repeating.js';
import type { ServiceName } from './leaf.js';
import type { PublicationResult, TlsMetrics } from './metrics.js';
import type { ServingCertificate } from './serving-certificate.js';
import { caObjectName, NOT_THERE } from './shared-ca.js';

export interface CaPublisherOptions {
  /** Ours: an APIService of another one is not touched, and the ConfigMap is in its namespace. */
  readonly service: ServiceName;
  /** Names, such as `v1beta2.custom.metrics.k8s.io`. */
  readonly apiServices: readonly string[];
}

export interface CaPublisherDeps {
  readonly api: KubeApi;
  readonly log: Logger;
  readonly metrics: TlsMetrics;
  /** Of all replicas one writes. */
  readonly lease: { readonly isHolder: boolean; onChange(listener: () => void): void };
  readonly certificate: Pick<ServingCertificate, 'caBundle' | 'isReady' | 'onChange'>;
}

/** Others may change what was written. */
const CHECK_EVERY_MS = 60_000;
const RETRY_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Times that an object is read anew because somebody else wrote it meanwhile. */
const MAX_ROUNDS = 5;
const MERGE_PATCH = 'application/merge-patch+json';

const API_SERVICE = Compile(
  Type.Object({
    metadata: Type.Object({ resourceVersion: Type.String() }),
    spec: Type.Object({
      service: Type.Optional(Type.Union([Type.Null(), Type.Object({ namespace: Type.String(), name: Type.String() })])),
      caBundle: Type.Optional(Type.Union([Type.Null(), Type.String()])),
      insecureSkipTLSVerify: Type.Optional(Type.Boolean()),
    }),
  }),
);
const CONFIG_MAP = Compile(
  Type.Object({
    metadata: Type.Object({ resourceVersion: Type.String() }),
    data: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
);

/** Keeps the certificate authority in the APIServices and the ConfigMap while this replica holds the Lease. */
export function startCaPublisher(options: CaPublisherOptions, deps: CaPublisherDeps): { close(): Promise<void> } {
  const publisher = new CaPublisher(options, deps);
  const repeating = new Repeating((signal) => publisher.round(signal)).start();
  deps.lease.onChange(() => repeating.wake());
  deps.certificate.onChange(() => repeating.wake());
  return { close: () => repeating.close() };
}

/** What one look at an object came to, and what there is to tell of it. */
interface Outcome {
  readonly result: PublicationResult;
  readonly message?: string;
}

class CaPublisher {
  readonly #options: CaPublisherOptions;
  readonly #deps: CaPublisherDeps;
  /** By object: what was told last. */
  readonly #told = new Map<string, string>();

  constructor(options: CaPublisherOptions, deps: CaPublisherDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Looks at every object; the failure of one is no other's. @returns when to look again, milliseconds */
  async round(signal: AbortSignal): Promise<number> {
    const { service, apiServices } = this.#options;
    if (!this.#mayWrite(signal)) return CHECK_EVERY_MS;
    const targets = [
      ...apiServices.map((name) => ({
        object: `APIService ${name}`,
        publish: () => this.#publishTo(name, signal),
      })),
      {
        object: `ConfigMap ${service.namespace}/${caObjectName(service)}`,
        publish: () => this.#publishConfigMap(signal),
      },
    ];
    const results = await Promise.all(targets.map(({ object, publish }) => this.#attempt(object, publish, signal)));
    return results.includes('failed') ? RETRY_MS : CHECK_EVERY_MS;
  }

  #mayWrite(signal: AbortSignal): boolean {
    const { lease, certificate } = this.#deps;
    return !signal.aborted && lease.isHolder && certificate.isReady();
  }

  async #attempt(object: string, publish: () => Promise<Outcome>, signal: AbortSignal): Promise<PublicationResult> {
    const outcome = await this.#outcomeOf(publish);
    if (signal.aborted) return outcome.result;
    this.#deps.metrics.publications.inc({ object, result: outcome.result });
    this.#tell(object, outcome);
    return outcome.result;
  }

  /** A write that somebody else was ahead of is begun again with what is there now. */
  async #outcomeOf(publish: () => Promise<Outcome>): Promise<Outcome> {
    for (let round = 1; ; round++) {
      try {
        return await publish();
      } catch (error) {
        const isConflict = error instanceof KubeError && error.statusCode === 409;
        if (!isConflict || round === MAX_ROUNDS) return { result: 'failed', message: errorMessage(error) };
      }
    }
  }

  /** One line per change of state, not per look. */
  #tell(object: string, { result, message = '' }: Outcome): void {
    if (result === 'updated') {
      this.#told.set(object, '');
      this.#deps.log.info({ object }, message === '' ? 'certificate authority written' : message);
      return;
    }
    const text = result === 'unchanged' ? '' : `${result}: ${message}`;
    if (this.#told.get(object) === text) return;
    this.#told.set(object, text);
    if (text !== '') this.#deps.log.warn({ object, problem: message }, 'certificate authority not written');
  }

  async #publishTo(name: string, signal: AbortSignal): Promise<Outcome> {
    const path = `/apis/apiregistration.k8s.io/v1/apiservices/${name}`;
    const found = await this.#get(path, signal);
    if (found === undefined)
      return { result: 'absent', message: 'there is none: apply the manifests, or serve fewer groups' };
    if (!API_SERVICE.Check(found)) return { result: 'failed', message: 'the answer is not an APIService' };
    const { service, caBundle, insecureSkipTLSVerify = false } = found.spec;
    const owner = service === undefined || service === null ? undefined : `${service.namespace}/${service.name}`;
    const { namespace, name: own } = this.#options.service;
    if (owner !== `${namespace}/${own}`) {
      return {
        result: 'foreign',
        message: `it belongs to ${owner === undefined ? 'kube-apiserver itself' : `Service ${owner}`}, not to ${namespace}/${own}: it is left alone`,
      };
    }
    const wanted = Buffer.from(this.#deps.certificate.caBundle()).toString('base64');
    if (caBundle === wanted && !insecureSkipTLSVerify) return { result: 'unchanged' };
    // The two exclude each other: one patch, so that there is no moment without either.
    const spec = { caBundle: wanted, insecureSkipTLSVerify: null };
    const body = { metadata: { resourceVersion: found.metadata.resourceVersion }, spec };
    return this.#write(
      signal,
      { method: 'PATCH', path, body, contentType: MERGE_PATCH },
      insecureSkipTLSVerify
        ? 'insecureSkipTLSVerify removed: the certificate authority is written instead, and verified against'
        : undefined,
    );
  }

  async #publishConfigMap(signal: AbortSignal): Promise<Outcome> {
    const { namespace } = this.#options.service;
    const name = caObjectName(this.#options.service);
    const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`;
    const found = await this.#get(path, signal);
    if (found === undefined) return { result: 'absent', message: NOT_THERE };
    if (!CONFIG_MAP.Check(found)) return { result: 'failed', message: 'the answer is not a ConfigMap' };
    const data = { 'ca.crt': this.#deps.certificate.caBundle() };
    if (found.data?.['ca.crt'] === data['ca.crt']) return { result: 'unchanged' };
    const body = { metadata: { resourceVersion: found.metadata.resourceVersion }, data };
    return this.#write(signal, { method: 'PATCH', path, body, contentType: MERGE_PATCH });
  }

  async #get(path: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#deps.api.request({ method: 'GET', path, signal, timeoutMs: REQUEST_TIMEOUT_MS });
    } catch (error) {
      if (error instanceof KubeError && error.statusCode === 404) return undefined;
      throw error;
    }
  }

  /** The Lease may have been lost since the object was read. */
  async #write(
    signal: AbortSignal,
    request: Omit<Parameters<KubeApi['request']>[0], 'signal' | 'timeoutMs'>,
    message?: string,
  ): Promise<Outcome> {
    if (!this.#mayWrite(signal)) return { result: 'unchanged' };
    await this.#deps.api.request({ ...request, signal, timeoutMs: REQUEST_TIMEOUT_MS });
    return { result: 'updated', ...(message !== undefined && { message }) };
  }
}
