const NEWLINE = 0x0a;

/**
 * The text of a body.
 * @throws {RangeError} when it is larger than it may be
 */
export async function readText(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString('utf8');
}

/**
 * The lines of a body, as they come. Of a line that is not yet whole no more than `maxBytes` are held.
 * @throws {RangeError} when a line is longer than it may be
 * @throws {Error} when the body ends inside one
 */
export async function* readLines(body: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string, void> {
  let begun: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      checkLength(length + end - start, maxBytes);
      yield Buffer.concat([...begun, chunk.subarray(start, end)]).toString('utf8');
      begun = [];
      length = 0;
      start = end + 1;
    }
    length += chunk.length - start;
    checkLength(length, maxBytes);
    if (start < chunk.length) begun.push(chunk.subarray(start));
  }
  if (length > 0) throw new Error('the watch ended in the middle of an event');
}

function checkLength(length: number, maxBytes: number): void {
  if (length > maxBytes) throw new RangeError(`an event is larger than ${maxBytes} bytes`);
}
