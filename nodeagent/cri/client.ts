import { GrpcClient } from '../grpc/client.js';
import { CRI, type CriMethod } from './messages.js';

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

/** The runtime's end of the Container Runtime Interface, over its unix socket. What it answers is not looked at here. */
export class CriClient {
  readonly #client: GrpcClient<CriMethod>;
  readonly #listTimeoutMs: number;
  readonly #statusTimeoutMs: number;

  constructor({ listTimeoutMs, statusTimeoutMs, ...options }: CriClientOptions) {
    this.#client = new GrpcClient({ ...options, service: CRI });
    this.#listTimeoutMs = listTimeoutMs ?? LIST_TIMEOUT_MS;
    this.#statusTimeoutMs = statusTimeoutMs ?? STATUS_TIMEOUT_MS;
  }

  get socketPath(): string {
    return this.#client.socketPath;
  }

  /** @throws {GrpcError} as all of them do */
  version(signal: AbortSignal): Promise<unknown> {
    return this.#client.call('Version', {}, this.#listTimeoutMs, signal);
  }

  listPodSandboxes(signal: AbortSignal): Promise<unknown> {
    return this.#client.call('ListPodSandbox', {}, this.#listTimeoutMs, signal);
  }

  listContainers(signal: AbortSignal): Promise<unknown> {
    return this.#client.call('ListContainers', {}, this.#listTimeoutMs, signal);
  }

  /** Verbose: with what the runtime tells of itself alone. */
  podSandboxStatus(id: string, signal: AbortSignal): Promise<unknown> {
    const request = { pod_sandbox_id: id, verbose: true };
    return this.#client.call('PodSandboxStatus', request, this.#statusTimeoutMs, signal);
  }

  containerStatus(id: string, signal: AbortSignal): Promise<unknown> {
    const request = { container_id: id, verbose: true };
    return this.#client.call('ContainerStatus', request, this.#statusTimeoutMs, signal);
  }

  /** Gives up the connection; the next call makes another one. One that is still being made is kept for it. */
  disconnect(): void {
    this.#client.disconnect();
  }
}
