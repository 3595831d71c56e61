/** Bytes that are not the DER they ought to be. */
export class DerError extends Error {
  override readonly name = 'DerError';
  readonly code = 'APISERVER_DER';
}

/** One element: its tag byte, its content, and where it ends in what it was read from. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** Header and content. */
  readonly whole: Buffer;
}

/** Tags that certificates use. */
export const TAG = { boolean: 0x01, integer: 0x02, octetString: 0x04, oid: 0x06, sequence: 0x30 } as const;

/** A length of 2^24 is beyond any certificate that a TLS handshake carries. */
const MAX_LENGTH_BYTES = 3;

/**
 * The elements that a constructed element holds, or a whole buffer.
 * @throws {DerError} when a length points outside of it
 */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const element = readElement(rest);
    elements.push(element);
    rest = rest.subarray(element.whole.length);
  }
  return elements;
}

function readElement(bytes: Buffer): DerElement {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw new DerError('truncated element');
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  // 0x80 is the indefinite length of BER, which DER does not have.
  if (first === 0x80 || lengthBytes > MAX_LENGTH_BYTES) throw new DerError('unusable length');
  const start = 2 + lengthBytes;
  if (bytes.length < start) throw new DerError('truncated length');
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  if (bytes.length < start + length) throw new DerError('element longer than what holds it');
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(0, start + length) };
}

/** @throws {DerError} where there is no element or it has another tag */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new DerError(`expected tag ${tag}, found ${element?.tag ?? 'nothing'}`);
  return element;
}
