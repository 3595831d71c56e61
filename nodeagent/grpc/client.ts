import { Deadline } from '../../runtime/kube/deadline.js';
import type { GrpcConnection } from './connection.js';
import { explainFailure, GrpcError } from './errors.js';
import type { GrpcService } from './service.js';

export interface GrpcClientOptions<Method extends string> {
  readonly socketPath: string;
  readonly service: GrpcService<Method>;
  readonly maxMessageBytes?: number;
}

/** The kubelet's own bound, and that of its clients: what is larger fails there first. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * One gRPC service of the node, over its unix socket. What it answers is not looked at here. gRPC is loaded with the first call: an agent
 * that asks nobody does without its memory.
 */
export class GrpcClient<Method extends string> {
  readonly socketPath: string;
  readonly #service: GrpcService;
  readonly #maxMessageBytes: number;
  #connector: Promise<() => GrpcConnection> | undefined;
  #connection: GrpcConnection | undefined;

  constructor({ socketPath, service, maxMessageBytes }: GrpcClientOptions<Method>) {
    this.socketPath = socketPath;
    this.#service = service;
    this.#maxMessageBytes = maxMessageBytes ?? MAX_MESSAGE_BYTES;
  }

  /** @throws {GrpcError} */
  async call(method: Method, request: object, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
    const deadline = new Deadline(timeoutMs, signal);
    try {
      this.#connector ??= this.#load();
      const connect = await this.#connector;
      this.#connection ??= connect();
      const connection = this.#connection;
      return await new Promise((resolve, reject) => {
        const cancel = connection.call(method, request, (error, answer) => {
          if (error === null) resolve(answer);
          else reject(deadline.hasPassed ? tooSlow(method) : explainFailure(method, error));
        });
        // a timer of our own, because that of gRPC is reckoned with the wall clock
        if (deadline.signal.aborted) cancel();
        else deadline.signal.addEventListener('abort', cancel, { once: true });
      });
    } finally {
      deadline.close();
    }
  }

  /** Whether gRPC is in memory. */
  get isLoaded(): boolean {
    return this.#connector !== undefined;
  }

  /** Gives up the connection; the next call makes another one. One that is still being made is kept for it. */
  disconnect(): void {
    if (this.#connection?.isConnecting() === false) this.abandon();
  }

  /** Gives up the connection, however far it is: there is another socket under the path. */
  abandon(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #load(): Promise<() => GrpcConnection> {
    const { createConnector } = await import('./connection.js');
    return createConnector({
      socketPath: this.socketPath,
      service: this.#service,
      maxMessageBytes: this.#maxMessageBytes,
    });
  }
}

function tooSlow(method: string): GrpcError {
  return new GrpcError(`${method}: no answer in time`, 'unreachable');
}
