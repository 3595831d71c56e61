import { Client, connectivityState, credentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { GrpcFailure } from './errors.js';
import { CRI_MESSAGES, CRI_READ_AS, CRI_SERVICE, type CriMethod } from './messages.js';

/** One connection to the runtime, made with its first call. */
export interface GrpcConnection {
  /** @returns what ends the call before its answer */
  call(name: CriMethod, request: object, done: (error: GrpcFailure | null, answer: unknown) => void): () => void;
  /**
   * Whether it is still being made. gRPC never closes a socket that waits for the first word of its peer: a runtime that hangs accepts
   * and says nothing, and each connection given up would stay.
   */
  isConnecting(): boolean;
  close(): void;
}

/**
 * All that is used of gRPC. To be imported when a runtime is to be asked: it costs memory. (A module of our own, because of a CommonJS
 * package that is imported so, a bundle has no named exports.)
 */
export function createConnector(socketPath: string, maxMessageBytes: number): () => GrpcConnection {
  setLogVerbosity(logVerbosity.NONE); // it would write to standard error, past the log
  const service = fromJSON(CRI_MESSAGES, CRI_READ_AS)[CRI_SERVICE];
  if (service === undefined || 'format' in service) throw new TypeError(`no service ${CRI_SERVICE}`);
  const options = {
    'grpc.default_authority': 'localhost', // runtimes in Go refuse the path, which would be it otherwise
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
        const method = service[name];
        if (method === undefined) throw new TypeError(`the service has no method ${name}`);
        const { path, requestSerialize, responseDeserialize } = method;
        const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, done);
        return () => call.cancel();
      },
      isConnecting: () => client.getChannel().getConnectivityState(false) === connectivityState.CONNECTING,
      close: () => client.close(),
    };
  };
}
