import { constants, openSync, writeSync } from 'node:fs';

/** Text to somebody who may stop reading: nothing here waits for him. */
export interface Output {
  /** Takes a text, or drops it whole. @returns whether it was taken */
  write(text: string): boolean;
  /** Whether what was written before has not all been read or buffered yet. */
  readonly isBehind: boolean;
  /** Before the process ends: gives what is left a moment to go out. */
  finish(): void;
}

/** Bytes that may be left over of what was written before; a text that comes on top of more is dropped. */
export const BEHIND_MAX = 256 * 1_024;
const RETRY_EVERY_MS = 100;
/** Long enough for a help text on a serial console. */
const FINISH_MS = 1_000;
const FINISH_STEP_MS = 10;

/** The output of a stream of the process. A terminal is opened anew, since Node waits for one at every write. */
export function createOutput(stream: NodeJS.WriteStream & { readonly fd: number }): Output {
  const terminal = stream.isTTY ? openTerminal(stream.fd) : undefined;
  return terminal === undefined ? streamOutput(stream) : new TerminalOutput(terminal, stream);
}

/**
 * An open file of our own: O_NONBLOCK on the one we were given would be the shell's, too. `/dev/tty` is for who runs as somebody else
 * (su) and may not open the terminal by its name.
 */
function openTerminal(fd: number): number | undefined {
  for (const path of [`/proc/self/fd/${fd}`, '/dev/tty']) {
    try {
      return openNonBlocking(path);
    } catch {
      continue; // there is another way
    }
  }
  return undefined;
}

/** @throws {Error} that of the system */
export function openNonBlocking(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
}

/** Of a pipe, which Node writes to without waiting and without end, or a file. */
function streamOutput(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => {
      const hasRoom = stream.writableLength <= BEHIND_MAX;
      if (hasRoom) stream.write(text);
      return hasRoom;
    },
    get isBehind() {
      return stream.writableLength > 0;
    },
    finish: () => undefined,
  };
}

/** Writes to an open file that does not block. What it does not take is kept and goes before all that comes later. */
export class TerminalOutput implements Output {
  readonly #fd: number;
  readonly #stream: Pick<NodeJS.WriteStream, 'write'>;
  #left = Buffer.alloc(0);
  #retry: NodeJS.Timeout | undefined;

  /** @param stream - the same terminal: hears what is wrong with it. */
  constructor(fd: number, stream: Pick<NodeJS.WriteStream, 'write'>) {
    this.#fd = fd;
    this.#stream = stream;
  }

  get isBehind(): boolean {
    return this.#left.length > 0;
  }

  write(text: string): boolean {
    if (this.#left.length > BEHIND_MAX) return false;
    this.#left = Buffer.concat([this.#left, Buffer.from(text)]);
    this.#flush();
    return true;
  }

  finish(): void {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; this.isBehind && waited < FINISH_MS; waited += FINISH_STEP_MS) {
      Atomics.wait(sleeper, 0, 0, FINISH_STEP_MS);
      this.#flush();
    }
  }

  #flush(): void {
    try {
      while (this.isBehind) this.#left = this.#left.subarray(writeSync(this.#fd, this.#left));
    } catch (error) {
      if (isFull(error)) {
        this.#retryLater();
        return;
      }
      // The terminal has gone. The process's own stream says so to whoever listens to its errors.
      const lost = this.#left.toString();
      this.#left = Buffer.alloc(0);
      this.#stream.write(lost);
    }
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
    }, RETRY_EVERY_MS).unref();
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
