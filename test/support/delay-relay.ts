import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./delay-relay-process.js', import.meta.url));

/** An interface that a relay makes: a TAP device. Whoever has it made gives it addresses and sets it up. */
export interface RelayEnd {
  /** File of its namespace. */
  readonly netns: string;
  readonly name: string;
}

/** A wire between two interfaces, which are there as long as it is; a process copies the frames. For kernels that have no netem. */
export class DelayRelay implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: Interface;

  static async start(near: RelayEnd, far: RelayEnd): Promise<DelayRelay> {
    const relay = new DelayRelay([near.netns, near.name, far.netns, far.name]);
    await relay.#answer();
    return relay;
  }

  private constructor(args: readonly string[]) {
    this.#process = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#process.stdout });
  }

  /** From now on frames take so long each way. It begins with no delay but its own, some tenths of a millisecond. */
  async setDelayMs(oneWayMs: number): Promise<void> {
    const answer = this.#answer();
    this.#process.stdin.write(`${oneWayMs}\n`);
    await answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }

  /** Waits for the next line. @throws {Error} when the process has ended instead */
  async #answer(): Promise<void> {
    const stop = new AbortController();
    const ended = once(this.#process, 'exit', { signal: stop.signal }).then(([code]) => {
      throw new Error(`the relay has ended with ${String(code)}`);
    });
    try {
      await Promise.race([once(this.#answers, 'line', { signal: stop.signal }), ended]);
    } finally {
      stop.abort();
      ended.catch(() => undefined);
    }
  }
}
