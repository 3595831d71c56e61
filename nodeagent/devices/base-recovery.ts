import type { VirtualFunctionBase } from '../../openapi/device-report.js';

export interface BaseRecoveryDeps {
  /** That are pushed to, by name. */
  readonly servers: readonly string[];
  readonly startedMs: number;
  /** How long they are waited for. */
  readonly patienceMs: number;
}

/**
 * What VFs stood at before this agent was started: its servers know, and say so in the answer to a report that says nothing of VFs. Until
 * one of them has, or all have said that they know nothing, or too long has passed, nothing is credited to anybody.
 */
export class BaseRecovery {
  readonly #untilMs: number;
  readonly #silent: Set<string>;
  #bases: readonly VirtualFunctionBase[] | undefined;

  constructor({ servers, startedMs, patienceMs }: BaseRecoveryDeps) {
    this.#silent = new Set(servers);
    this.#untilMs = startedMs + patienceMs;
  }

  /** @param bases what a server said in its answer */
  heard(server: string, bases: readonly VirtualFunctionBase[] = []): void {
    this.#silent.delete(server);
    // after that every server is told what we count, and says no more
    if (bases.length > 0) this.#bases ??= bases;
  }

  /** @returns undefined while there is something to wait for */
  bases(nowMs: number): readonly VirtualFunctionBase[] | undefined {
    return this.#bases ?? (this.#silent.size === 0 || nowMs >= this.#untilMs ? [] : undefined);
  }
}
