import type { VirtualFunctionBase } from '../../openapi/device-report.js';
import type { NodeReportAnswer } from '../../openapi/node-report.js';

export interface BaseRecoveryDeps {
  /** That are pushed to now, by name; undefined while it is not known which there are. */
  readonly servers: () => readonly string[] | undefined;
  readonly startedMs: number;
  /** How long servers are waited for. */
  readonly patienceMs: number;
  /** How long the others are waited for when one has answered. */
  readonly othersMs: number;
}

type Told = Pick<NodeReportAnswer, 'virtualFunctionBases' | 'virtualFunctionsAt'>;

/**
 * What VFs stood at before this agent was started: its servers know, and say so in the answer to a report that says nothing of VFs. Of
 * several the one is right that heard of them last: another may have been cut off since. Until all that there are have answered, or it
 * took too long, nothing is credited to anybody. One that is gone by then is not waited for; what it said counts.
 */
export class BaseRecovery {
  readonly #othersMs: number;
  readonly #servers: () => readonly string[] | undefined;
  /** Until the bases are taken. */
  readonly #heard = new Set<string>();
  #isTaken = false;
  #untilMs: number;
  #newest: { readonly bases: readonly VirtualFunctionBase[]; readonly atMs: number } = { bases: [], atMs: -Infinity };

  constructor({ servers, startedMs, patienceMs, othersMs }: BaseRecoveryDeps) {
    this.#servers = servers;
    this.#untilMs = startedMs + patienceMs;
    this.#othersMs = othersMs;
  }

  /** @param told what a server said in its answer; of VFs that it is told about it says nothing */
  heard(server: string, { virtualFunctionBases: bases = [], virtualFunctionsAt: atMs = 0 }: Told, nowMs: number): void {
    if (this.#isTaken || this.#heard.has(server)) return;
    this.#heard.add(server);
    if (bases.length === 0) return;
    this.#untilMs = Math.min(this.#untilMs, nowMs + this.#othersMs);
    if (atMs > this.#newest.atMs) this.#newest = { bases, atMs };
  }

  /** Once: what it returns it does not keep. @returns undefined while there is something to wait for */
  take(nowMs: number): readonly VirtualFunctionBase[] | undefined {
    const isSomebodySilent = this.#servers()?.some((server) => !this.#heard.has(server)) ?? true;
    if (!this.#isTaken && isSomebodySilent && nowMs < this.#untilMs) return undefined;
    this.#isTaken = true;
    this.#heard.clear();
    const { bases } = this.#newest;
    this.#newest = { bases: [], atMs: -Infinity };
    return bases;
  }
}
