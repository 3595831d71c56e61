import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type handleUnaryCall, type ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { messagesOf, READ_AS, type GrpcService } from '../../nodeagent/grpc/service.js';

/** A message as it is written in JSON. */
export type Message = Record<string, unknown>;

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
export type Handler = (request: Message) => Message | Buffer | Promise<Message | Buffer>;
export type HandlersOf<Method extends string> = Partial<Record<Method, Handler>>;

export function definitionOf(described: GrpcService): ServiceDefinition {
  const service = fromJSON(messagesOf(described), READ_AS)[described.name];
  if (service === undefined || 'format' in service) throw new TypeError('no service');
  return service;
}

/** A server's end of the socket: a real gRPC server that says what a test has it say. */
export class GrpcServer<Method extends string> {
  readonly #calls = new Map<string, number>();
  readonly #server = new Server();

  private constructor(service: GrpcService<Method>, handlers: HandlersOf<Method>) {
    const definition: ServiceDefinition = Object.fromEntries(
      Object.entries(definitionOf(service)).map(([name, method]) => [
        name,
        {
          ...method,
          responseSerialize: (answer: object) => (Buffer.isBuffer(answer) ? answer : method.responseSerialize(answer)),
        },
      ]),
    );
    this.#server.addService(
      definition,
      Object.fromEntries(
        Object.entries<Handler | undefined>(handlers).flatMap(([name, handler]) =>
          handler === undefined ? [] : [[name, this.#answerWith(name, handler)]],
        ),
      ),
    );
  }

  static async start<Method extends string>(
    service: GrpcService<Method>,
    socketPath: string,
    handlers: HandlersOf<Method>,
  ): Promise<GrpcServer<Method>> {
    const server = new GrpcServer(service, handlers);
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

  count(method: Method): number {
    return this.#calls.get(method) ?? 0;
  }

  /** Connections break, as when it is killed. */
  stop(): void {
    this.#server.forceShutdown();
  }
}

/** A directory with room for a socket; it goes with its scope. */
export async function makeSocketDirectory(): Promise<{ readonly socketPath: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'podnet-grpc-'));
  return {
    socketPath: join(directory, 'server.sock'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
