import type { Client, ServiceDefinition } from '@grpc/grpc-js';
import { Deadline } from '../../runtime/kube/deadline.js';
import { CriError, explainFailure } from './errors.js';
import { CRI_MESSAGES, CRI_READ_AS, CRI_SERVICE, type CriMethod } from './messages.js';

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

interface Grpc {
  readonly service: ServiceDefinition;
  readonly connect: () => Client;
}

/**
 * The runtime's end of the Container Runtime Interface, over its unix socket. What it answers is not looked at here. gRPC is loaded
 * with the first call: an agent that asks no runtime does without its memory.
 */
export class CriClient {
  readonly socketPath: string;
  readonly #listTimeoutMs: number;
  readonly #statusTimeoutMs: number;
  readonly #maxMessageBytes: number;
  #grpc: Promise<Grpc> | undefined;
  #channel: Client | undefined;

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
    if (this.#channel === undefined || isConnecting(this.#channel)) return;
    this.#channel.close();
    this.#channel = undefined;
  }

  async #call(name: CriMethod, request: object, deadline: Deadline): Promise<unknown> {
    try {
      this.#grpc ??= this.#load();
      const { service, connect } = await this.#grpc;
      const method = service[name];
      if (method === undefined) throw new TypeError(`the service has no method ${name}`);
      const { path, requestSerialize, responseDeserialize } = method;
      this.#channel ??= connect();
      const channel = this.#channel;
      return await new Promise((resolve, reject) => {
        const call = channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
          if (error === null) resolve(answer);
          else reject(deadline.hasPassed ? tooSlow(name) : explainFailure(name, error));
        });
        // a timer of our own, because that of gRPC is reckoned with the wall clock
        if (deadline.signal.aborted) call.cancel();
        else deadline.signal.addEventListener('abort', () => call.cancel(), { once: true });
      });
    } finally {
      deadline.close();
    }
  }

  async #load(): Promise<Grpc> {
    const { Client, credentials, logVerbosity, setLogVerbosity } = await import('@grpc/grpc-js');
    const { fromJSON } = await import('@grpc/proto-loader');
    setLogVerbosity(logVerbosity.NONE); // it would write to standard error, past the log
    const service = fromJSON(CRI_MESSAGES, CRI_READ_AS)[CRI_SERVICE];
    if (service === undefined || 'format' in service) throw new TypeError(`no service ${CRI_SERVICE}`);
    const options = {
      'grpc.default_authority': 'localhost', // runtimes in Go refuse the path, which would be it otherwise
      'grpc.max_receive_message_length': this.#maxMessageBytes,
      'grpc.use_local_subchannel_pool': 1, // a new connection must not inherit the backoff of the one given up
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
    };
    return {
      service,
      connect: () => new Client(`unix://${this.socketPath}`, credentials.createInsecure(), options),
    };
  }
}

/** Of connectivityState, whose module is not to be loaded for it. */
const CONNECTING = 1;

/** A runtime that hangs accepts and says nothing. gRPC closes no socket that waits for it: each attempt would leave one behind. */
function isConnecting(channel: Client): boolean {
  const state: number = channel.getChannel().getConnectivityState(false);
  return state === CONNECTING;
}

function tooSlow(name: CriMethod): CriError {
  return new CriError(`${name}: no answer in time`, 'unreachable');
}
