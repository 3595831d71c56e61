import type { NodeReport } from '../openapi/node-report.js';
import type { SkipReason } from '../openapi/report-terms.js';
import type { Clock } from '../runtime/clock.js';
import { errorMessage } from '../runtime/logger.js';
import { CheckedReadings, type ReadingChecks } from './checked-readings.js';
import type { Collector } from './collectors/collector.js';
import type { PfReading } from './devices/device.js';
import type { Pod } from './inventory/pod.js';
import type { PodReadings } from './report/history.js';

/** What one round over some pods has read. */
export interface Round {
  /** Monotonic, milliseconds. */
  readonly takenAt: number;
  readonly readings: PodReadings;
  /** Undefined where they were not looked at. */
  readonly devices?: readonly PfReading[];
  /** Pods that were not read, by uid. */
  readonly skipped: ReadonlyMap<string, SkipReason>;
  /** What is to be told of pods that were not read, by pod and reason. */
  readonly failures: ReadonlyMap<string, string>;
  readonly collectors: NodeReport['collectors'];
}

export interface ReadRoundDeps {
  readonly collectors: ReadonlyMap<string, Collector>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly checks: ReadingChecks;
  /** What is not read by then is not read. */
  readonly timeoutMs: number;
}

/** Reads pods once: one collector after the other; what one had added before it failed or ran out of time stays. */
export async function readRound(
  pods: readonly Pod[],
  { collectors, clock, checks, timeoutMs }: ReadRoundDeps,
): Promise<Round> {
  const startedMs = clock.monotonicMs();
  const readings = new CheckedReadings(checks);
  const skipped = new Map<string, SkipReason>();
  const failures = new Map<string, string>();
  const results: NodeReport['collectors'] = [];
  let devices: readonly PfReading[] | undefined;
  const sweep: Parameters<Collector>[0] = {
    ...{ pods, startedMs },
    addInterfaces: (pod, interfaces, loopback) => readings.addInterfaces(pod, interfaces, loopback),
    addTransport: (pod, transport) => readings.addTransport(pod, transport),
    addDevices: (found) => (devices = found),
    skip: ({ uid, namespace, name }, reason, error) => {
      if (skipped.has(uid)) return;
      skipped.set(uid, reason);
      if (error !== undefined) failures.set(`${uid} ${reason}`, `${namespace}/${name}: ${errorMessage(error)}`);
    },
  };
  const signal = AbortSignal.timeout(timeoutMs);
  for (const [name, collect] of collectors) {
    const sinceMs = clock.monotonicMs();
    const error = await collect(sweep, signal).then(() => undefined, errorMessage);
    const seconds = (clock.monotonicMs() - sinceMs) / 1_000;
    results.push({
      ...{ name, seconds, ok: error === undefined },
      ...(error !== undefined && { error: error.slice(0, 1_024) }),
    });
  }
  return {
    // The middle of the reading: no reading is further from its time than half of what reading all of them took.
    takenAt: (startedMs + clock.monotonicMs()) / 2,
    readings: readings.checked(pods, startedMs),
    ...(devices !== undefined && { devices }),
    ...{ skipped, failures, collectors: results },
  };
}
