import type { fromJSON } from '@grpc/proto-loader';

/** Messages as protobufjs takes them: data, so that a bundle needs no .proto beside it. */
type Namespace = Parameters<typeof fromJSON>[0];

export interface GrpcService<Method extends string = string> {
  /** With its package: `runtime.v1.RuntimeService`. */
  readonly name: string;
  readonly messages: Namespace;
  /** Only for its type: which methods there are. */
  readonly methods: Readonly<Record<Method, object>>;
}

/** How a message looks that was read: 64 bits as text, enums by name, nothing left out. */
export const READ_AS = { keepCase: true, longs: String, enums: String, defaults: true, arrays: true } as const;

/** Fields and their numbers; those that are not here are skipped when a message is read. */
export const field = (type: string, id: number) => ({ type, id });
export const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });
export const message = <F extends object>(fields: F) => ({ fields });
// its comment is what the types of protobufjs ask for
export const method = (requestType: string, responseType: string) => ({ requestType, responseType, comment: '' });

/** @param name with its package */
export function grpcService<const Method extends string>(
  name: string,
  methods: Readonly<Record<Method, ReturnType<typeof method>>>,
  types: NonNullable<Namespace['nested']>,
): GrpcService<Method> {
  const path = name.split('.');
  const service = path.pop() ?? name;
  const messages = path.reduceRight<Namespace>((nested, part) => ({ nested: { [part]: nested } }), {
    nested: { ...types, [service]: { methods } },
  });
  return { name, messages, methods };
}
