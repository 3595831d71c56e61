import { fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';

export interface ReadLimits {
  /** Bytes of a file. */
  readonly maxBytes: number;
}

/** A file cannot be read, for a reason of its own: the others go on. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code = 'CLI_MIGRATE_FILE';
}

/** What the standard input is called. */
const STDIN = '-';

/** The text of a file, or of the standard input. @throws {FileError} */
export async function readText(
  file: string,
  stdin: Readable & { readonly fd?: number },
  { maxBytes }: ReadLimits,
): Promise<string> {
  // Node reads nothing of a directory, and says nothing
  if (file === STDIN && stdin.fd !== undefined && fstatSync(stdin.fd).isDirectory()) throw isDirectory();
  const bytes = file === STDIN ? await readStream(stdin, maxBytes) : await readBytes(file, maxBytes);
  const text = decode(bytes);
  if (text.trim() === '') throw new FileError('is empty: did the command before it fail?');
  return text;
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FileError('is no text in UTF-8', { cause: error });
  }
}

async function readBytes(file: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const handle = await open(file);
    try {
      if ((await handle.stat()).isDirectory()) throw isDirectory();
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES);
        if (bytesRead === 0) break;
        size += bytesRead;
        if (size > maxBytes) throw tooLarge(maxBytes);
        chunks.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw asFileError(error);
  }
  return Buffer.concat(chunks);
}

/** What the system says of a file that it does not read. */
function asFileError(error: unknown): unknown {
  return error instanceof FileError || !(error instanceof Error)
    ? error
    : new FileError(error.message, { cause: error });
}

const CHUNK_BYTES = 65_536;

async function readStream(stream: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      size += bytes.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(bytes);
    }
  } catch (error) {
    throw asFileError(error);
  }
  return Buffer.concat(chunks);
}

function isDirectory(): FileError {
  return new FileError('is a directory: name its files');
}

function tooLarge(maxBytes: number): FileError {
  return new FileError(`is larger than --max-file-size, ${maxBytes} bytes`);
}
