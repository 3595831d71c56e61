import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type handleUnaryCall, type ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { CRI_MESSAGES, CRI_READ_AS, CRI_SERVICE, type CriMethod } from '../../nodeagent/cri/messages.js';

export const RECORDED = ['containerd-1.6.20', 'containerd-2.1.9'] as const;
export type Recorded = (typeof RECORDED)[number];

/** A message as it is written in JSON. */
export type Message = Record<string, unknown>;

export function recordedJson(runtime: Recorded, name: string): Message {
  return JSON.parse(readFileSync(`test/fixtures/cri/${runtime}/${name}.json`, 'utf8')) as Message;
}

export function recordedBytes(runtime: Recorded, name: string): Buffer {
  return readFileSync(`test/fixtures/cri/${runtime}/raw/${name}.pb`);
}

/** A refusal, as gRPC says it. */
export class Refusal extends Error {
  constructor(
    readonly code: number,
    readonly details: string,
  ) {
    super(details);
  }
}

/** Bytes are sent as they are. */
type Handler = (request: Message) => Message | Buffer | Promise<Message | Buffer>;
export type Handlers = Partial<Record<CriMethod, Handler>>;

export function criService(): ServiceDefinition {
  const service = fromJSON(CRI_MESSAGES, CRI_READ_AS)[CRI_SERVICE];
  if (service === undefined || 'format' in service) throw new TypeError('no service');
  return service;
}

/** A container runtime's end of the socket: a real gRPC server that says what a test has it say. */
export class CriServer {
  readonly #calls = new Map<string, number>();
  readonly #server = new Server();

  private constructor(handlers: Handlers) {
    const service: ServiceDefinition = Object.fromEntries(
      Object.entries(criService()).map(([name, method]) => [
        name,
        {
          ...method,
          responseSerialize: (answer: object) => (Buffer.isBuffer(answer) ? answer : method.responseSerialize(answer)),
        },
      ]),
    );
    this.#server.addService(
      service,
      Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, this.#answerWith(name, handler)])),
    );
  }

  static async start(socketPath: string, handlers: Handlers): Promise<CriServer> {
    const server = new CriServer(handlers);
    await new Promise<void>((resolve, reject) => {
      server.#server.bindAsync(`unix://${socketPath}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    return server;
  }

  #answerWith(name: string, handler: Handler): handleUnaryCall<Message, object> {
    return ({ request }, answer) => {
      this.#calls.set(name, (this.#calls.get(name) ?? 0) + 1);
      void (async () => handler(request))().then(
        (value) => answer(null, value),
        (error: unknown) =>
          answer(error instanceof Refusal ? error : { code: status.INTERNAL, details: String(error) }),
      );
    };
  }

  count(method: CriMethod): number {
    return this.#calls.get(method) ?? 0;
  }

  /** Connections break, as when it is killed. */
  stop(): void {
    this.#server.forceShutdown();
  }
}

/** What a node's runtime has, for a test to change. */
export class PlayedNode {
  sandboxes: Message[] = [];
  containers: Message[] = [];
  readonly statuses = new Map<string, Message>();
  readonly containerStatuses = new Map<string, Message>();

  /** @returns the two pods of a recording */
  static recorded(runtime: Recorded): PlayedNode {
    const node = new PlayedNode();
    node.sandboxes = recordedJson(runtime, 'ListPodSandbox')['items'] as Message[];
    node.containers = recordedJson(runtime, 'ListContainers')['containers'] as Message[];
    for (const pod of ['web-0', 'web-1']) {
      node.setStatus(recordedJson(runtime, `PodSandboxStatus.${pod}.verbose`));
      const container = recordedJson(runtime, `ContainerStatus.${pod}.verbose`);
      node.containerStatuses.set((container['status'] as Message)['id'] as string, container);
    }
    return node;
  }

  setStatus(answer: Message): void {
    this.statuses.set((answer['status'] as Message)['id'] as string, answer);
  }

  handlers(): Required<Handlers> {
    return {
      Version: () => ({ version: '0.1.0', runtime_name: 'played', runtime_version: '1', runtime_api_version: 'v1' }),
      ListPodSandbox: () => ({ items: this.sandboxes }),
      ListContainers: () => ({ containers: this.containers }),
      PodSandboxStatus: ({ pod_sandbox_id: id }) => found(this.statuses.get(id as string)),
      ContainerStatus: ({ container_id: id }) => found(this.containerStatuses.get(id as string)),
    };
  }
}

function found(answer: Message | undefined): Message {
  if (answer !== undefined) return answer;
  throw new Refusal(status.NOT_FOUND, 'an error occurred when try to find sandbox: not found');
}

/** A directory with room for a socket; it goes with its scope. */
export async function makeSocketDirectory(): Promise<{ readonly socketPath: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-cri-'));
  return {
    socketPath: join(directory, 'runtime.sock'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
