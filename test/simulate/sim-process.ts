import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Order, Question, Result } from './messages.js';

/** A thousand agents at once leave much behind, and it is not their collections that are to be measured. */
const NODE_OPTIONS = ['--max-semi-space-size=64'];

/** A process of the simulator's own. */
export class SimProcess {
  readonly #child: ChildProcess;
  readonly #role: Order['role'];

  constructor(order: Order) {
    this.#role = order.role;
    this.#child = fork(fileURLToPath(new URL('./process.js', import.meta.url)), {
      execArgv: [...process.execArgv, ...NODE_OPTIONS],
    });
    this.#child.send(order);
  }

  say(question: Question): void {
    if (this.#child.connected) this.#child.send(question);
  }

  /** @throws {Error} when it ends instead */
  async ask(question: Question): Promise<Result> {
    const ended = once(this.#child, 'exit');
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error(`the ${this.#role} ended`);
    const answered = once(this.#child, 'message');
    this.say(question);
    const [result] = (await Promise.race([
      answered,
      ended.then(() => {
        throw new Error(`the ${this.#role} ended`);
      }),
    ])) as [Result];
    return result;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.say('stop');
    await ended;
  }
}
