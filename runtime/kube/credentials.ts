import type { Clock } from '../clock.js';
import { errorMessage, type Logger } from '../logger.js';

/** Where the Kubernetes API is, and what proves who asks. */
export interface Credentials {
  /** May end in a path, behind which the API begins. */
  readonly server: URL;
  /** PEM of what to trust instead of the system's authorities. */
  readonly ca?: string | undefined;
  /** PEM of a client certificate, and of its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  /** Name to expect in the server's certificate, where it is not that of its address. */
  readonly serverName?: string | undefined;
  /** False only where a kubeconfig says `insecure-skip-tls-verify`. */
  readonly isVerified: boolean;
  /** Of whoever asks, where that is known. */
  readonly namespace?: string | undefined;
}

/** A kubelet renews a token when a fifth of its life is left, and no token lives for less than ten minutes: two minutes. */
const MAX_AGE_MS = 10_000;

/** Credentials from files that change under a running program: read anew when they are asked for and a while has passed. */
export class FreshCredentials {
  readonly #read: () => Promise<Credentials>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #log: Logger;
  #current: Credentials;
  #readAtMs: number;
  #reading: Promise<Credentials> | undefined;
  #lastProblem = '';

  /** @param first what `read` said at the start, when a failure ends the program */
  constructor(
    first: Credentials,
    read: () => Promise<Credentials>,
    { clock, log }: { clock: Pick<Clock, 'monotonicMs'>; log: Logger },
  ) {
    this.#current = first;
    this.#read = read;
    this.#clock = clock;
    this.#log = log;
    this.#readAtMs = clock.monotonicMs();
  }

  async get(): Promise<Credentials> {
    return this.#clock.monotonicMs() - this.#readAtMs < MAX_AGE_MS ? this.#current : this.renew();
  }

  /** Reads them now, once for all who ask meanwhile. The last good ones stay while the files cannot be read. */
  async renew(): Promise<Credentials> {
    this.#reading ??= this.#readAgain().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readAgain(): Promise<Credentials> {
    this.#readAtMs = this.#clock.monotonicMs();
    try {
      this.#current = await this.#read();
      this.#lastProblem = '';
    } catch (error) {
      const problem = errorMessage(error);
      if (problem !== this.#lastProblem) this.#log.warn({ problem }, 'the Kubernetes credentials cannot be read again');
      this.#lastProblem = problem;
    }
    return this.#current;
  }
}
