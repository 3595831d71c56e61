import { putMetricDataInput } from './put-metric-data.js';
import type { Sink } from './sink.js';

/** Stands for the cluster where nobody has said which it is: no machine is asked for what is only printed. */
const UNKNOWN_CLUSTER_ID = '<cluster-id>';

export interface DryRunSinkOptions {
  readonly clusterId: string | undefined;
  /** Takes a line with its end. */
  readonly write: (line: string) => void;
}

/**
 * Prints a line for each request: the input of PutMetricData in JSON, as `aws cloudwatch put-metric-data --cli-input-json` takes it. What
 * could not be sent is refused here, too.
 */
export function createDryRunSink({ clusterId = UNKNOWN_CLUSTER_ID, write }: DryRunSinkOptions): Sink {
  return {
    send: async (datums) => {
      await Promise.resolve();
      write(`${JSON.stringify(putMetricDataInput(clusterId, datums))}\n`);
    },
  };
}
