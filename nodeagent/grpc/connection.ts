import { Client, connectivityState, credentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { GrpcFailure } from './errors.js';
import { messagesOf, READ_AS, type GrpcService } from './service.js';
import { createValueBound } from './value-bound.js';

/** One connection to a server, made with its first call. */
export interface GrpcConnection {
  /** @returns what ends the call before its answer */
  call(method: string, request: object, done: (error: GrpcFailure | null, answer: unknown) => void): () => void;
  /**
   * Whether it is still being made. gRPC never closes a socket that waits for the first word of its peer: a server that hangs accepts
   * and says nothing, and each connection given up would stay.
   */
  isConnecting(): boolean;
  close(): void;
}

export interface ConnectorOptions {
  readonly socketPath: string;
  readonly service: GrpcService;
  readonly maxMessageBytes: number;
}

/** Numbers, texts and messages of one answer: some ten times what a node with 250 pods has. */
const MAX_VALUES = 100_000;

/**
 * All that is used of gRPC. To be imported when a server is to be asked: it costs memory. (A module of our own, because of a CommonJS
 * package that is imported so, a bundle has no named exports.)
 */
export function createConnector({ socketPath, service, maxMessageBytes }: ConnectorOptions): () => GrpcConnection {
  setLogVerbosity(logVerbosity.NONE); // it would write to standard error, past the log
  const methods = fromJSON(messagesOf(service), READ_AS)[service.name];
  if (methods === undefined || 'format' in methods) throw new TypeError(`no service ${service.name}`);
  const checkValues = createValueBound(service.types, MAX_VALUES);
  const options = {
    'grpc.default_authority': 'localhost', // servers in Go refuse the path, which would be it otherwise
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.use_local_subchannel_pool': 1, // a new connection must not inherit the backoff of the one given up
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
  };
  return () => {
    const client = new Client(`unix://${socketPath}`, credentials.createInsecure(), options);
    return {
      call: (name, request, done) => {
        const method = methods[name];
        const type = service.methods[name]?.responseType;
        if (method === undefined || type === undefined) throw new TypeError(`${service.name} has no method ${name}`);
        const { path, requestSerialize, responseDeserialize } = method;
        const read = (bytes: Buffer): object => {
          checkValues(bytes, type);
          return responseDeserialize(bytes);
        };
        const call = client.makeUnaryRequest(path, requestSerialize, read, request, done);
        return () => call.cancel();
      },
      isConnecting: () => client.getChannel().getConnectivityState(false) === connectivityState.CONNECTING,
      close: () => client.close(),
    };
  };
}
