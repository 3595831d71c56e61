import type { GrpcService } from './service.js';

/** A field that is read: how it is written, and what is in it where it is a message. */
interface Field {
  readonly wire: number;
  /** Numbers one after the other, as if they were a text. */
  readonly mayBePacked: boolean;
  readonly message: string | undefined;
}
type Shapes = ReadonlyMap<string, ReadonlyMap<number, Field>>;

/** Wire types (https://protobuf.dev/programming-guides/encoding). */
const WIRE = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;
const MAX_VARINT_BYTES = 10;
const MAX_TAG = 2 ** 32 - 1;

/**
 * Looks at the bytes of an answer before it is made into objects: two bytes can be a message, which takes a hundred times that in
 * memory. What does not read as its messages say is refused as well.
 * @returns a check of the bytes of one message
 */
export function createValueBound(types: GrpcService['types'], maxValues: number) {
  const shapes = shapesOf(types);
  /** @throws {RangeError} */
  return (bytes: Uint8Array, type: string): void => new Walk(bytes, shapes, maxValues).message(type, bytes.length);
}

function shapesOf(types: GrpcService['types']): Shapes {
  return new Map(
    Object.entries(types).flatMap(([name, { fields }]) => {
      if (fields === undefined) return [];
      const shape = Object.values(fields).map(({ id, type, rule, keyType }): [number, Field] => {
        const message = keyType === undefined && types[type]?.fields !== undefined ? type : undefined;
        const isNumber = message === undefined && type !== 'string' && keyType === undefined;
        const wire = isNumber ? WIRE.varint : WIRE.lengthDelimited;
        return [id, { wire, mayBePacked: isNumber && rule === 'repeated', message }];
      });
      return [[name, new Map(shape)]];
    }),
  );
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #shapes: Shapes;
  readonly #maxValues: number;
  #values = 0;
  #at = 0;

  constructor(bytes: Uint8Array, shapes: Shapes, maxValues: number) {
    this.#bytes = bytes;
    this.#shapes = shapes;
    this.#maxValues = maxValues;
  }

  message(type: string, end: number): void {
    const shape = this.#shapes.get(type);
    while (this.#at < end) {
      const tag = this.#varint(end);
      if (tag > MAX_TAG) throw new RangeError('no message: a field without a number');
      const wire = tag & 7;
      const field = shape?.get(tag >>> 3);
      if (field === undefined) this.#advance(this.#lengthOf(wire, end), end);
      else this.#field(field, wire, end);
    }
  }

  #field({ wire: expected, mayBePacked, message }: Field, wire: number, end: number): void {
    const isPacked = mayBePacked && wire === WIRE.lengthDelimited;
    if (wire !== expected && !isPacked) throw new RangeError('no message: a field of another type');
    const length = this.#lengthOf(wire, end);
    this.#count(isPacked ? length : 1);
    const fieldEnd = this.#at + length;
    if (fieldEnd > end) throw new RangeError('no message: it was cut');
    if (message !== undefined) this.message(message, fieldEnd);
    this.#at = fieldEnd;
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > this.#maxValues) throw new RangeError(`more than ${this.#maxValues} values`);
  }

  /** Of a field that begins here, from here on; a number is passed over. */
  #lengthOf(wire: number, end: number): number {
    if (wire === WIRE.lengthDelimited) return this.#varint(end);
    if (wire === WIRE.fixed64) return 8;
    if (wire === WIRE.fixed32) return 4;
    if (wire !== WIRE.varint) throw new RangeError('no message: a field of no known type');
    this.#varint(end);
    return 0;
  }

  #advance(length: number, end: number): void {
    this.#at += length;
    if (this.#at > end) throw new RangeError('no message: it was cut');
  }

  #varint(end: number): number {
    let value = 0;
    for (let i = 0, scale = 1; i < MAX_VARINT_BYTES; i++, scale *= 128) {
      const byte = this.#at < end ? this.#bytes[this.#at++] : undefined;
      if (byte === undefined) throw new RangeError('no message: it was cut');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('no message: a number without an end');
  }
}
