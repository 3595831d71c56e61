import { open, stat } from 'node:fs/promises';
import { errorMessage, type Logger } from '../../runtime/logger.js';

export interface RereadFileOptions {
  /** As in the log. */
  readonly flag: string;
  readonly path: string;
  readonly maxBytes: number;
  /** @throws {TypeError} when the text is not what the file is to hold; the message must not repeat it */
  readonly parse: (text: string) => string;
  /** What that means as long as it could never be read; for the log. */
  readonly without: string;
  /** Whether the last attempt went through. */
  readonly onRead: (isReadable: boolean) => void;
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** File systems exist whose times do not move. */
const REREAD_MS = 60_000;

/**
 * A file that somebody else replaces while we run, as the kubelet does with tokens and ConfigMaps: looked at each time, read when
 * it is another one, and once a minute anyway. What was read last stays good while the file is missing or broken.
 */
export class RereadFile {
  readonly #options: RereadFileOptions;
  #content: string | undefined;
  #version = '';
  #readMs = -Infinity;
  #problem: string | undefined;

  constructor(options: RereadFileOptions) {
    this.#options = options;
  }

  /** Undefined when the file could not be read yet. */
  async current(): Promise<string | undefined> {
    try {
      await this.#look();
      this.#tell('');
    } catch (error) {
      this.#version = '';
      this.#tell(errorMessage(error));
    }
    return this.#content;
  }

  /** Why the last attempt failed; empty when it went through. */
  get problem(): string {
    return this.#problem ?? '';
  }

  /** Next time it is read, whatever its times say. */
  invalidate(): void {
    this.#version = '';
  }

  async #look(): Promise<void> {
    const { path, maxBytes, parse, monotonicMs } = this.#options;
    const { ino, mtimeMs, size } = await stat(path);
    const version = `${ino} ${mtimeMs} ${size}`;
    if (version === this.#version && monotonicMs() - this.#readMs < REREAD_MS) return;
    this.#content = parse(await readAtMost(path, maxBytes));
    this.#version = version;
    this.#readMs = monotonicMs();
  }

  /** One line per change of state. */
  #tell(problem: string): void {
    const { flag, path, without, log, onRead } = this.#options;
    onRead(problem === '');
    if (problem !== (this.#problem ?? '')) {
      if (problem === '') log.info({ flag, path }, 'the file is there again');
      else
        log.warn(
          { flag, path, problem },
          this.#content === undefined ? without : 'going on with what the file last held',
        );
    }
    this.#problem = problem;
  }
}

async function readAtMost(path: string, maxBytes: number): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
    if (bytesRead > maxBytes) throw new RangeError(`${path}: is larger than ${maxBytes} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
