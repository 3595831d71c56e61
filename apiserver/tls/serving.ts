import { Backoff } from '../../runtime/backoff.js';
import { errorMessage } from '../../runtime/logger.js';
import type { KubeApi } from '../../runtime/kube/api.js';
import { Repeating } from '../../runtime/repeating.js';
import { caBundle, type Authority } from './authority.js';
import { startFileCertificate, type CertificateFiles } from './files.js';
import { Leaf, servingHosts, type ServiceName } from './leaf.js';
import { createAuthority, createSelfSignedCertificate } from './self-made.js';
import { CurrentCertificate, type CertificateDeps, type ServingCertificate } from './serving-certificate.js';
import { SharedCa } from './shared-ca.js';

/** Where the certificate comes from. */
export type ServingCertificateOptions =
  | ({ readonly kind: 'files' } & CertificateFiles)
  /** Made for this process; nobody else knows its authority. */
  | { readonly kind: 'self_made'; readonly hosts: readonly string[] }
  | ({ readonly kind: 'shared_ca' } & SharedCaOptions);

export interface SharedCaOptions {
  readonly service: ServiceName;
  /** Of this replica, by which it is reached besides the names of its Service. */
  readonly addresses: readonly string[];
  readonly api: KubeApi;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** How often the Secret is read. */
  readonly checkEveryMs?: number;
}

const CHECK_EVERY_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
/** The API of a cluster may take a while; a program that waits for it is not to wait longer than that. */
const FIRST_TRY_MS = 5_000;

/**
 * Has a certificate to serve with, and keeps it fresh.
 * @throws {StartError} when given files cannot be used
 */
export async function startServingCertificate(
  options: ServingCertificateOptions,
  deps: CertificateDeps,
): Promise<ServingCertificate> {
  switch (options.kind) {
    case 'files':
      return startFileCertificate(options, deps);
    case 'self_made':
      return startSelfMade(options.hosts, deps);
    case 'shared_ca':
      return startShared(options, deps);
  }
}

async function startSelfMade(hosts: readonly string[], deps: CertificateDeps): Promise<ServingCertificate> {
  const authority = await createAuthority(deps.clock.wallMs());
  const leaf = new Leaf(hosts);
  const next = async () => ({
    pair: await leaf.current(authority, deps.clock.wallMs()),
    caBundle: authority.cert,
    isReady: true,
  });
  const current = new CurrentCertificate(await next(), deps);
  const repeating = new Repeating(async () => {
    current.replace(await next());
    return CHECK_EVERY_MS;
  }).start(CHECK_EVERY_MS);
  return current.serve(() => repeating.close());
}

/** Until the authority is there, a certificate that nobody trusts answers the probes. */
async function startShared(options: SharedCaOptions, deps: CertificateDeps): Promise<ServingCertificate> {
  const { service, addresses, api } = options;
  const hosts = servingHosts(service, addresses);
  const temporary = await createSelfSignedCertificate(hosts, deps.clock.wallMs());
  const current = new CurrentCertificate({ pair: temporary, caBundle: '', isReady: false }, deps);
  const follower = new SharedCaFollower(
    { ...options, current, hosts, ca: new SharedCa(service, { ...deps, api }) },
    deps,
  );
  const pauseMs = await follower.round(AbortSignal.timeout(FIRST_TRY_MS));
  const repeating = new Repeating((signal) => follower.round(signal)).start(pauseMs);
  return current.serve(() => repeating.close());
}

interface Following extends Pick<SharedCaOptions, 'random' | 'checkEveryMs'> {
  readonly current: CurrentCertificate;
  readonly hosts: readonly string[];
  readonly ca: SharedCa;
}

/** Keeps a leaf of the shared authority. What is there goes on being served while the API is away. */
class SharedCaFollower {
  readonly #following: Following;
  readonly #deps: CertificateDeps;
  readonly #leaf: Leaf;
  readonly #backoff: Backoff;
  #problem = '';

  constructor(following: Following, deps: CertificateDeps) {
    this.#following = following;
    this.#deps = deps;
    this.#leaf = new Leaf(following.hosts);
    const { random, checkEveryMs: maxMs = CHECK_EVERY_MS } = following;
    this.#backoff = new Backoff({ firstMs: Math.min(maxMs, FIRST_RETRY_MS), maxMs, random });
  }

  /** @returns when to look again, milliseconds */
  async round(signal: AbortSignal): Promise<number> {
    const { ca, checkEveryMs = CHECK_EVERY_MS } = this.#following;
    const { metrics } = this.#deps;
    try {
      await ca.refresh(signal).finally(() => this.#serve(ca.known)); // the leaf is renewed while the API is away, too
      this.#backoff.reset();
      this.#tell('');
      return checkEveryMs;
    } catch (error) {
      if (isStopped(signal)) return checkEveryMs;
      metrics.loads.inc({ result: 'failed' });
      this.#tell(errorMessage(error));
      return this.#backoff.next();
    }
  }

  async #serve(authority: Authority | undefined): Promise<void> {
    if (authority === undefined) return;
    const wallMs = this.#deps.clock.wallMs();
    const pair = await this.#leaf.current(authority.current, wallMs);
    this.#following.current.replace({ pair, caBundle: caBundle(authority, wallMs), isReady: true });
  }

  /** One line per change of state, not per try. */
  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log } = this.#deps;
    if (problem === '') log.info('the certificate authority can be read again');
    else if (this.#following.current.state.isReady) {
      log.warn({ problem }, 'the certificate authority cannot be read, the known one is used');
    } else {
      log.error(
        { problem },
        'not ready: the certificate authority cannot be read; a certificate that nobody trusts is served',
      );
    }
  }
}

/** Told to stop; the first try has a signal that ends it, and that is a failure. */
function isStopped({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DOMException && reason.name === 'TimeoutError');
}
