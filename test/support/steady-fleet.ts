import { gzipSync } from 'node:zlib';
import type { NodeReport, NodeReportAnswer } from '../../openapi/node-report.js';
import { NODE_REPORTS_PATH } from '../../openapi/report-terms.js';
import { systemClock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/sleep.js';
import { connectOverHttp1, type Connection, type Server } from './connections.js';
import { interfaceReport, nodeReport, podReport, readingOf } from './reports.js';

export const FLEET_INTERVAL_MS = 500;
/** Before the fleet began, its pods received for a minute three times what they do since a minute ago. */
const FAST_MS = 60_000;
const STEADY_MS = 60_000;
const PAST_STEP_MS = 1_000;

export interface FleetOptions {
  readonly nodes: number;
  readonly podsPerNode: number;
  readonly token: (node: number) => Promise<string>;
}

interface Sample {
  readonly sequence: number;
  readonly takenAt: number;
}

/** Agents with steady counters, each of which pushes to every server that it is told, over a connection of its own. */
export class SteadyFleet {
  readonly #options: FleetOptions;
  readonly #beganMs = systemClock.monotonicMs();
  readonly #samples: Sample[] = [];
  readonly #stop = new AbortController();
  #paused = false;
  /** Pushes that did not go well, by what was said. */
  readonly problems: string[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
    for (let ms = -FAST_MS - STEADY_MS; ms < 0; ms += PAST_STEP_MS) this.#sample(Math.round(this.#beganMs + ms));
    void this.#run();
  }

  /** What each pod receives, bytes a second. */
  rates(): Map<string, string> {
    const { nodes, podsPerNode } = this.#options;
    return new Map(Array.from({ length: nodes * podsPerNode }, (_, i) => [`web-${i}`, `${i + 1}k`]));
  }

  /** Pushes to a server until told to stop. */
  pushTo(server: Server): { stop: () => void } {
    const stop = new AbortController();
    for (let node = 0; node < this.#options.nodes; node++) void this.#push(node, server, stop.signal);
    return { stop: () => stop.abort() };
  }

  /** No new samples are taken; what there is goes on being pushed to who lacks it. */
  pause(): number {
    this.#paused = true;
    return this.#samples.at(-1)?.sequence ?? 0;
  }

  close(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (!this.#paused) this.#sample(Math.round(systemClock.monotonicMs()));
      await sleep(FLEET_INTERVAL_MS, this.#stop.signal);
    }
  }

  #sample(takenAt: number): void {
    this.#samples.push({ sequence: this.#samples.length + 1, takenAt });
  }

  async #push(node: number, server: Server, signal: AbortSignal): Promise<void> {
    const token = await this.#options.token(node);
    const either = AbortSignal.any([signal, this.#stop.signal]);
    const connection = connectOverHttp1(server);
    let confirmed = 0;
    while (!either.aborted) {
      const samples = this.#samples.filter(({ sequence }) => sequence > confirmed);
      if (samples.length > 0) confirmed = await this.#send(connection, this.#report(node, samples), token, either);
      await sleep(FLEET_INTERVAL_MS / 5, either);
    }
    connection.close();
  }

  /** @returns what the server has; 0 where that is not known */
  async #send(connection: Connection, report: NodeReport, token: string, signal: AbortSignal): Promise<number> {
    const headers = {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      authorization: `Bearer ${token}`,
    };
    try {
      const question = { method: 'POST', headers, payload: gzipSync(JSON.stringify(report)) };
      const { statusCode, body, text } = await connection.ask<NodeReportAnswer>(NODE_REPORTS_PATH, question);
      if (statusCode === 200) return body.lastSequence;
      this.problems.push(`${statusCode} ${text}`);
    } catch (error) {
      if (!signal.aborted) this.problems.push(String(error));
    }
    return 0;
  }

  #report(node: number, samples: readonly Sample[]): NodeReport {
    const { podsPerNode } = this.#options;
    const pods = Array.from({ length: podsPerNode }, (_, pod) => {
      const index = node * podsPerNode + pod;
      const readings = samples.map(({ takenAt }) => readingOf(this.#counted(takenAt) * (index + 1)));
      return podReport({ name: `web-${index}`, uid: `uid-web-${index}`, interfaces: [interfaceReport({ readings })] });
    });
    const sentAt = Math.round(systemClock.monotonicMs());
    return nodeReport(sentAt, {
      ...{ node: `node-${node}`, bootId: `boot-${node}`, instance: { id: `instance-${node}`, startedAt: 0 } },
      ...{
        sequence: samples.at(-1)?.sequence ?? 0,
        intervalMs: FLEET_INTERVAL_MS,
        sentAt,
        samples: [...samples],
        pods,
      },
    });
  }

  /** By the first pod: a thousand bytes a second, three thousand in the minute before the last one before the fleet began. */
  #counted(atMs: number): number {
    const steadyFromMs = Math.round(this.#beganMs) - STEADY_MS;
    return atMs + 2 * Math.min(0, atMs - steadyFromMs) + 2 * FAST_MS;
  }
}
