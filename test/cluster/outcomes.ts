import { errorMessage } from '../../runtime/logger.js';
import { Interrupted } from './wait.js';

/** What cannot be done without failed: the rest of the run has no sense. */
export class SetupFailed extends Error {
  override readonly name = 'SetupFailed';
  readonly code = 'E2E_SETUP';
}

export interface OutcomesOptions {
  /** One line without its end. */
  readonly write: (line: string) => void;
  /** Words in the names of checks that are to be left out. */
  readonly skip: readonly string[];
  /** Aborted when the run is to end: what fails then tells nothing. */
  readonly signal: AbortSignal;
}

/** One line for each thing that is asserted, and how many of each there were. */
export class Outcomes {
  readonly #options: OutcomesOptions;
  #passed = 0;
  #skipped = 0;
  #failed = 0;

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  get failed(): number {
    return this.#failed;
  }

  get summary(): string {
    return `${this.#passed} ok, ${this.#failed} failed, ${this.#skipped} skipped`;
  }

  note(text: string): void {
    this.#options.write(text);
  }

  /** An assertion: it holds unless it throws. Whoever waits for the run to end is not kept by it. */
  async check(name: string, assertion: () => Promise<void>): Promise<void> {
    const word = this.#options.skip.find((one) => name.includes(one));
    if (word !== undefined) {
      this.skip(name, `--skip=${word}`);
      return;
    }
    try {
      await assertion();
    } catch (error) {
      this.#failUnlessEnding(name, error);
      return;
    }
    this.pass(name);
  }

  /**
   * A step without which nothing else can be asserted.
   * @throws {SetupFailed}
   */
  async require<T>(name: string, step: () => Promise<T>): Promise<T> {
    try {
      const result = await step();
      this.pass(name);
      return result;
    } catch (error) {
      this.#failUnlessEnding(name, error);
      throw new SetupFailed(name, { cause: error });
    }
  }

  pass(name: string): void {
    this.#passed++;
    this.#options.write(`ok    ${name}`);
  }

  skip(name: string, why: string): void {
    this.#skipped++;
    this.#options.write(`skip  ${name}: ${why}`);
  }

  fail(name: string, error: unknown): void {
    this.#failed++;
    this.#options.write(`FAIL  ${name}: ${errorMessage(error)}`);
  }

  /** @throws {Interrupted} */
  #failUnlessEnding(name: string, error: unknown): void {
    if (this.#options.signal.aborted) throw new Interrupted('interrupted', { cause: error });
    this.fail(name, error);
  }
}
