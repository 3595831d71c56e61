/** What Kubernetes begins a message with (apimachinery, runtime/serializer/protobuf). */
const MAGIC = Buffer.from('k8s\0', 'latin1');
const LENGTH_DELIMITED = 2;
const CONTINUES = 0x80;

/** Names of the fields of a message by their numbers; a table is a message inside. */
interface Fields {
  readonly [number: number]: string | { readonly name: string; readonly fields: Fields };
}

/** authorization.k8s.io/v1, generated.proto: `kubectl auth can-i` writes it so. */
const SELF_SUBJECT_ACCESS_REVIEW: Fields = {
  2: {
    name: 'spec',
    fields: {
      1: {
        name: 'resourceAttributes',
        fields: { 1: 'namespace', 2: 'verb', 3: 'group', 4: 'version', 5: 'resource', 6: 'subresource', 7: 'name' },
      },
      2: { name: 'nonResourceAttributes', fields: { 1: 'path', 2: 'verb' } },
    },
  },
};
/** runtime.Unknown */
const RAW = 2;

/** @throws {TypeError} for anything but a SelfSubjectAccessReview in Kubernetes' protobuf */
export function decodeSelfReview(bytes: Buffer): object {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new TypeError('not a message of Kubernetes');
  const raw = [...entries(bytes.subarray(MAGIC.length))].find(([number]) => number === RAW);
  if (raw === undefined) throw new TypeError('the message is empty');
  return decode(raw[1], SELF_SUBJECT_ACCESS_REVIEW);
}

function decode(bytes: Buffer, fields: Fields): object {
  const decoded: Record<string, unknown> = {};
  for (const [number, value] of entries(bytes)) {
    const field = fields[number];
    if (typeof field === 'string') decoded[field] = value.toString('utf8');
    else if (field !== undefined) decoded[field.name] = decode(value, field.fields);
  }
  return decoded;
}

/** Fields that have a length; the messages above have no others. */
function* entries(bytes: Buffer): Generator<readonly [number, Buffer], void> {
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[offset++];
      if (byte === undefined) throw new TypeError('the message is cut off');
      value += (byte & ~CONTINUES) * 2 ** shift;
      if (byte < CONTINUES) return value;
    }
  };
  while (offset < bytes.length) {
    const tag = varint();
    if ((tag & 7) !== LENGTH_DELIMITED) throw new TypeError(`field ${tag >> 3} has no length`);
    const length = varint();
    yield [tag >> 3, bytes.subarray(offset, offset + length)];
    offset += length;
  }
}
