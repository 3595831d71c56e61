import type { fromJSON } from '@grpc/proto-loader';

/** Messages as protobufjs takes them: data, so that a bundle needs no .proto beside it. */
type Namespace = Parameters<typeof fromJSON>[0];

export interface FieldOfMessage {
  readonly type: string;
  readonly id: number;
  readonly rule?: string;
  /** Of a map. */
  readonly keyType?: string;
}

/** A message or an enumeration. Of fields there are integers, booleans, texts, messages and maps of texts. */
type Type =
  | { readonly fields: Record<string, FieldOfMessage>; readonly values?: never }
  | { readonly values: Record<string, number>; readonly fields?: never };

export interface GrpcService<Method extends string = string> {
  /** With its package: `runtime.v1.RuntimeService`. */
  readonly name: string;
  readonly types: Readonly<Record<string, Type>>;
  readonly methods: Readonly<Record<Method, MethodTypes>>;
}
type MethodTypes = ReturnType<typeof method>;

/** How a message looks that was read: 64 bits as text, enums by name, nothing left out. */
export const READ_AS = { keepCase: true, longs: String, enums: String, defaults: true, arrays: true } as const;

/** Fields and their numbers; those that are not here are skipped when a message is read. */
export const field = (type: string, id: number) => ({ type, id });
export const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });
export const message = (fields: Record<string, FieldOfMessage>) => ({ fields });
// its comment is what the types of protobufjs ask for
export const method = (requestType: string, responseType: string) => ({ requestType, responseType, comment: '' });

/** A service in its package, for protobufjs. */
export function messagesOf({ name, types, methods }: GrpcService): Namespace {
  const path = name.split('.');
  const service = path.pop() ?? name;
  return path.reduceRight<Namespace>((nested, part) => ({ nested: { [part]: nested } }), {
    nested: { ...types, [service]: { methods } },
  });
}
