import { Deadline } from '../../runtime/kube/deadline.js';
import { CriError, explainFailure } from './errors.js';
import type { GrpcConnection } from './grpc.js';
import type { CriMethod } from './messages.js';

export interface CriClientOptions {
  readonly socketPath: string;
  /** For a list, and for the first connection. */
  readonly listTimeoutMs?: number;
  /** For one sandbox or container: a runtime that hangs hangs on one of them. */
  readonly statusTimeoutMs?: number;
  readonly maxMessageBytes?: number;
}

/** A list of a busy runtime takes a while; the kubelet itself waits for two minutes. */
const LIST_TIMEOUT_MS = 10_000;
const STATUS_TIMEOUT_MS = 5_000;
/** The kubelet's own bound: what is larger fails there first. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * The runtime's end of the Container Runtime Interface, over its unix socket. What it answers is not looked at here. gRPC is loaded
 * with the first call: an agent that asks no runtime does without its memory.
 */
export class CriClient {
  readonly socketPath: string;
  readonly #listTimeoutMs: number;
  readonly #statusTimeoutMs: number;
  readonly #maxMessageBytes: number;
  #connector: Promise<() => GrpcConnection> | undefined;
  #connection: GrpcConnection | undefined;

  constructor(options: CriClientOptions) {
    this.socketPath = options.socketPath;
    this.#listTimeoutMs = options.listTimeoutMs ?? LIST_TIMEOUT_MS;
    this.#statusTimeoutMs = options.statusTimeoutMs ?? STATUS_TIMEOUT_MS;
    this.#maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  }

  /** @throws {CriError} as all of them do */
  version(signal: AbortSignal): Promise<unknown> {
    return this.#call('Version', {}, new Deadline(this.#listTimeoutMs, signal));
  }

  listPodSandboxes(signal: AbortSignal): Promise<unknown> {
    return this.#call('ListPodSandbox', {}, new Deadline(this.#listTimeoutMs, signal));
  }

  listContainers(signal: AbortSignal): Promise<unknown> {
    return this.#call('ListContainers', {}, new Deadline(this.#listTimeoutMs, signal));
  }

  /** Verbose: with what the runtime tells of itself alone. */
  podSandboxStatus(id: string, signal: AbortSignal): Promise<unknown> {
    const request = { pod_sandbox_id: id, verbose: true };
    return this.#call('PodSandboxStatus', request, new Deadline(this.#statusTimeoutMs, signal));
  }

  containerStatus(id: string, signal: AbortSignal): Promise<unknown> {
    const request = { container_id: id, verbose: true };
    return this.#call('ContainerStatus', request, new Deadline(this.#statusTimeoutMs, signal));
  }

  /** Gives up the connection; the next call makes another one. One that is still being made is kept for it. */
  disconnect(): void {
    if (this.#connection?.isConnecting() !== false) return;
    this.#connection.close();
    this.#connection = undefined;
  }

  async #call(name: CriMethod, request: object, deadline: Deadline): Promise<unknown> {
    try {
      this.#connector ??= this.#load();
      const connect = await this.#connector;
      this.#connection ??= connect();
      const connection = this.#connection;
      return await new Promise((resolve, reject) => {
        const cancel = connection.call(name, request, (error, answer) => {
          if (error === null) resolve(answer);
          else reject(deadline.hasPassed ? tooSlow(name) : explainFailure(name, error));
        });
        // a timer of our own, because that of gRPC is reckoned with the wall clock
        if (deadline.signal.aborted) cancel();
        else deadline.signal.addEventListener('abort', cancel, { once: true });
      });
    } finally {
      deadline.close();
    }
  }

  async #load(): Promise<() => GrpcConnection> {
    const { createConnector } = await import('./grpc.js');
    return createConnector(this.socketPath, this.#maxMessageBytes);
  }
}

function tooSlow(name: CriMethod): CriError {
  return new CriError(`${name}: no answer in time`, 'unreachable');
}
